"""An environment is what its lock says: made once, complete or not there at all, and never changed afterwards."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from conda_channel import Channel
from env_lab import TOOLS, make, request, said
from lab import end_processes_of, unprivileged, until

from reprun.runner.env_activate import activated
from reprun.runner.env_archives import find_archive
from reprun.runner.env_record import find_record, is_whole
from reprun.runner.errors import RunnerError
from reprun.runner.files import try_locked
from reprun.runner.identity import start_time
from reprun.runner.main import handle
from reprun.runner.paths import Home

ALL = ("python", "pip", "greeter", "prefixdemo", "activator", "antique", "dial=1.1", "dialer")


def is_free(prefix: str) -> bool:
    """Whether nobody makes the environment."""
    with try_locked(prefix + ".lock") as is_mine:
        return is_mine


def test_what_is_in_it_works_and_a_job_gets_its_activation(conda_channel: Channel, home: Path) -> None:
    record = make(home / "a b ü%41 (x)[1]", conda_channel.plan(*ALL, wheels=True))
    prefix = record["prefix"]
    login = {
        "PATH": "/opt/other/bin:/usr/bin:/bin", "CONDA_PREFIX": "/opt/other", "CONDA_EXE": "/opt/conda", "PYTHONPATH": "/opt/lib",
        "LD_LIBRARY_PATH": "/opt/lib", "VIRTUAL_ENV": "/opt/venv", "PYTHONHOME": "/opt", "HOME": str(home), "TZ": "UTC",
    }  # fmt: skip
    env = activated(login, record["activation"])
    assert (env["ACTIVATOR_HOME"], env["ACTIVATOR_LEVEL"]) == (f"{prefix}/share/activator", "seven")
    assert (env["CONDA_PREFIX"], env["TZ"], env["PATH"]) == (prefix, "UTC", f"{prefix}/bin:/usr/bin:/bin")
    assert not {"CONDA_EXE", "PYTHONPATH", "LD_LIBRARY_PATH", "VIRTUAL_ENV", "PYTHONHOME"} & set(env)
    assert said("sh", "-c", "prefixdemo; greet; tally; python -c 'import sys; print(sys.prefix)'", env=env).split("\n") == [
        f"{prefix}/share", f"greetings from {prefix}", f"tally {prefix}", prefix,
    ]  # fmt: skip
    assert record["md5_only"] == ["antique-1.0-h0_0.tar.bz2"] and record["packages"] == 9
    meta = json.loads(Path(prefix, "conda-meta", "dialer-1.0-h0_0.json").read_text())
    assert meta["url"] == conda_channel.entry("dialer")["url"] and meta["sha256"] == conda_channel.entry("dialer")["sha256"]
    assert not list(Path(prefix).rglob("direct_url.json")), "pip notes where this host keeps the archive"


def test_it_is_made_once_by_twenty_at_once_and_nobody_may_change_it(conda_channel: Channel, home: Path) -> None:
    plan = conda_channel.plan("python", "prefixdemo")
    with ThreadPoolExecutor(20) as pool:
        records = list(pool.map(lambda _: make(home, plan), range(20)))
    assert all(record == records[0] for record in records)
    prefix = records[0]["prefix"]
    for folder, folders, files in os.walk(prefix):
        for name in [".", *folders, *files]:
            found = os.lstat(os.path.join(folder, name))
            assert stat.S_ISLNK(found.st_mode) or not found.st_mode & 0o222, os.path.join(folder, name)
    assert unprivileged("sh", "-c", f"echo x > {prefix}/bin/new || echo x > {prefix}/bin/prefixdemo").returncode
    assert is_whole(prefix, records[0])
    assert sorted(os.listdir(home / "envs")) == [f"{plan['digest'][:32]}{end}" for end in ("", ".lock", ".log")]


def test_a_package_that_is_not_what_was_locked_is_refused_by_name(conda_channel: Channel, home: Path) -> None:
    plan = conda_channel.plan("dial", "spoiled")
    with pytest.raises(RunnerError, match=r"spoiled-1\.0-h0_0\.conda is not the package that was locked: its sha256") as refused:
        make(home, plan)
    assert refused.value.kind == "refused" and not os.path.lexists(Home(str(home)).prefix(plan["digest"]))


def test_a_package_that_is_gone_is_refused_by_name_unless_it_is_here(conda_channel: Channel, home: Path, tmp_path: Path) -> None:
    mine = conda_channel.copy(tmp_path / "mine")
    plan, more = mine.plan("fleeting"), mine.plan("fleeting", "dial")
    mine.take_away("fleeting")
    with pytest.raises(RunnerError, match=r"the package fleeting-1\.0-h0_0\.conda is gone"):
        make(home, plan)
    mine.root.rename(tmp_path / "away")
    conda_channel.copy(tmp_path / "mine")
    make(home, plan)
    (tmp_path / "mine").rename(tmp_path / "again")
    (tmp_path / "away").rename(tmp_path / "mine")
    make(home, more)


def test_an_archive_that_was_damaged_here_is_fetched_anew(conda_channel: Channel, home: Path) -> None:
    make(home, conda_channel.plan("dial"))
    place = Home(str(home))
    path = find_archive(place, conda_channel.entry("dial"))
    assert path
    Path(path).write_bytes(b"something else")
    record = make(home, conda_channel.plan("dial", "dialer"))
    assert Path(record["prefix"], "share", "dial", "version").read_text() == "2.0\n"


def test_what_another_environment_shares_and_a_job_has_changed_is_not_taken(conda_channel: Channel, home: Path) -> None:
    first = make(home, conda_channel.plan("dial"))
    shared = Path(first["prefix"], "share", "dial", "version")
    shared.chmod(0o644)
    shared.write_text("9.9\n")
    second = make(home, conda_channel.plan("dial", "dialer"))
    assert Path(second["prefix"], "share", "dial", "version").read_text() == "2.0\n"


def test_half_an_environment_is_made_anew(conda_channel: Channel, home: Path) -> None:
    """The maker and what it has started are killed at random instants, the last time after it has begun to install."""
    plan = conda_channel.plan("python", "pip", "prefixdemo")
    prefix, chance = Home(str(home)).prefix(plan["digest"]), random.Random(5)
    for attempt in range(3):
        handle(request(home, plan, wait=0))
        if attempt == 2:
            until(lambda: os.path.isdir(os.path.join(prefix, "conda-meta")) or os.path.isdir(os.path.join(prefix, "lib")))
        else:
            time.sleep(chance.random())
        end_processes_of(str(home))
        until(lambda: is_free(prefix))  # a process that dies loses its memory first, and its locks after that
    record = make(home, plan)
    assert said(f"{prefix}/bin/prefixdemo") == f"{prefix}/share"
    assert said(f"{prefix}/bin/python", "-m", "pip", "--version").startswith("pip")
    assert is_whole(prefix, record)


def test_nobody_begins_while_an_installer_whose_maker_was_killed_still_writes(conda_channel: Channel, home: Path) -> None:
    script, begun, wait = (home / name for name in ("python", "begun", "wait"))
    script.write_text(f'#!/bin/sh\ntouch {begun}\nwhile [ -e {wait} ]; do sleep 0.02; done\nexec {sys.executable} "$@"\n')
    script.chmod(0o755)
    wait.touch()
    plan = conda_channel.plan("dial")
    prefix = Home(str(home)).prefix(plan["digest"])
    handle(request(home, plan, tools={**TOOLS, "interpreter": str(script)}, wait=0))
    until(begun.exists)
    maker = json.loads(Path(prefix + ".doing").read_bytes())["pid"]
    os.kill(maker, signal.SIGKILL)
    until(lambda: start_time(maker) is None)
    assert not is_free(prefix)
    wait.unlink()
    assert make(home, plan)["digest"] == plan["digest"]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("kill -9 $PPID", "the process that makes the environment ends without a result"),
        ("kill -9 $$", "the installer of packages failed: ended by SIGKILL"),
        ("echo no space >&2; exit 3", "the installer of packages failed: no space"),
    ],
)
def test_a_maker_or_an_installer_that_dies_is_an_error(conda_channel: Channel, home: Path, line: str, why: str) -> None:
    script = home / "python"
    script.write_text(f"#!/bin/sh\n{line}\n")
    script.chmod(0o755)
    plan = conda_channel.plan("dial")
    with pytest.raises(RunnerError, match=re.escape(why)):
        make(home, plan, tools={"interpreter": str(script), "path": "/nowhere"})
    assert not os.path.lexists(Home(str(home)).prefix(plan["digest"])) or "PPID" in line
    assert make(home, plan)["packages"] == 1


@pytest.mark.needs("mount")
def test_a_full_disk_is_one_sentence_and_the_next_try_works(conda_channel: Channel, tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    plan = conda_channel.plan("python", "pip")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m,mode=0700", "tmpfs", str(small)], check=True)
    try:
        with pytest.raises(RunnerError, match="No space left on device") as full:
            make(small, plan)
        assert "\n" not in full.value.message and full.value.hint
        assert not os.path.lexists(Home(str(small)).prefix(plan["digest"]))
        subprocess.run(["mount", "-o", "remount,size=200m", str(small)], check=True)
        assert said(make(small, plan)["prefix"] + "/bin/python", "-c", "print(7)") == "7"
    finally:
        until(lambda: subprocess.run(["umount", str(small)], capture_output=True, check=False).returncode == 0)


def test_after_a_boot_it_is_looked_at_and_made_anew_where_files_were_lost(conda_channel: Channel, home: Path) -> None:
    plan = conda_channel.plan("dial")
    record = make(home, plan)
    mark, file = Path(record["prefix"], ".reprun-complete"), Path(record["prefix"], "share", "dial", "version")
    text = mark.read_text().replace(record["boot"], "another boot")
    for path in (mark.parent, mark, file):
        path.chmod(0o700)
    mark.write_text(text)
    file.write_text("")
    again = make(home, plan)
    assert again["boot"] == record["boot"] and file.read_text() == "2.0\n"


def test_what_was_damaged_after_it_was_complete_is_made_anew_and_what_python_compiles_is_no_damage(
    conda_channel: Channel, home: Path
) -> None:
    record = make(home, conda_channel.plan("python", "greeter"))
    prefix = Path(record["prefix"])
    module = next(prefix.glob("lib/python3*/site-packages/greeter.py"))
    for folder in (prefix, module.parent, prefix / "bin"):
        folder.chmod(0o700)
    (module.parent / "__pycache__" / "greeter.other.pyc").parent.mkdir(exist_ok=True)
    (module.parent / "__pycache__").chmod(0o700)
    (module.parent / "__pycache__" / "greeter.other.pyc").touch()
    os.utime(module.parent)
    assert find_record(Home(str(home)), record["digest"]) == record, "looked at as a whole"
    looked = Path(f"{prefix}.boots").read_text()
    assert find_record(Home(str(home)), record["digest"]) == record and Path(f"{prefix}.boots").read_text() == looked
    for damage in (module.unlink, lambda: (prefix / "bin").rename(prefix / "lib" / "bin")):
        for folder in (prefix, module.parent, prefix / "lib", prefix / "bin"):
            folder.chmod(0o700)
        damage()
        assert find_record(Home(str(home)), record["digest"]) is None
        assert make(home, conda_channel.plan("python", "greeter"))["made"] > record["made"] and module.exists()


@pytest.mark.parametrize(
    "change",
    [{"file": "../../x.conda"}, {"sha256": "", "md5": ""}, {"sha256": "zz"}, {"manager": "npm"}],
    ids=str,
)
def test_a_plan_that_is_none_is_refused(conda_channel: Channel, home: Path, change: dict[str, str]) -> None:
    plan = conda_channel.plan("dial")
    plan["packages"][0].update(change)
    with pytest.raises(RunnerError):
        handle(request(home, plan))
    assert not (home / "envs").exists()
