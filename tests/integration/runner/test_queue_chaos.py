"""Kills at random moments while a queue is worked off; `make chaos` does the same for ten minutes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import end_processes_of
from queue_chaos import Chaos


@pytest.fixture
def chaos(tmp_path: Path) -> Iterator[Chaos]:
    """Forty tasks, in a folder of their own."""
    yield Chaos(tmp_path, seed=5)
    end_processes_of(str(tmp_path))


def test_each_task_runs_once_whoever_is_killed(chaos: Chaos) -> None:
    assert chaos.play(tasks=40, seconds=5) == [], chaos.words()
    assert sum(chaos.kills.values()) > 5
