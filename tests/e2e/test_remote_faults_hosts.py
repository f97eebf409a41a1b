"""Hosts that lack something, are full, read-only, silent or noisy: one sentence, and once mended the run is executed once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from far_lab import JOB, Far, open_far
from hostile import hostile
from lab import REPRUN, Answer, old_tool, until
from ssh_login import Login, find_faketime

from reprun import runner
from reprun.core.text import is_recordable

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux", "ssh", "sshd"), pytest.mark.timeout(300)]

# Files and folders that the runner is on a host, with their bytecode, and the top of the disk.
_RUNNER = 2 * (1 + len(list(Path(runner.__file__).parent.glob("*.py")))) + 7
ARGUMENTS = "import json, os, sys; json.dump(sys.argv[1:], open(os.environ['REPRUN_OUTPUT'] + '/said', 'w'))"


@pytest.fixture(scope="module")
def hosts() -> Iterator[Far]:
    with open_far() as far:
        yield far


@pytest.fixture
def far(hosts: Far, request: pytest.FixtureRequest) -> Iterator[Callable[..., Far]]:
    """Makes a host with such a login. Afterwards nothing was executed twice."""

    def make(**login: object) -> Far:
        hosts.move(f"host{len(hosts.lab.hosts)}", **login)
        return hosts

    yield make
    assert set(hosts.executed().values()) <= {1}


def relogin(far: Far, **login: object) -> None:
    """The login of the host is mended."""
    for path in far.host.home.glob(".bashrc"):
        path.unlink()
    Login(**login).write(far.host.folder)  # type: ignore[arg-type]


@pytest.mark.parametrize(("tool", "code"), [("python3", 4), ("git", 5), ("tmux", 5)])
def test_a_program_is_missing(far: Callable[..., Far], tool: str, code: int) -> None:
    host = far(without=(tool,))
    run_id = host.broke(host.launch(), code)
    assert tool in host.said and host.name in host.said
    relogin(host)
    host.mend(run_id)


@pytest.mark.needs("python-3.6")
def test_python_is_too_old(far: Callable[..., Far]) -> None:
    host = far()
    host.describe(python=os.path.join(old_tool("python-3.6"), "python3"))
    run_id = host.broke(host.launch())
    assert "3.8 is needed" in host.said
    host.describe()
    host.mend(run_id)


@pytest.mark.parametrize(
    ("rc", "why"),
    [
        ("exit 3", "ended before it ran anything"),
        ("cat >/dev/null", "said nothing"),
        ("head -c 10 >/dev/null", "did not arrive whole"),
        ("exec yes", "said nothing"),
    ],
)
def test_a_shell_file_that_leaves_us_no_chance(far: Callable[..., Far], rc: str, why: str) -> None:
    host = far(rc=f"{rc}\n")
    run_id = host.broke(host.launch())
    assert why in host.said
    relogin(host)
    host.mend(run_id)


def test_a_shell_file_that_prints_much(far: Callable[..., Far]) -> None:
    host = far(rc="head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2\n")
    host.ran(host.launch())


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """A small file system of its own."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"mode=700,{options}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.needs("mount")
@pytest.mark.parametrize(
    ("options", "code", "why"),
    [
        ("size=1m,ro", 5, "Read-only"),
        ("size=100k", 5, "No space left"),
        ("size=300k", 5, "No space left"),
        (f"nr_inodes={_RUNNER + 4}", 5, "No space left"),  # as a quota for the number of files does: room for the runner alone
    ],
)
def test_the_disk_is_full_or_read_only(far: Callable[..., Far], tmp_path: Path, options: str, code: int, why: str) -> None:
    host = far()
    place = tmp_path / "disk"
    with mounted(place, options):
        host.describe(home=str(place))
        run_id = host.broke(host.launch(), code)
        assert why in host.said
        subprocess.run(["mount", "-o", "remount,rw,size=100m,nr_inodes=100k", str(place)], check=True)
        host.mend(run_id)
        host.host.power_cut()


@pytest.mark.needs("mount")
def test_the_disk_is_full_on_a_host_that_has_the_runner(far: Callable[..., Far], tmp_path: Path) -> None:
    host = far()
    place = tmp_path / "disk"
    with mounted(place, "size=200m"):
        host.describe(home=str(place))
        host.ran(host.launch())
        with (place / "filler").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(1 << 20))
        run_id = host.broke(host.launch(), 5)
        assert "No space left" in host.said
        (place / "filler").unlink()
        host.mend(run_id)
        host.host.power_cut()


def test_a_limit_for_files_ends_git(far: Callable[..., Far]) -> None:
    """As a quota does: in the middle of a file."""
    host = far(rc="ulimit -f 50\n")
    (host.repo / "large").write_bytes(os.urandom(60_000))
    run_id = host.broke(host.launch(), 5)
    assert "a file is too large" in host.said
    (host.repo / "large").unlink()
    relogin(host)
    host.mend(run_id)


def test_a_folder_that_may_not_be_written(far: Callable[..., Far]) -> None:
    host = far()
    host.describe(home="/proc/nowhere")
    run_id = host.broke(host.launch(), 5)
    assert "/proc/nowhere" in host.said
    host.describe()
    host.mend(run_id)


def test_all_that_is_made_is_private(far: Callable[..., Far]) -> None:
    host = far(rc="umask 000\n")
    host.ran(host.launch())
    place = host.host.home / ".local" / "share" / "reprun"
    until(lambda: list(place.glob("runs/*/outcome.json")) and not list(place.glob("runs/*/started.json")), "the run is at rest")
    paths = [path for path in (place, *place.rglob("*")) if not path.is_symlink() and path.name != "output"]
    assert len(paths) > 50
    assert [path for path in paths if path.stat().st_mode & 0o022] == []


def test_the_session_is_not_seen_by_the_job(far: Callable[..., Far], monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what sshd tells about the connection nor the language of this machine, which ssh would send."""
    monkeypatch.setenv("LC_ALL", "xx_YY.UTF-8")
    monkeypatch.setenv("LANG", "xx_YY.UTF-8")
    host = far()
    with host.lab.config.open("a") as file:
        file.write("Host *\n  SendEnv LANG LC_*\n")
    (host.host.folder / "sshd_config").open("a").write("AcceptEnv LANG LC_*\n")
    host.host.restart()
    run_id = host.ran(host.launch("sh", "-c", 'env > "$REPRUN_OUTPUT/env"; ' + JOB[-1], str(host.count)))
    found = next(host.host.home.rglob(f"{run_id}/output/env")).read_text()
    assert "HOME=" in found and "xx_YY" not in found and "SSH_" not in found


@pytest.mark.needs("faketime", "python-3.8", "git-2.25")
@pytest.mark.parametrize("shift", ["-1d", "+1d"])
def test_the_clock_is_wrong(far: Callable[..., Far], shift: str) -> None:
    """Of a host with the oldest tools that will do. It is also what a wrong clock here looks like, but for the records here."""
    host = far(clock=shift, path=(old_tool("python-3.8"), old_tool("git-2.25")))  # faketime breaks the sleep of a newer Python
    run_id = host.ran(host.launch())
    assert host.state(run_id) == "finished"
    assert host.call("resume", run_id).rc == 0


# An interpreter like ours, with another time: faketime cannot do that for it. Its children are such interpreters too.
_OTHER_TIME = """#!{python}
import runpy, sys, time
now, now_ns = time.time, time.time_ns
time.time, time.time_ns = lambda: now() + {shift}, lambda: now_ns() + {shift} * 10**9
sys.executable = __file__
words = sys.argv[1:]
while words[0] in ("-I", "-S", "-B"):
    sys.dont_write_bytecode = sys.dont_write_bytecode or words[0] == "-B"
    del words[0]
sys.argv[:] = words
if words[0] == "-c":
    del sys.argv[1]
    exec(words[1])
else:
    runpy.run_path(words[0], run_name="__main__")
"""


@pytest.mark.parametrize("shift", [-86400, 86400])
def test_the_clock_of_an_interpreter_like_ours_is_wrong(far: Callable[..., Far], tmp_path: Path, shift: int) -> None:
    program = tmp_path / "python3"
    program.write_text(_OTHER_TIME.format(python=sys.executable, shift=shift))
    program.chmod(0o755)
    host = far(path=(tmp_path,))
    run_id = host.ran(host.launch())
    assert host.state(run_id) == "finished"
    assert host.call("resume", run_id).rc == 0
    outcome = host.call("show", "--json", run_id).json["data"]["outcome"]
    assert abs(outcome["started"] - time.time() - shift) < 3600 and 0 <= outcome["seconds"] < 3600


@pytest.mark.needs("faketime")
def test_the_clock_here_is_wrong(far: Callable[..., Far]) -> None:
    host = far()
    host.ran(host.launch())
    clock = {"LD_PRELOAD": str(find_faketime()), "FAKETIME": "-1d", "DONT_FAKE_MONOTONIC": "1"}
    done = subprocess.run([REPRUN, *host.words()], env={**os.environ, **clock}, capture_output=True, text=True, check=False)
    run_id = host.ran(Answer(done.returncode, done.stdout, done.stderr))
    assert host.state(run_id) == "finished"


def test_texts_arrive_and_are_not_executed(far: Callable[..., Far], tmp_path: Path) -> None:
    """As words, in the folders of the host and of the repository, and as the name of a host."""
    canary = tmp_path / "canary"
    texts = [text for text in hostile(canary) if is_recordable(text) and "{" not in text]
    host = far(home="a 'b' $(touch canary) `touch canary`\n-rf \\ !x")
    host.describe(home="~/-c 'c' $(touch canary)")
    folder = host.repo / "-a $(touch canary)"
    folder.mkdir()
    (folder / "job.py").write_text(ARGUMENTS)
    words = host.words("python3", "job.py", *texts)
    run_id = str(host.call(*words, cwd=folder).data["run_id"])
    assert host.state(run_id) == "finished"
    assert json.loads(next(host.host.home.rglob(f"{run_id}/output/said")).read_text()) == texts
    for name in ("-oProxyCommand=touch canary", "x@-oProxyCommand=touch canary", "x@$(touch canary)", "ssh://-oProxyCommand=x/y"):
        assert host.call("launch", f"--on={name}", "--", "true").rc == 2
    assert not list(tmp_path.rglob("canary")) and not list(host.lab.folder.rglob("canary"))
