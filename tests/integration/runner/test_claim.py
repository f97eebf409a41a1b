"""The claim: of any number of supervisors exactly one starts a run, and only a dead owner is followed by another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reprun.runner.claim import claim, current, is_owner, owner_lives, read_owner
from reprun.runner.identity import here, own, start_time
from reprun.runner.paths import RunDir

RACE = """
import multiprocessing, os, sys
from reprun.runner.claim import claim
from reprun.runner.paths import RunDir
folder, rounds, racers = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = multiprocessing.get_context("fork")
barrier = context.Barrier(racers)
def race():
    for number in range(rounds):
        run = RunDir(os.path.join(folder, str(number)))
        barrier.wait()
        generation = claim(run)
        if generation is not None:
            fd = os.open(os.path.join(run.path, "winners"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.write(fd, b"%d\\n" % generation)
    barrier.wait()
processes = [context.Process(target=race) for _ in range(racers)]
[process.start() for process in processes]
[process.join() for process in processes]
"""


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    folder = tmp_path / "20261121-031622-m4k7qx"
    folder.mkdir()
    return RunDir(str(folder))


def owner(pid: int, start: object, **place: object) -> str:
    where = {**here(), "host": os.uname().nodename, **place}
    return f"{where['boot_id']}:{where['init_start']}:{pid}:{start}:{where['host']}"


def dead() -> str:
    """The owner text of a process that has ended."""
    process = subprocess.Popen(["sleep", "600"])
    text = owner(process.pid, start_time(process.pid))
    process.kill()
    process.wait()
    return text


@pytest.mark.parametrize("taken", [False, True], ids=["fresh", "left by a dead owner"])
def test_a_hundred_races(tmp_path: Path, taken: bool) -> None:
    left = dead()
    for number in range(100):
        (tmp_path / str(number)).mkdir()
        if taken:
            (tmp_path / str(number) / "claim").symlink_to(left)
    subprocess.run([sys.executable, "-c", RACE, str(tmp_path), "100", "8"], check=True, timeout=120)
    winners = [(tmp_path / str(number) / "winners").read_text() for number in range(100)]
    assert winners == ["2\n" if taken else "1\n"] * 100


def test_a_living_owner_keeps_it(run: RunDir) -> None:
    assert claim(run) == 1
    assert claim(run) is None
    assert current(run) == (1, {**here(), **own(), "host": os.uname().nodename})
    assert is_owner(run, 1)


def test_a_dead_owner_is_followed(run: RunDir) -> None:
    os.symlink(dead(), run.claim(1))
    os.symlink(dead(), run.claim(2))
    assert claim(run) == 3
    assert not is_owner(run, 2)
    assert claim(run) is None


@pytest.mark.parametrize("place", [{"boot_id": "0000"}, {"init_start": 1}])
def test_an_owner_from_before_a_reboot_is_dead(run: RunDir, place: dict[str, object]) -> None:
    """Though its pid is that of a living process with the same start time: this one."""
    os.symlink(owner(os.getpid(), start_time(os.getpid()), **place), run.claim(1))
    assert not owner_lives(read_owner(run.claim(1)))
    assert claim(run) == 2


def test_a_reused_pid_is_another_process(run: RunDir) -> None:
    os.symlink(owner(os.getpid(), (start_time(os.getpid()) or 0) + 1), run.claim(1))
    assert claim(run) == 2


def test_nobody_can_tell_about_another_host(run: RunDir) -> None:
    text = dead()
    os.symlink(text.replace(os.uname().nodename, "elsewhere"), run.claim(1))
    assert claim(run) is None


@pytest.mark.parametrize("text", ["x", "a:b:c:d:e", ":::", "1:2:-:4:5"])
def test_a_claim_that_is_not_ours_is_respected(run: RunDir, text: str) -> None:
    os.symlink(text, run.claim(1))
    assert read_owner(run.claim(1)) == {}
    assert claim(run) is None


def test_a_claim_that_is_no_link_is_respected(run: RunDir) -> None:
    Path(run.claim(1)).write_text("")
    assert claim(run) is None


@pytest.mark.parametrize("name", ["started", "outcome"])
@pytest.mark.parametrize("claimed", [False, True])
def test_what_was_started_is_not_claimed(run: RunDir, name: str, claimed: bool) -> None:
    if claimed:
        os.symlink(dead(), run.claim(1))
    Path(getattr(run, name)).write_text("")
    assert claim(run) is None
    assert not os.path.lexists(run.claim(2))


def test_a_host_name_with_colons(run: RunDir) -> None:
    os.symlink(owner(1, 2, host="a:b:c"), run.claim(1))
    assert read_owner(run.claim(1))["host"] == "a:b:c"
