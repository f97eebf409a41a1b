"""What every scheduler must do, whoever wrote it: members are found by the entry point `reprun.schedulers`."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from lab import until

from reprun.runner.process import run
from reprun.schedulers.base import SUPERVISE, Scheduler, Submission

RUN_ID = "20261121-031622-m4k7qx"
MEMBERS = sorted(entry_points(group="reprun.schedulers"), key=lambda entry: entry.name)


@pytest.fixture(params=MEMBERS, ids=lambda entry: entry.name)
def scheduler(request: pytest.FixtureRequest) -> Scheduler:
    member: Scheduler = request.param.load()()
    assert member.name == request.param.name
    return member


def test_the_family_has_members() -> None:
    assert "tmux" in [entry.name for entry in MEMBERS]


def test_the_words_hold_the_supervisor_once(scheduler: Scheduler) -> None:
    words = scheduler.submit(Submission(RUN_ID, "/tmp/s.sock"))
    assert words.count(SUPERVISE) == 1 and all(isinstance(word, str) and "\0" not in word for word in words)


def test_text_in_text_out(scheduler: Scheduler) -> None:
    submission = Submission(RUN_ID, "/tmp/s.sock")
    for ask in (scheduler.submit, scheduler.attach, scheduler.look, scheduler.session):
        assert ask(submission) == ask(submission)


def test_two_runs_never_share_a_session(scheduler: Scheduler) -> None:
    one, other = (Submission(run_id, "/tmp/s.sock") for run_id in (RUN_ID, RUN_ID[:-1] + "y"))
    assert scheduler.session(one) != scheduler.session(other)
    assert scheduler.attach(one) != scheduler.attach(other) and scheduler.look(one) != scheduler.look(other)


@pytest.mark.parametrize(
    "path", ["/tmp/with space", "/tmp/$(touch pwned)", "/tmp/#(touch pwned)", "/tmp/new\nline", "/tmp/'\"`;"]
)
def test_a_path_stays_one_word(scheduler: Scheduler, path: str) -> None:
    for words in (scheduler.submit(Submission(RUN_ID, path)), scheduler.attach(Submission(RUN_ID, path))):
        assert all(word == path or path not in word for word in words)


@pytest.mark.needs("tmux")
def test_what_is_submitted_runs_without_a_shell(scheduler: Scheduler, home: Path) -> None:
    submission = Submission(RUN_ID, str(home / "s.sock"))
    literal, seen = "$(touch pwned); #(touch pwned) 'x", home / "seen"
    script = f"import sys, time; open({str(seen)!r}, 'w').write(sys.argv[1] + chr(0)); time.sleep(60)"
    words: list[str] = []
    for word in scheduler.submit(submission):
        words += [sys.executable, "-c", script, literal] if word == SUPERVISE else [word]
    run(words, cwd=str(home))
    until(lambda: seen.exists() and seen.read_text().endswith("\0"), "it was started")
    assert seen.read_text() == literal + "\0" and not list(home.rglob("pwned"))
    assert run(scheduler.look(submission), check=False).returncode == 0
    assert run(scheduler.look(Submission(RUN_ID[:-1], submission.socket)), check=False).returncode != 0  # no prefixes
    twice = run(words, cwd=str(home), check=False)
    assert twice.returncode != 0  # the second of a name is refused
    if scheduler.name == "tmux":
        subprocess.run(["tmux", "-S", submission.socket, "kill-server"], check=True, env=dict(os.environ))
    until(lambda: run(scheduler.look(submission), check=False).returncode != 0, "nothing is left to look at")
