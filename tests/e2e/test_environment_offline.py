"""Environments by hand, and the day on which a channel has lost what a run needs."""

from __future__ import annotations

import os
import signal
import subprocess
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from conda_channel import Channel
from conda_locks import write_lock
from lab import REPRUN, Answer, Run, until

Reprun = Callable[..., Answer]
COMMAND = ("--", "sh", "-c", "cat $CONDA_PREFIX/share/dial/version")


def write_environment(repo: Path, channel: Channel, *packages: str) -> None:
    (repo / "environment.yml").write_text(f"channels: ['{channel.url}']\ndependencies: [{', '.join(packages)}]\n")


def launched(reprun: Reprun, **how: Any) -> tuple[str, dict[str, Any]]:
    """A run that has ended well, and the environment in its manifest."""
    data = reprun("launch", "--follow", "--json", *COMMAND, **how).data
    assert data["outcome"]["exit_code"] == 0
    return data["run_id"], environment_of(data)


def environment_of(data: dict[str, Any]) -> dict[str, Any]:
    return dict(tomllib.loads(Path(data["run_dir"], "manifest.toml").read_text())["environment"])


@pytest.fixture
def project(repo: Path, home: Path, conda_channel: Channel, tmp_path: Path) -> Channel:
    """A project with an environment that is made at once, and a channel of its own."""
    channel = conda_channel.copy(tmp_path / "channel")
    write_lock(repo, channel, "dial=1.1", "dialer", "activator", "antique")
    return channel


def test_what_the_channel_has_lost_comes_out_of_a_pack_on_another_machine_and_is_told(
    project: Channel, repo: Path, reprun: Reprun, git: Run, tmp_path: Path
) -> None:
    first, environment = launched(reprun)
    assert "replaced" not in environment
    pack = tmp_path / "a b.tar"
    packed = reprun("env", "pack", first, "-o", str(pack), "--json").data
    assert (packed["packages"], packed["lock"], packed["bytes"]) == (4, environment["lock"], pack.stat().st_size)
    project.take_away("dial")
    lost = project.root / "noarch" / "dial-1.1-h0_0.conda"
    clone, other = tmp_path / "clone", {"REPRUN_HOME": str(tmp_path / "other")}
    git("clone", "-q", str(repo), str(clone))
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=clone)
    answer = reprun("reproduce", first, "--yes", "--json", cwd=clone, env=other)
    error = answer.json["error"]
    assert answer.rc == 5 and f"dial-1.1-h0_0.conda is gone: No such file or directory ({lost.as_uri()})" in error["message"]
    assert other["REPRUN_HOME"] in error["message"] and "reprun env unpack FILE" in error["hint"]
    answer = reprun("env", "pack", first, "--json", cwd=clone, env=other)
    assert answer.rc == 5 and "1 package cannot be had here" in answer.json["error"]["message"]
    assert not list((clone / ".git" / "reprun").glob("packs/*"))
    # what was interrupted goes on once the packages are there
    unpacked = reprun("env", "unpack", str(pack), "--json", cwd=clone, env=other).data
    assert (unpacked["packages"], unpacked["new"]) == (4, 1)
    assert reprun("resume", "@last", cwd=clone, env=other).rc == 0
    resumed = reprun("show", "@last", "--json", cwd=clone, env=other).data["manifest"]["environment"]
    assert resumed["replaced"] == ["dial-1.1-h0_0.conda from the pack a b.tar"]
    # and on a machine that has nothing at all, with one command
    project.root.rename(tmp_path / "gone")
    bare = {"REPRUN_HOME": str(tmp_path / "bare")}
    answer = reprun("reproduce", first, "--pack", str(pack), "--yes", "--json", cwd=clone, env=bare)
    assert answer.json["data"]["differences"] == [] and "not from where the lock says, but the same bytes: " in answer.stderr
    assert answer.stderr.count("from the pack a b.tar") == 1
    again = reprun("env", "pack", first, "--json", cwd=clone, env=bare).data
    assert Path(again["path"]).read_bytes() == pack.read_bytes()
    # a pack that lies in the repository is used by itself
    third = {"REPRUN_HOME": str(tmp_path / "third")}
    asked = reprun("env", "shell", first, "--", "true", cwd=clone, env=third)
    assert asked.rc == 3 and "comes from somebody else" in asked.stderr and "installs" in asked.stderr
    assert reprun("env", "shell", first, "--yes", "--", "true", cwd=clone, env=third).rc == 0


def test_a_pack_is_of_the_run_or_it_is_refused(project: Channel, repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    first, _ = launched(reprun)
    write_lock(repo, project, "dial=1.0")
    second, _ = launched(reprun)
    pack = str(tmp_path / "x.tar")
    assert reprun("env", "pack", second, "-o", pack).rc == 0
    answer = reprun("reproduce", first, "--pack", pack, "--json")
    assert answer.rc == 3 and "is of the lock" in answer.json["error"]["message"]
    (repo / "reprun.toml").write_text('[environment]\nkind = "system"\n')
    plain = reprun("launch", "--follow", "--json", "--", "true").data["run_id"]
    answer = reprun("env", "pack", plain, "--json")
    assert answer.rc == 3 and "has no locked environment" in answer.json["error"]["message"]
    assert reprun("env", "create", "--json").rc == 2
    answer = reprun("env", "shell", plain, "--", "true")
    assert answer.rc == 3 and "Traceback" not in answer.stderr
    answer = reprun("env", "pack", first, "-o", str(repo / "train.py"), "--json")
    assert answer.rc == 2 and (repo / "train.py").read_text().startswith("print")


def test_several_packs_at_once_and_one_that_is_killed(project: Channel, repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    write_lock(repo, project, "python", "dial")
    run_id, _ = launched(reprun)
    pack = tmp_path / "packs" / "x.tar"
    words = ("env", "pack", run_id, "-o", str(pack))
    process = subprocess.Popen([REPRUN, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: process.poll() is not None or list(tmp_path.glob("packs/*.tmp")), "it writes")
    process.send_signal(signal.SIGKILL)
    process.wait()
    if pack.exists():  # it was quicker
        assert reprun("env", "unpack", str(pack)).rc == 0
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: reprun(*words, "--json"), range(3)))
    assert all(answer.rc == 0 for answer in answers), answers
    assert os.listdir(pack.parent) == ["x.tar"]
    other = {"REPRUN_HOME": str(tmp_path / "other")}
    words = ("env", "unpack", str(pack))
    process = subprocess.Popen([REPRUN, *words], env={**os.environ, **other}, stdout=subprocess.DEVNULL)
    until(lambda: process.poll() is not None or list(tmp_path.glob("other/pkgs/tmp/*")), "it takes packages")
    process.send_signal(signal.SIGKILL)
    process.wait()
    kept = [path for path in tmp_path.glob("other/pkgs/objects/*/*/*") if path.is_file()]
    assert all(sha256(path.read_bytes()).hexdigest() == path.name for path in kept)
    with ThreadPoolExecutor(3) as pool:
        answers = list(pool.map(lambda _: reprun(*words, "--json", env=other), range(3)))
    assert {answer.data["packages"] for answer in answers} == {2}


def test_an_environment_is_made_once_and_entered_as_a_job_does(
    project: Channel, repo: Path, home: Path, reprun: Reprun, git: Run, tmp_path: Path
) -> None:
    (repo / "conda-lock.yml").unlink()
    write_environment(repo, project, "dialer", "activator", "antique")
    before = git("status", "--porcelain", "--ignored")
    dry = reprun("launch", "--dry-run", "--json", *COMMAND).data["environment"]
    assert (dry["state"], dry["lock"], dry["sources"]) == ("to solve", "", ["environment.yml"])
    assert not (home / "envs").exists(), "a dry run makes nothing"
    made = reprun("env", "create", "--json").data
    assert made["made"] and made["packages"] == 4
    assert reprun("env", "create", "--json").data == {**made, "made": False}
    dry = reprun("launch", "--dry-run", "--json", *COMMAND).data["environment"]
    assert (dry["state"], dry["lock"], dry["prefix"]) == ("there", made["lock"], made["prefix"])
    assert made["prefix"] in reprun("launch", "--dry-run", *COMMAND).stdout
    run_id, environment = launched(reprun)
    assert environment["prefix"] == made["prefix"] and git("status", "--porcelain", "--ignored") == before

    login = {"CONDA_PREFIX": "/opt/other", "LD_LIBRARY_PATH": "/opt/lib", "SECRET": "x", "TERM": "dumb"}
    shown = (
        'echo "$ACTIVATOR_HOME $ACTIVATOR_LEVEL $CONDA_PREFIX $PYTHONPATH $PWD ${LD_LIBRARY_PATH-no} ${SECRET-no} $TERM"; exit 7'
    )
    folder = repo / "conf"
    answer = reprun("env", "shell", run_id, "--", "sh", "-c", shown, cwd=folder, env=login)
    prefix = made["prefix"]
    assert answer.stdout == f"{prefix}/share/activator seven {prefix} {repo} {folder} no no dumb\n" and answer.rc == 7
    assert reprun("env", "shell", ".", "--", "no-such-command").rc == 127
    # what is gone is made again from the lock of the run, whatever the sources say now
    write_environment(repo, project, "dial=1.0")
    assert reprun("gc", "--yes", "--keep", "0").rc == 0 and not os.path.exists(prefix)
    assert reprun("env", "shell", run_id, "--", "cat", f"{prefix}/share/dial/version").stdout == "1.1\n"
    (repo / "other.yml").write_text((repo / "environment.yml").read_text().replace("1.0", "2.0"))
    other = reprun("env", "create", "other.yml", "--json").data
    assert (Path(other["prefix"]) / "share/dial/version").read_text() == "2.0\n"
    assert reprun("env", "create", "../other.yml", "--json").rc == 2


def test_gc_takes_locks_of_no_run_and_by_request_packages_that_nothing_has(
    project: Channel, repo: Path, home: Path, reprun: Reprun, git: Run
) -> None:
    first, environment = launched(reprun)
    write_lock(repo, project, "dial=1.0")
    second, other = launched(reprun)
    write_lock(repo, project, "dial=2.0", "antique")
    memo = reprun("env", "create", "--json").data

    def archives() -> set[str]:
        return {path.name for path in home.glob("pkgs/objects/*/*/*")}

    def found(*words: str) -> set[str]:
        answer = reprun("gc", "--keep", "0", "--json", *words).data
        return {item["what"] for item in answer["found"] if item["kind"] in ("lock of no run", "package")}

    kept = repo / ".git" / "reprun" / "locks"
    assert {Path(item).name.partition(".")[0] for item in found() if item.endswith(".yml")} == {memo["lock"]}
    for name in ("runs", "manifests", "outcomes"):
        git("update-ref", "-d", f"refs/reprun/{name}/{second}")
    assert f"refs/reprun/locks/{other['lock']}" in found()
    found("--yes")
    assert git("for-each-ref", "--format=%(refname)", "refs/reprun/locks") == f"refs/reprun/locks/{environment['lock']}"
    assert [path.stem for path in kept.glob("*.yml")] == [environment["lock"]]
    assert len(archives()) == 6 and not list((home / "envs").glob("*/"))
    spare = found("--packages")
    assert {Path(path).name for path in spare} == {project.entry("dial", "2.0")["sha256"]}, "the run's folder has 1.0 on record"
    found("--packages", "--yes")
    assert len(archives()) == 5
    process = subprocess.Popen(["true"])
    process.wait()
    left = [home / "pkgs" / "tmp" / f"7.{process.pid}.tmp", repo / ".git" / "reprun" / "packs" / f"x.tar.{process.pid}.tmp"]
    for path in left:
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert reprun("gc", "--yes").rc == 0 and not any(path.exists() for path in left)
    assert reprun("reproduce", first, "--json").json["data"]["differences"] == []
