"""Cells of the crash matrix for a launch that goes through the queue: it enters once, runs once, is carried on by `resume`."""

from __future__ import annotations

from pathlib import Path

import pytest
from crash_lab import play
from crash_place import SETTINGS, Cell

pytestmark = [pytest.mark.e2e, pytest.mark.needs("git", "tmux", "ptrace"), pytest.mark.timeout(300)]
REF, _, OWN, *_ = SETTINGS

# step → the effect, when, who, does the job still run while it is resumed, the settings
STEPS = {
    "the entry is announced": ("reprun:mkdir:HOME/queue/entering#1", "after", "launch", False, REF),
    "the manifest's copy": ("reprun:rename:HOME/runs/RUN/manifest.toml#1", "after", "launch", False, OWN),
    "the plan is written": ("reprun:rename:HOME/runs/RUN/launch.json#2", "before", "launch", False, REF),
    "the plan is there": ("reprun:rename:HOME/runs/RUN/launch.json#2", "after", "all", True, REF),
    "the table": ("reprun:open:HOME/queue/queue.db#1", "after", "launch", False, REF),
    "the entry in the table": ("reprun:write:HOME/queue/queue.db-wal#20", "half", "all", False, REF),
    "the worker is called": ("reprun:exec:tmux#1", "before", "launch", False, REF),
    "the worker begins": ("python:rename:HOME/queue/worker.json#1", "before", "all", False, REF),
    "the worker is told": ("reprun:write:HOME/queue/worker.fifo#1", "before", "launch", True, REF),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_queued_launch_killed_at(step: str, folder: Path) -> None:
    effect, when, who, runs_on, settings = STEPS[step]
    for number in range(5):  # a launch may be over before what the worker does beside it
        played = play(Cell(effect, when, who, runs_on, settings, queued=True), folder / str(number))
        assert not played.problems, played
        if played.reached:
            return
    raise AssertionError(f"no launch was killed at {step}")
