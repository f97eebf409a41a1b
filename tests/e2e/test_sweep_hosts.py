"""One sweep on several hosts: shared by free slots, each task once, whatever dies meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections import Counter
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, is_alive, says_nicely
from lab import REPRUN, Answer, processes_of, until
from remote_lab import describe
from ssh_lab import SshLab

from reprun.runner.files import locked

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]

JOB = """
import pathlib, sys, time
place = pathlib.Path(sys.argv[1])
with open(place / "count", "a") as file:
    file.write(sys.argv[2] + "\\n")
gates = [place / "gate", place / ("gate-" + sys.argv[2]), pathlib.Path.home() / "gate"]
while not any(gate.exists() for gate in gates):
    time.sleep(0.02)
pathlib.Path(sys.argv[3], "model").write_text(sys.argv[2])
"""


class Shared:
    """A sweep on hosts with so many slots; each task is counted when it begins, and waits for the gate."""

    def __init__(self, repo: Path, reprun: Reprun, place: Path, lab: SshLab) -> None:
        self.repo, self.place, self.call = repo, place, reprun
        self.hosts = (lab.host("gpu1").meet(), lab.host("gpu2").meet())
        describe(repo, *self.hosts, timeout=20)
        (repo / "job.py").write_text(JOB)
        (place / "count").touch()
        for host, count in zip(self.hosts, "21", strict=True):
            assert self.reprun("queue", "slots", "--cpu", count, "--on", host.name).rc == 0

    def reprun(self, *words: str) -> Answer:
        return self.call(*words, env=self.hosts[0].environ)

    def sweep(self, *words: str) -> list[dict[str, Any]]:
        return list(self.reprun("sweep", "sweep.yaml", "--json", *words).data["steps"])

    def write(self, tasks: int, *, test: bool = False) -> None:
        text = f"template:\n  train: python3 job.py {self.place} {{x}} {{_output}}\n"
        text += f"  test: cat {{_output}}/model && python3 job.py {self.place} test-{{x}} {{_output}}\n" if test else ""
        (self.repo / "sweep.yaml").write_text(f"{text}---\nx: {list(range(tasks))}\n")

    def counted(self) -> Counter[str]:
        return Counter((self.place / "count").read_text().split())

    def rows(self) -> list[dict[str, Any]]:
        return list(self.reprun("ls", "--json").data)

    def await_end(self, tasks: int) -> list[str]:
        """Until the sweep is over; the log of its keeper."""
        log = until(self.is_over, "the sweep is over")
        assert Counter(row["state"] for row in self.rows())["finished"] == tasks
        assert {step["action"] for step in self.sweep("--on", "gpu1,gpu2")} == {"skip"}
        return log

    def log(self) -> list[str]:
        """What the keepers have written."""
        return list(self.reprun("sweep", "log", "sweep.yaml", "--json").data["lines"])

    def is_over(self) -> list[str]:
        """What the keeper has done, when it was all."""
        data = self.reprun("sweep", "log", "sweep.yaml", "--json").data
        return list(data["lines"]) if data["state"] == "over: done" else []


@pytest.fixture
def shared(repo: Path, reprun: Reprun, ssh_lab: SshLab, tmp_path: Path) -> Shared:
    place = tmp_path / "place"
    place.mkdir()
    return Shared(repo, reprun, place, ssh_lab)


def test_a_host_and_the_keeper_die_in_the_middle(shared: Shared) -> None:
    gpu2 = shared.hosts[1]
    shared.write(8)
    steps = shared.sweep("--on", "gpu1,gpu2", "--ahead", "1")
    assert Counter(step["target"] for step in steps if step["action"] == "start") == {"gpu1": 4, "gpu2": 2}
    assert sum(step["action"] == "later" for step in steps) == 2
    until(lambda: len(shared.counted()) == 3, "all slots are busy")
    for name in ("job.py", "sweep.yaml"):  # what is edited later is for the next sweep
        (shared.repo / name).write_text("raise SystemExit(1)\n")
    log = until(lambda: shared.reprun("sweep", "log", "sweep.yaml", "--json").data["lines"])
    os.kill(int(log[0].split()[-1]), signal.SIGKILL)
    gpu2.power_cut()
    until(lambda: shared.reprun("sweep", "log", "sweep.yaml", "--json").data["state"] == "killed")
    (shared.place / "gate").touch()
    resumed = shared.reprun("queue", "resume")
    assert resumed.rc == 0 and "the sweep sweep.yaml goes on" in resumed.stderr
    until(lambda: len(shared.counted()) == 7, "gpu1 has done its own, and what had waited here")
    lost = next(step for step in steps if step["target"] == "gpu2")
    unknown = f"{lost['run_id']} is on gpu2, and what became of it is not known"
    until(lambda: unknown in shared.reprun("sweep", "why", lost["run_id"]).stdout, "it is said why nothing is done")
    gpu2.start()
    (shared.repo / "job.py").write_text(JOB)
    shared.write(8)
    log = shared.await_end(8)
    again = {name for name, count in shared.counted().items() if count > 1}
    assert len(again) <= 1 and len(shared.counted()) == 8, shared.counted()  # the one that ran when the power went
    assert any("gpu2 gets nothing" in line for line in log) and any("gpu2 takes part again" in line for line in log)


def test_a_host_that_is_gone(shared: Shared) -> None:
    gpu2 = shared.hosts[1]
    shared.write(5, test=True)
    steps = shared.sweep("--on", "gpu1,gpu2")
    by_task = {step["name"]: {one["target"] for one in steps if one["name"] == step["name"]} for step in steps}
    assert len(by_task) == 5 and all(len(hosts) == 1 for hosts in by_task.values())  # the stages of a task stay together
    there = [step for step in steps if step["target"] == "gpu2"]
    assert [step["stage"] for step in there] == ["train", "test"] * 2
    trained = {step["name"].split("_")[1] for step in there}
    until(lambda: len(shared.counted()) == 3, "all slots are busy")
    for name in trained:
        (shared.place / f"gate-{name}").touch()
    began = until(lambda: [f"test-{name}" for name in trained if shared.counted()[f"test-{name}"]], "a second stage has begun")
    answer = shared.reprun("sweep", "sweep.yaml", "--gone", "gpu2")
    assert answer.rc == 3 and "gpu2 answers, so it is not gone" in answer.stderr
    finished = {row["run_id"] for row in shared.rows() if row["state"] == "finished"}
    gpu2.power_cut()
    answer = shared.reprun("sweep", "sweep.yaml", "--gone", "gpu2", "--json")
    lost = {step["run_id"] for step in there} - finished
    assert set(answer.data["lost"]) == lost
    (shared.place / "gate").touch()
    until(shared.is_over, "the sweep is over")
    # What the lost stage began with has gone with its host.
    again = {name for name, count in shared.counted().items() if count == 2}
    assert {began[0], began[0].removeprefix("test-")} <= again <= trained | set(began)
    assert max(shared.counted().values()) == 2 and len(shared.counted()) == 10
    states = {row["run_id"]: row["state_words"] for row in shared.rows() if row["state"] == "lost"}
    assert states == dict.fromkeys(lost, "lost (gpu2 is gone)")
    gpu2.start()
    assert {step["action"] for step in shared.sweep("--on", "gpu1,gpu2")} == {"skip"}
    said = {row["state_words"] for row in shared.rows() if row["run_id"] in lost}
    assert "canceled (taken back: its task is another host's by now)" in said


def test_what_waits_elsewhere_is_moved_to_an_idle_slot(shared: Shared) -> None:
    shared.write(6)
    steps = shared.sweep("--on", "gpu1,gpu2", "--ahead", "all")
    assert Counter(step["target"] for step in steps) == {"gpu1": 4, "gpu2": 2}
    until(lambda: len(shared.counted()) == 3, "all slots are busy")
    (shared.hosts[0].home / "gate").touch()
    until(lambda: len(shared.counted()) == 6, "gpu1 has done its own, and what had to wait for gpu2")
    moved = next(row for row in shared.rows() if row["state"] == "canceled")
    assert moved["target"] == "gpu2" and "taken back for another host" in moved["state_words"]
    (shared.place / "gate").touch()
    shared.await_end(6)
    assert set(shared.counted().values()) == {1}


def test_wrong_words(shared: Shared) -> None:
    shared.write(3)
    shared.hosts[0].lab.add("again", shared.hosts[0], shared.hosts[0].address)
    with (shared.repo / "reprun.toml").open("a") as file:
        file.write('[targets.again]\nhost = "again"\n')
    for words, said in (
        (("--on", "gpu1,gpu1"), "names gpu1 twice"),
        (("--on", ","), "names no target between its commas"),
        (("--on", "gpu1,gpu9"), "there is no target 'gpu9'"),
        (("--on", "gpu1,gpu2", "--ahead", "many"), "neither a number nor all"),
        (("--on", "gpu1,again"), "gpu1 and again are the same host"),
        (("--gone", "gpu1"), "was never shared by several hosts"),
    ):
        answer = shared.reprun("sweep", "sweep.yaml", *words)
        assert answer.rc in (2, 6) and said in answer.stderr and says_nicely(answer), answer


FAILS = """
import pathlib, sys
place, name = pathlib.Path(sys.argv[1]), sys.argv[2]
with open(place / "count", "a") as file:
    file.write(name + "\\n")
if (place / "count").read_text().split().count(name) < 2 or not int(name) < 4:
    sys.exit("no luck")
"""


def test_what_fails_is_tried_again_and_too_many_alike_are_held_everywhere(shared: Shared) -> None:
    (shared.repo / "job.py").write_text(FAILS)
    shared.write(4)
    sweep = shared.repo / "sweep.yaml"
    sweep.write_text("retries: 1\n" + sweep.read_text())
    shared.sweep("--on", "gpu1,gpu2")
    until(shared.is_over, "the sweep is over")
    assert shared.counted() == dict.fromkeys("0123", 2)
    assert Counter(row["state"] for row in shared.rows()) == {"finished": 4, "failed": 4}
    shared.write(12)
    sweep.write_text("stop_after: 2\n" + sweep.read_text())
    shared.sweep("--on", "gpu1,gpu2", "--ahead", "1")

    said = "what is left is held, gpu"
    until(lambda: said in shared.reprun("sweep", "log", "sweep.yaml").stdout, "what is left is held")
    assert len(shared.counted()) < 12
    (shared.repo / "job.py").write_text("")
    shared.sweep("--on", "gpu1,gpu2")
    until(shared.is_over, "the sweep is over")  # the code is another one: all of them ran again
    states = [row["state"] for row in shared.rows()]
    assert states[:12] == ["finished"] * 12 and "queued" not in states, states


MEETING = """
import os, pathlib, sys, time
place, mine = pathlib.Path(sys.argv[1]), os.environ["HOME"].split("/")[-2]
if mine.startswith("gpu"):
    (place / f"met-{mine}").touch()
    until = time.monotonic() + 50
    while len(list(place.glob("met-*"))) < 2 or (place / "stay").exists():
        if time.monotonic() > until:
            sys.exit("the other host has not begun")
        time.sleep(0.02)
"""


def is_talking(pid: int) -> bool:
    """An ssh of a command of ours; the connection that it leaves to the next one has a name of its own."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"ssh\0-F\0")
    except OSError:
        return False


def test_hosts_are_prepared_at_the_same_time(shared: Shared) -> None:
    """The check of each waits until that of the other has begun. Who interrupts that leaves nothing."""
    (shared.repo / "meeting.py").write_text(MEETING)
    for name in ("gate", "stay"):
        (shared.place / name).touch()
    with (shared.repo / "reprun.toml").open("a") as file:
        file.write(f'[preflight]\ncommand = ["python3", "meeting.py", "{shared.place}"]\n')
    shared.write(3)
    words, environ = (REPRUN, "sweep", "sweep.yaml", "--on", "local,gpu1,gpu2"), {**os.environ, **shared.hosts[0].environ}
    with subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        until(lambda: len(list(shared.place.glob("met-*"))) == 2, "both hosts are at it")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
    assert shared.rows() == []
    assert not [pid for pid in processes_of(str(shared.hosts[0].config)) if is_talking(pid)]
    for path in (shared.place / "stay", *shared.place.glob("met-*")):
        path.unlink()
    steps = shared.sweep("--on", "local,gpu1,gpu2")
    assert {step["target"] for step in steps} == {"local", "gpu1", "gpu2"}
    until(shared.is_over, "the sweep is over")
    assert shared.counted() == dict.fromkeys("012", 1)


def test_a_clock_that_was_set_back_and_a_repository_that_was_moved(shared: Shared) -> None:
    (shared.repo / "job.py").write_text(JOB + "sys.exit('no luck')\n")
    shared.write(3)
    for host in shared.hosts:
        shared.reprun("queue", "pause", "--on", host.name)
    steps = shared.sweep("--on", "gpu1,gpu2")
    assert {(step["action"], step["reason"]) for step in steps} == {("later", "waits for a host that takes it")}
    assert shared.reprun("sweep", "stop", "sweep.yaml").rc == 0
    pin = next((shared.repo / ".git/reprun/sweeps/kept").glob("*/pin.json"))
    until(lambda: shared.reprun("sweep", "log", "sweep.yaml").stdout.count("the keeper ends"), "nobody works on the pin")
    tomorrow = f"{datetime.now(timezone.utc) + timedelta(days=1):%Y%m%d-%H%M%S}-00"
    data = {**json.loads(pin.read_text()), "since": tomorrow, "ended": ""}
    pin.write_text(json.dumps(data))  # as by a clock that is a day ahead, and right again
    for host in shared.hosts:
        shared.reprun("queue", "resume", "--on", host.name)
    (shared.place / "gate").touch()
    assert "the sweep sweep.yaml goes on" in shared.reprun("queue", "resume").stderr
    until(shared.is_over, "what has failed under this pin is not tried again and again")
    assert shared.counted() == dict.fromkeys("012", 1)
    (shared.place / "gate").unlink()
    shared.sweep("--on", "gpu1,gpu2")
    begun = until(lambda: [line for line in shared.log() if "keeper begins" in line][2:], "the third keeper is at work")
    keeper = int(begun[-1].split()[-1])
    with locked(str(pin.parents[2] / "lock"), exclusive=True):  # no pass is under way
        moved = shared.repo.rename(shared.place / "moved")
    (shared.place / "gate").touch()
    until(lambda: not is_alive(keeper), "the keeper has gone")
    assert not shared.repo.exists()
    moved.rename(shared.repo)


def test_a_host_that_can_start_no_worker(shared: Shared) -> None:
    """What went into its queue is said to be there, and goes to another host in the end."""
    lame = shared.hosts[0].lab.host("lame", without=("tmux",)).meet()
    describe(shared.repo, *shared.hosts, lame, timeout=20)
    shared.write(3)
    steps = shared.sweep("--on", "gpu2,lame")
    assert {step["reason"] for step in steps if step["action"] == "later"} == {
        "was being given to lame: tmux is not installed (on lame)"
    }
    (shared.place / "gate").touch()
    until(shared.is_over, "the sweep is over")
    assert shared.counted() == dict.fromkeys("012", 1)
