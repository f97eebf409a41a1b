"""Many records are kept with few processes, and one that cannot be kept holds up no other."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest
from lab import Run

from reprun.repo.discover import find_repository
from reprun.repo.pruning import keep_blobs

WANTED = {f"refs/reprun/outcomes/run-{number}": f"outcome {number}\n".encode() for number in range(5)}
FIRST = next(iter(WANTED))


@pytest.fixture
def calls(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with the words of every git that is started, one line for each."""
    (repo / ".git" / "reprun").mkdir()
    folder, log = tmp_path / "counting", tmp_path / "calls"
    folder.mkdir()
    (folder / "git").write_text(f'#!/bin/sh\necho "$@" >> "{log}"\nexec "{shutil.which("git")}" "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return log


def kept(git: Run) -> dict[str, bytes]:
    names = git("for-each-ref", "--format=%(refname)", "refs/reprun").split()
    return {name: git("cat-file", "blob", name).encode() + b"\n" for name in names}


def test_few_processes_for_many(repo: Path, git: Run, calls: Path) -> None:
    repository = find_repository(str(repo))
    calls.unlink()
    assert keep_blobs(repository, WANTED) == set(WANTED)
    assert len(calls.read_text().splitlines()) == 3
    assert kept(git) == WANTED and not list((repo / ".git" / "reprun").iterdir())
    calls.unlink()
    assert keep_blobs(repository, WANTED) == set(WANTED)
    assert len(calls.read_text().splitlines()) == 1


def test_one_that_is_there_stays(repo: Path, git: Run, calls: Path) -> None:
    there = git("hash-object", "-w", "--stdin", stdin=b"seen before\n")
    git("update-ref", FIRST, there)
    assert keep_blobs(find_repository(str(repo)), WANTED) == set(WANTED)
    assert kept(git) == {**WANTED, FIRST: b"seen before\n"}


def test_one_that_cannot_be_made_holds_up_no_other(repo: Path, git: Run, calls: Path) -> None:
    git("update-ref", FIRST + "/below", git("hash-object", "-w", "--stdin", stdin=b"in the way\n"))
    assert keep_blobs(find_repository(str(repo)), WANTED) == set(WANTED) - {FIRST}
    assert set(kept(git)) == {*WANTED, FIRST + "/below"} - {FIRST}


def test_a_lock_that_a_killed_git_left(repo: Path, git: Run, calls: Path) -> None:
    lock = repo / ".git" / (FIRST + ".lock")
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert keep_blobs(find_repository(str(repo)), WANTED) == set(WANTED)
    assert kept(git) == WANTED


def test_a_gc_beside_it(repo: Path, git: Run, calls: Path) -> None:
    """One that ends while it is waited for: what it may have taken is put back."""
    (repo / ".git" / "gc.pid").write_text("1 elsewhere")  # a process that lives, so that it is waited for
    timer = threading.Timer(0.3, (repo / ".git" / "gc.pid").unlink)
    timer.start()
    assert keep_blobs(find_repository(str(repo)), WANTED) == set(WANTED)
    timer.join()
    assert kept(git) == WANTED
