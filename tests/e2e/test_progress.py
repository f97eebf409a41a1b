"""Something that takes long says what it is busy with, on a terminal and only there."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest
from lab import REPRUN, Run

SLOW = 'sh -c "sleep 1.2; cat"'


def on_a_terminal(words: list[str]) -> str:
    """What a command shows on a terminal."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    said = b""
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the terminal is gone with its last user
            break
        if not piece:
            break
        said += piece
    os.close(ours)
    assert process.wait() == 0
    return said.decode()


@pytest.fixture
def slow_repo(repo: Path, git: Run) -> Path:
    """A repository in which taking a snapshot takes more than a second."""
    (repo / ".gitattributes").write_text("*.slow filter=slow\n")
    git("config", "filter.slow.clean", SLOW)
    (repo / "a.slow").write_text("x\n")
    return repo


def test_a_slow_snapshot_is_told_on_a_terminal_and_the_line_goes_away(slow_repo: Path, home: Path) -> None:
    said = on_a_terminal([REPRUN, "launch", "--", "true"])
    assert "taking the snapshot … " in said
    after = said.rpartition("taking the snapshot")[2]
    assert "\r\x1b[K" in after and "commit" in after.partition("\r\x1b[K")[2]


def test_a_pipe_hears_nothing_of_it(slow_repo: Path, home: Path) -> None:
    done = subprocess.run([REPRUN, "launch", "--", "true"], capture_output=True, text=True, check=True)
    assert "taking" not in done.stdout + done.stderr
