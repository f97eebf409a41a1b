"""Runners of other versions on a host: they go when nobody uses them any more, and none is taken from a job that runs."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from e2e_lab import Reprun
from lab import until
from remote_lab import PLACE, describe, folder, launch_on
from ssh_lab import SshHost

import reprun as package

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]


def another_version(place: Path) -> dict[str, str]:
    """The environment in which the installed command is one with another runner."""
    copy = shutil.copytree(Path(package.__file__).parent, place / "reprun", ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "runner" / "hello.py").open("a") as file:
        file.write(f"# {place}\n")
    return {"PYTHONPATH": str(place)}


def runners(host: SshHost) -> set[Path]:
    return set((host.home / PLACE / "runners").iterdir())


def let_rest(host: SshHost) -> None:
    """Two days pass in which nobody speaks to the host."""
    for path in runners(host):
        os.utime(path, (time.time() - 2 * 86400,) * 2)


def collect(reprun: Reprun, host: SshHost, *words: str) -> set[Path]:
    """The runners that gc finds, or removes."""
    found = reprun("gc", "--on", host.name, "--json", *words, env=host.environ).data["found"]
    assert all(item["bytes"] > 100_000 for item in found if item["kind"] == "runner")
    return {Path(item["what"]) for item in found if item["kind"] == "runner"}


def test_runners_of_other_versions(
    repo: Path, reprun: Reprun, ssh_host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(repo, ssh_host)
    known: set[Path] = set()
    made = []
    environments = [another_version(tmp_path / "one"), another_version(tmp_path / "two"), {}]
    for number, environ in enumerate(environments):
        with monkeypatch.context() as patch:
            for name, value in environ.items():
                patch.setenv(name, value)
            run_id = launch_on(reprun, ssh_host, "--", "sleep", "0" if number else "1000")["run_id"]
        if number:
            until((folder(ssh_host, run_id) / "outcome.json").exists, "it ended")
        else:
            running = run_id
        (new,) = runners(ssh_host) - known
        known.add(new)
        made.append(new)
    busy, spent, present = made

    assert collect(reprun, ssh_host) == set()  # all were in use today
    let_rest(ssh_host)
    until(lambda: collect(reprun, ssh_host) == {spent}, "the supervisor of the run that is over has ended")
    assert runners(ssh_host) == known
    let_rest(ssh_host)
    assert collect(reprun, ssh_host, "--yes") == {spent} and runners(ssh_host) == {busy, present}

    assert reprun("stop", running, env=ssh_host.environ).rc == 0  # its supervisor still finds what it is made of
    assert reprun("wait", "--json", running, env=ssh_host.environ).json["data"][0]["state"] == "stopped"
    let_rest(ssh_host)
    until(lambda: collect(reprun, ssh_host, "--yes") == {busy}, "the supervisor has ended")
    assert runners(ssh_host) == {present}

    for name, value in environments[1].items():
        monkeypatch.setenv(name, value)
    launch_on(reprun, ssh_host, "--", "true")  # that version believed its runner to be there
    assert runners(ssh_host) == {spent, present}
