"""Whatever is killed, at whatever moment: the state is the truth, and the job starts at most once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lab import until
from supervisor_lab import Job, Make, sh

from reprun.runner.identity import is_alive, start_time


def rewrite(path: str, **values: Any) -> None:
    data = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**data, **values}))


def test_a_killed_supervisor(make: Make, tmp_path: Path) -> None:
    job = make(*sh('echo up; while ! test -e "$GO"; do sleep 0.02; done; echo end'), env={"GO": str(tmp_path / "go")})
    process = job.start()
    job.printed("up")
    job.kill("supervisor")
    process.wait(60)
    state, reason, code = job.words
    assert (state, code) == ("running", None) and "supervisor" in reason
    (tmp_path / "go").touch()
    job.printed("end")
    until(lambda: job.state == "lost")
    assert job.words == ("lost", "its supervisor was killed", None)
    assert job.supervise().wait(60) == 0
    assert Path(job.run.stdout).read_text() == "up\nend\n"


def test_a_killed_job(make: Make) -> None:
    job = make(*sh("echo up; sleep 600"))
    process = job.start()
    job.printed("up")
    job.kill("job")
    assert process.wait(60) == 137
    assert job.words == ("failed", "", 137)


def test_both_killed(make: Make) -> None:
    job = make(*sh("echo up; sleep 600"))
    process = job.start()
    job.printed("up")
    os.kill(process.pid, signal.SIGSTOP)
    job.kill("job")
    os.kill(process.pid, signal.SIGKILL)
    process.wait(60)
    assert job.words == ("lost", "its supervisor was killed", None)
    assert job.supervise().wait(60) == 0


@pytest.mark.parametrize(
    "boot", [{"boot_id": "12345678-1234-1234-1234-123456789abc"}, {"init_start": 1}], ids=["machine", "container"]
)
def test_a_reboot(make: Make, boot: dict[str, Any]) -> None:
    """The processes of the record live, but under another boot they are other processes."""
    job = make(*sh("echo up; sleep 600"))
    process = job.start()
    job.printed("up")
    os.kill(process.pid, signal.SIGSTOP)
    rewrite(job.run.started, **boot)
    assert job.words == ("lost", "host rebooted", None)


def test_a_reused_pid(make: Make) -> None:
    job = make(*sh("echo up; sleep 600"))
    job.start()
    job.printed("up")
    started = job.started
    for who in ("supervisor", "job"):
        started[who]["start"] += 1
    rewrite(job.run.started, **started)
    assert job.words == ("lost", "its supervisor was killed", None)


def test_killed_between_the_exit_status_and_the_collecting(make: Make) -> None:
    """The status is on disk before the slow part; what is lost is only the list of outputs."""
    job = make(*sh("exit 5"))
    code = (
        "import os, signal, sys\n"
        "from reprun.runner import supervisor\n"
        "supervisor.Watch._finish = lambda *_: os.kill(os.getpid(), signal.SIGSTOP)\n"
        "supervisor.supervise(sys.argv[1])\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code, job.run.path])
    until(lambda: os.path.exists(job.run.started) and "exit_code" in job.started, "the exit status is recorded")
    assert job.words == ("running", "collecting its outputs", None)
    process.kill()
    process.wait(60)
    assert job.words == ("failed", "its supervisor ended before the outputs were collected", 5)


def test_killed_before_the_job_was_let_go(make: Make) -> None:
    """The gate: between the fork and the durable record the job has not run its first instruction, and never does."""
    job = make(*sh("echo ran"))
    code = (
        "import os, signal, sys\n"
        "from reprun.runner import supervisor\n"
        "def die(run, plan, job):\n"
        "    print(job, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "supervisor.start_record = die\n"
        "supervisor.supervise(sys.argv[1])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, job.run.path], capture_output=True, text=True, check=False)
    assert done.returncode == -9
    child = int(done.stdout)
    until(lambda: start_time(child) is None, "the waiting job ended")
    assert job.state == "unstarted"
    assert not os.path.exists(job.run.stdout)
    assert job.finish()["exit_code"] == 0  # the next supervisor takes over, as nothing ever ran
    assert Path(job.run.stdout).read_text() == "ran\n"
    assert sorted(name for name in os.listdir(job.run.path) if name.startswith("claim")) == ["claim", "claim.2"]


def test_killed_between_the_record_and_the_release(make: Make) -> None:
    """The job makes its log before its first instruction: without it the run is not lost, and the next supervisor starts it."""
    job = make(*sh("echo ran"))
    code = (
        "import os, signal, sys\n"
        "from reprun.runner import supervisor\n"
        "supervisor.is_owner = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "supervisor.supervise(sys.argv[1])\n"
    )
    assert subprocess.run([sys.executable, "-c", code, job.run.path], check=False).returncode == -9
    until(lambda: not is_alive(job.started["job"]), "the waiting job ended")
    assert job.words == ("unstarted", "its launch was interrupted before the start", None)
    assert job.finish()["exit_code"] == 0
    assert Path(job.run.stdout).read_text() == "ran\n"


def test_a_log_that_is_there_stops_a_second_job(make: Make) -> None:
    """Whatever else says that the run may start: a job that finds a log had a forerunner, and does nothing."""
    job = make(*sh("echo again"))
    Path(job.run.stdout).write_text("first\n")
    job.supervise().wait(60)
    assert Path(job.run.stdout).read_text() == "first\n"


def test_started_under_another_boot_it_may_have_run(make: Make) -> None:
    """A machine that lost power may have lost the log too: then nobody can tell, and it is not started again."""
    job = make(*sh("echo ran"))
    record = {"state": "running", "boot_id": "another", "init_start": 1, "supervisor": {"pid": 1, "start": 0}, "started": 0}
    Path(job.run.started).write_text(json.dumps(record))
    assert job.words == ("lost", "host rebooted", None)
    assert job.supervise().wait(60) == 0
    assert not os.path.exists(job.run.stdout)


@pytest.mark.parametrize("text", ["", "{", "[]", "null\n"])
@pytest.mark.parametrize("name", ["started", "outcome"])
def test_a_torn_record_is_unknown_not_a_guess(make: Make, name: str, text: str) -> None:
    job = make("true")
    Path(getattr(job.run, name)).write_text(text)
    state, reason, code = job.words
    assert (state, code) == ("unknown", None) and f"{name}.json" in reason
    assert job.supervise().wait(60) == 0
    assert not os.path.exists(job.run.stdout)


def is_over(job: Job) -> bool:
    """Starts it again whenever it never ran: also after a look at a job that still waited at the gate of a dead supervisor."""
    state = job.state
    if state == "unstarted":
        job.supervise().wait(60)
    return state not in ("unstarted", "running", "starting")


def test_killed_at_random_moments_a_job_runs_at_most_once(make: Make, tmp_path: Path) -> None:
    """Supervisors that are killed ever later, each followed by another that is not."""
    for step in range(25):
        count = tmp_path / f"count{step}"
        job = make(*sh('echo x >> "$COUNT"'), env={"COUNT": str(count)})
        first = job.supervise()
        try:
            first.wait(step * 0.004)
        except subprocess.TimeoutExpired:
            first.kill()
        first.wait(60)
        until(lambda job=job: is_over(job))
        ran = count.read_text().count("x") if count.exists() else 0
        state = job.words
        assert ran == 1, (step, state)


def test_a_full_disk_holds_up_the_end_but_loses_nothing(make: Make, tmp_path: Path) -> None:
    """The record of the end cannot be written at first; it is tried again."""
    job: Job = make(*sh('echo up; while ! test -e "$GO"; do sleep 0.02; done; exit 6'), env={"GO": str(tmp_path / "go")})
    process = job.start()
    job.printed("up")
    in_the_way = [Path(f"{job.run.started}.{number}.{process.pid}.tmp") for number in range(64)]
    for folder in in_the_way:
        folder.mkdir()  # where the file would be written aside
    (tmp_path / "go").touch()
    until(lambda: job.words[0] == "running" and not is_alive(job.started["job"]), "the job has ended")
    time.sleep(0.2)
    assert job.words[0] == "running", "the end is on record although it could not be written"
    for folder in in_the_way:
        folder.rmdir()
    assert process.wait(60) == 6
    assert job.words == ("failed", "", 6)
