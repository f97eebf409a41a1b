"""A record of a host that shares this disk: its processes are none of ours, and a run is never called lost because of that."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from reprun.runner.identity import here, own
from reprun.runner.paths import RunDir
from reprun.runner.state import find_state
from reprun.runner.stop import stop


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    folder = tmp_path / "20261121-031622-m4k7qx"
    folder.mkdir()
    return RunDir(str(folder))


def write(run: RunDir, age: float, **more: Any) -> None:
    """A start record, and when the supervisor last gave a sign of life."""
    record = {"state": "running", "supervisor": own(), "job": own(), **here(), "boot_id": "another", **more}
    Path(run.started).write_text(json.dumps(record))
    os.utime(run.started, (time.time() - age,) * 2)


def test_a_run_that_gives_signs_of_life_runs(run: RunDir) -> None:
    write(run, 5, hostname="gpu2")
    assert (find_state(run)["state"], find_state(run)["reason"]) == ("running", "on gpu2")


@pytest.mark.parametrize("age", [3600, -86400])
def test_a_run_that_is_silent_is_unknown_and_not_lost(run: RunDir, age: float) -> None:
    write(run, age, hostname="gpu2")
    state = find_state(run)
    assert state["state"] == "unknown" and "gpu2" in state["reason"]
    before = os.stat(run.started)
    assert stop(run, 0)["state"] == "unknown" and os.stat(run.started) == before and not os.path.exists(run.stop)


def test_an_end_that_is_recorded_is_believed(run: RunDir) -> None:
    write(run, 3600, hostname="gpu2", state="finished", exit_code=0)
    assert find_state(run)["state"] == "finished"


def test_a_record_of_this_host_before_it_came_up_again_is_lost(run: RunDir) -> None:
    write(run, 3600)
    assert find_state(run)["state"] == "lost"
