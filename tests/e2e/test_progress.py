"""Something that takes long says what it is busy with, on a terminal and only there."""

from __future__ import annotations

import os
import pty
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from away_lab import know
from lab import REPRUN, Run
from ssh_lab import SshHost

from reprun.runner.files import locked

SLOW = 'sh -c "sleep 1.2; cat"'


def on_a_terminal(words: list[str], hear: Callable[[str], object] = len) -> str:
    """What a command shows on a terminal; `hear` gets what it has shown so far, again and again."""
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
        hear(said.decode("utf-8", "replace"))
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


@pytest.mark.parametrize("target", ["local", "gpu1"])
def test_how_far_a_checkout_is(
    repo: Path, home: Path, git: Run, ssh_host: SshHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str
) -> None:
    """The filter of the last file waits until it was seen that the others are written."""
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host)
    (repo / ".gitattributes").write_text("z.slow filter=slow\n")
    wait = f"n=0; until [ -e {tmp_path}/seen ] || [ $n = 3000 ]; do n=$((n + 1)); sleep 0.02; done"
    git("config", "filter.slow.smudge", f"sh -c '{wait}; cat'")
    git("config", "filter.slow.clean", "cat")
    (repo / "z.slow").write_text("x\n")

    def look(said: str) -> None:
        where = "this machine" if target == "local" else target
        if f"writing the worktree on {where}: {count - 1} of {count} files …" in said:
            (tmp_path / "seen").touch()

    git("add", "-A")
    count = len(git("ls-files").splitlines())
    assert "commit" in on_a_terminal([REPRUN, "launch", "--on", target, "--", "true"], look)
    assert (tmp_path / "seen").exists()


def test_who_waits_for_another_sweep_says_so(repo: Path, home: Path) -> None:
    (repo / "sweep.yaml").write_text("template:\n  train: echo {x}\n---\nx: [1]\n")
    lock = repo / ".git" / "reprun" / "sweeps" / "lock"
    lock.parent.mkdir(parents=True)
    held = ExitStack()
    held.enter_context(locked(str(lock), exclusive=True))
    said = on_a_terminal(
        [REPRUN, "sweep", "sweep.yaml"], lambda said: "waiting for another sweep of this repository … " in said and held.close()
    )
    assert "1 run queued" in said
