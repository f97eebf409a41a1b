"""What nvidia-smi says, or does not say, of the GPUs of a queue: a program of that name stands for it."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import until

from reprun.runner.facts import ask_gpus, read_answer
from reprun.runner.files import ensure_dir
from reprun.runner.paths import Home
from reprun.runner.queue_gpus import FOREIGN, GONE, Foreigners, Late
from reprun.runner.queue_slots import find_slots, set_slots, usual_slots
from reprun.runner.queue_worker import Worker

Smi = Callable[[str], None]
LISTED = "GPU 0: H100 (UUID: GPU-00)\\nGPU 1: H100 (UUID: GPU-11)\\n"


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    """Puts a program of that name first on PATH, made of these lines of shell; `$1` is what it is asked."""
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def put(script: str) -> None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    return put


def says(apps: str, listed: str = LISTED) -> str:
    """Lines of shell that answer the two questions of the queue."""
    return f"case $1 in -L) printf '{listed}';; *) printf '{apps}';; esac"


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Callable[..., int]]:
    """Starts a process with these variables; its number."""
    found: list[subprocess.Popen[bytes]] = []

    def start(**env: str) -> int:
        # It says that it is there: until then its environment is that of this process.
        pipe, environ = subprocess.PIPE, {**os.environ, **env}
        found.append(subprocess.Popen(["sh", "-c", "echo; read line"], env=environ, stdin=pipe, stdout=pipe))
        stdout = found[-1].stdout
        assert stdout is not None and stdout.readline()
        return found[-1].pid

    yield start
    for one in found:
        one.kill()
        one.communicate()


def look(foreigners: Foreigners, held: set[str]) -> dict[str, str]:
    """What is blocked after another look."""
    foreigners._at = 0.0
    foreigners.first({"GPU-00", "GPU-11", "7"}, held)
    return foreigners.blocked


def test_one_that_hangs_is_given_up_with_what_it_has_started(smi: Smi, tmp_path: Path) -> None:
    smi(f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    asked = ask_gpus()
    pid = until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "it is up")
    assert read_answer(asked, 0.1) == "" and asked is not None and asked.returncode
    until(lambda: not os.path.exists(f"/proc/{pid}") or "Z" in Path(f"/proc/{pid}/stat").read_text().split(), "it is gone")


def test_one_that_says_no_end_of_things_is_given_up(smi: Smi) -> None:
    smi("while :; do printf '%4096s' x; done")
    assert read_answer(ask_gpus(), 1000) == ""


def test_an_old_driver_that_only_lists_its_gpus(smi: Smi) -> None:
    smi(f"case $1 in -L) printf '{LISTED}';; *) echo 'Field \"driver_version\" is not a valid field'; exit 2;; esac")
    assert [(slot.name, slot.gpus) for slot in usual_slots()] == [("0", ("GPU-00",)), ("1", ("GPU-11",))]


def test_a_gpu_that_is_gone_is_not_given_out(smi: Smi, tmp_path: Path) -> None:
    foreigners = Foreigners(str(tmp_path))
    smi(says(""))
    assert look(foreigners, set()) == {}
    smi(says("", "GPU 1: H100 (UUID: GPU-11)\\n"))
    assert look(foreigners, set()) == {"GPU-00": GONE}  # and nothing of one that goes by its number
    smi(says("", "garbage\\n"))
    assert look(foreigners, set()) == {}
    smi(says("GPU-11, 1\\n"))
    assert look(foreigners, set()) == {"GPU-11": f"{FOREIGN} (1)"}
    smi("exit 15")
    assert look(foreigners, set()) == {"GPU-11": f"{FOREIGN} (1)"}  # what was known stays so


def test_whose_process_computes(smi: Smi, sleeper: Callable[..., int], tmp_path: Path) -> None:
    """Runs of this queue are ours. One that was launched beside it, or is of another home, has the GPU for itself."""
    ours = sleeper(REPRUN_RUN_ID="r", REPRUN_SLOT="0", REPRUN_OUTPUT=str(tmp_path / "home/runs/r/output"))
    beside = sleeper(REPRUN_RUN_ID="r", REPRUN_OUTPUT=str(tmp_path / "home/runs/r/output"))
    other = sleeper(REPRUN_RUN_ID="r", REPRUN_SLOT="0", REPRUN_OUTPUT=str(tmp_path / "home2/runs/r/output"))
    for pid, blocked in ((ours, {}), (beside, {"GPU-00": f"{FOREIGN} ({beside})"}), (other, {"GPU-00": f"{FOREIGN} ({other})"})):
        smi(says(f"GPU-00, {pid}\\n"))
        assert look(Foreigners(str(tmp_path / "home")), {"GPU-00"}) == blocked


def test_gpus_that_come_after_the_worker_has_begun(smi: Smi, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reprun.runner.queue_gpus._PAUSE", 0.0)
    smi("echo 'NVIDIA-SMI has failed'; exit 9")
    late = Late()
    assert usual_slots()[0].gpus == () and late.look() == {}
    until(lambda: late._asked is None or late._asked.poll() is not None)
    assert late.look() == {}
    smi(says(""))
    assert until(late.look) == {"0": "GPU-00", "1": "GPU-11"}


@pytest.mark.parametrize("configured", [False, True])
def test_they_become_slots_unless_the_user_has_set_some(smi: Smi, tmp_path: Path, configured: bool) -> None:
    smi("exit 9")
    home = Home(str(tmp_path / "home"))
    ensure_dir(home.queue())
    reader, writer = os.pipe()
    worker = Worker(home, reader)
    if configured:
        set_slots(worker.table, None, 2)
    worker.begin()
    before = worker.slots
    smi(says(""))
    worker.late._at = -1000.0  # long ago
    while not (found := worker.late.look()):
        time.sleep(0.01)
    worker.late.look = lambda: found  # type: ignore[method-assign]
    assert worker._find_late() != configured
    now = [("0", ("GPU-00",)), ("1", ("GPU-11",))]
    assert [(slot.name, slot.gpus) for slot in worker.slots] == ([(slot.name, ()) for slot in before] if configured else now)
    assert find_slots(worker.table)[0] == worker.slots
    worker.end()
    os.close(reader)
    os.close(writer)
