"""`make("sh", "-c", "…", umask=…)`: a prepared run of a command in the worktree of `repo`, to be supervised by the test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from supervisor_lab import Job, make_tree


@pytest.fixture
def make(repo: Path, home: Path, git: Run) -> Callable[..., Job]:
    """Prepares runs; see `supervisor_lab.Job`."""
    tree = make_tree(repo, home, git)
    return lambda *argv, **plan: Job(home, tree, *argv, **plan)
