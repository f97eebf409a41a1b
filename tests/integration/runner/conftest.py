"""`make("sh", "-c", "…", umask=…)`: a prepared run of a command in the worktree of `repo`, to be supervised by the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from lab import Run, end_processes_of
from queue_lab import QueueLab
from supervisor_lab import Job, make_tree


@pytest.fixture
def make(repo: Path, home: Path, git: Run) -> Callable[..., Job]:
    """Prepares runs; see `supervisor_lab.Job`."""
    tree = make_tree(repo, home, git)
    return lambda *argv, **plan: Job(home, tree, *argv, **plan)


@pytest.fixture
def queue_lab(repo: Path, home: Path, git: Run) -> Iterator[QueueLab]:
    """A queue with one slot."""
    made = QueueLab(home, make_tree(repo, home, git))
    made.do("slots", cpu_slots=1)
    yield made
    end_processes_of(str(home))
