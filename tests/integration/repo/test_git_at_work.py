"""A snapshot beside a git that replaces files: it holds one of the states that were there, never a tree half done."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import snap, tree_of

from reprun.core.errors import RefusedError, ToolError
from reprun.repo.blobs import find_sizes
from reprun.repo.discover import find_repository


def later(seconds: float, work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=lambda: (time.sleep(seconds), work()))
    thread.start()
    return thread


def test_a_checkout_that_is_half_done_is_waited_for(repo: Path, git: Run) -> None:
    config = repo / "conf" / "base.yaml"
    text = config.read_text()
    config.unlink()
    index, lock = repo / ".git" / "index", repo / ".git" / "index.lock"
    held = lock.open("wb")
    held.write(index.read_bytes())
    thread = later(0.4, lambda: (config.write_text(text), held.close(), lock.rename(index)))  # as git ends one
    snapshot = snap()
    thread.join()
    assert "conf/base.yaml" in tree_of(git, snapshot.commit)


def test_a_checkout_that_does_not_end_is_a_refusal(repo: Path) -> None:
    with (repo / ".git" / "index.lock").open("w"), pytest.raises(RefusedError, match=r"keeps changing.*index\.lock"):
        snap()


def test_a_lock_that_nobody_holds_says_nothing(repo: Path, git: Run) -> None:
    (repo / "train.py").write_text("edited\n")
    (repo / ".git" / "index.lock").touch()
    assert snap().dirty


def test_an_index_that_was_replaced_is_looked_at_again(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkout may begin before the last look and end after it."""
    from reprun.repo import snapshot as rules

    looks = []

    def counted(*args: object) -> str:
        looks.append(args)
        if len(looks) == 1:
            os.utime(repo / ".git" / "index")
        return real(*args)  # type: ignore[arg-type]

    real = rules.find_busy
    monkeypatch.setattr(rules, "find_busy", counted)
    snap()
    assert len(looks) == 2


def test_an_object_that_git_has_lost_is_named(repo: Path) -> None:
    lost = "1" * 40
    with pytest.raises(ToolError, match=lost):
        find_sizes(find_repository(str(repo)).git, [lost])
