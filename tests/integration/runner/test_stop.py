"""Stopping: TERM, the grace period, KILL; for all that the job started; and which of them it took."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from lab import until
from supervisor_lab import Make, sh

from reprun.runner.processes import strays
from reprun.runner.stop import stop

DEAF = "trap '' TERM; echo up; while :; do sleep 0.05; done"


def test_a_job_that_ends_at_term(make: Make) -> None:
    job = make(*sh("trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.05; done"))
    process = job.start()
    job.printed("up")
    answer = stop(job.run, 60)
    assert (answer["state"], answer["reason"], answer["exit_code"]) == ("stopped", "TERM", 0)
    assert process.wait(60) == 0 and Path(job.run.stdout).read_text() == "up\nbye\n"
    assert not os.path.exists(job.run.stop) and not os.path.exists(job.run.started)


def test_a_job_that_dies_of_term(make: Make) -> None:
    job = make(*sh("echo up; sleep 600"))
    job.start()
    job.printed("up")
    stop(job.run, 60)
    assert job.words == ("stopped", "TERM", 143)


@pytest.mark.parametrize("grace", [0, 0.2])
def test_a_job_that_ignores_term(make: Make, grace: float) -> None:
    job = make(*sh(DEAF))
    job.start()
    job.printed("up")
    stop(job.run, grace)
    assert job.words == ("stopped", "KILL", 137)


@pytest.mark.parametrize(
    "child",
    [
        f'sh -c "{DEAF}" & wait',
        f'setsid sh -c "{DEAF}" & wait',
        'setsid sh -c "echo up; sleep 600" & wait',
        f'setsid sh -c "{DEAF}" & exit_soon=1; trap "exit 0" TERM; while :; do sleep 0.05; done',
        'nohup setsid sh -c "trap \\"\\" HUP INT TERM; (echo up; exec sleep 600) & wait" & sleep 600',
    ],
)
def test_no_child_survives(make: Make, child: str) -> None:
    job = make(*sh(child))
    job.start()
    job.printed("up")
    stop(job.run, 0.3)
    assert strays(job.run.run_id) == []
    assert job.state == "stopped"


def test_without_a_supervisor(make: Make) -> None:
    job = make(*sh(f'setsid sh -c "{DEAF}" & {DEAF}'))
    job.start()
    job.printed("up\nup")
    job.kill("supervisor")
    stop(job.run, 0.2)
    assert job.words == ("stopped", "KILL", None)
    assert strays(job.run.run_id) == []
    assert job.outcome["problems"] == ["its supervisor was killed before"]


def test_a_run_that_is_over_is_left_as_it_is(make: Make) -> None:
    job = make(*sh("exit 3"))
    outcome = job.finish()
    assert stop(job.run, 1)["state"] == "failed"
    assert job.outcome == outcome and not os.path.exists(job.run.stop)


def test_a_run_that_never_started(make: Make) -> None:
    job = make("true")
    assert stop(job.run, 1)["state"] == "unstarted"
    assert not os.path.exists(job.run.stop)


def test_a_term_that_nobody_asked_for_is_no_stop(make: Make) -> None:
    job = make(*sh("echo up; sleep 600"))
    process = job.start()
    job.printed("up")
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert job.words == ("failed", "", 143)


def test_two_that_stop_at_once(make: Make) -> None:
    import threading

    job = make(*sh(DEAF))
    job.start()
    job.printed("up")
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(stop(job.run, 0.1)["state"])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["stopped", "stopped"]
    until(lambda: job.words == ("stopped", "KILL", 137))
