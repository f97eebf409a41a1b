"""The states that need no supervisor; and looking changes nothing."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reprun.runner.claim import claim
from reprun.runner.identity import here, identity, own, start_time
from reprun.runner.paths import RunDir
from reprun.runner.state import find_state


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    folder = tmp_path / "20261121-031622-m4k7qx"
    folder.mkdir()
    return RunDir(str(folder))


def state(run: RunDir) -> tuple[str, str, object]:
    answer = find_state(run)
    return answer["state"], answer["reason"], answer["exit_code"]


def write(path: str, **record: Any) -> None:
    Path(path).write_text(json.dumps(record))


def gone() -> dict[str, Any]:
    process = subprocess.Popen(["sleep", "600"])
    found = identity(process.pid)
    process.kill()
    process.wait()
    return found


def test_before_the_start(run: RunDir) -> None:
    assert state(RunDir(run.path + "x")) == ("unstarted", "its launch did not get as far as the target", None)
    assert state(run)[0] == "unstarted"
    assert claim(run) == 1
    assert state(run)[0] == "starting"


def test_a_claim_of_somebody_dead_is_no_start(run: RunDir) -> None:
    found = gone()
    place = here()
    text = f"{place['boot_id']}:{place['init_start']}:{found['pid']}:{found['start']}:{os.uname().nodename}"
    os.symlink(text, run.claim(1))
    assert state(run)[0] == "unstarted"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"supervisor": "me", "job": "me"}, ("running", "", None)),
        ({"supervisor": "me", "job": "gone"}, ("running", "", None)),
        ({"supervisor": "me", "job": "gone", "exit_code": 3, "state": "failed"}, ("running", "collecting its outputs", None)),
        ({"supervisor": "gone", "job": "gone"}, ("lost", "its supervisor was killed", None)),
        ({"supervisor": "gone", "job": "gone", "boot_id": "other"}, ("lost", "host rebooted", None)),
        ({"supervisor": "me", "job": "me", "boot_id": "other"}, ("lost", "host rebooted", None)),
        (
            {"supervisor": "gone", "job": "gone", "exit_code": 0, "state": "finished", "boot_id": "other"},
            ("finished", "its supervisor ended before the outputs were collected", 0),
        ),
        ({}, ("lost", "its supervisor was killed", None)),
        ({"supervisor": {"pid": "x"}, "job": [1]}, ("lost", "its supervisor was killed", None)),
    ],
)
def test_after_the_start(run: RunDir, record: dict[str, Any], expected: tuple[str, str, object]) -> None:
    known = {"me": own(), "gone": gone()}
    write(run.started, **{**here(), **{key: known.get(str(value), value) for key, value in record.items()}})
    Path(run.stdout).touch()
    assert state(run) == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"supervisor": "me", "job": "gone"}, "running"),
        ({"supervisor": "gone", "job": "me"}, "running"),
        ({"supervisor": "gone", "job": "gone"}, "unstarted"),
        ({"supervisor": "gone", "job": "gone", "boot_id": "other"}, "lost"),
        ({"supervisor": "gone", "job": "gone", "exit_code": 0, "state": "finished"}, "finished"),
        ({}, "lost"),
        ({"supervisor": {"pid": "x"}, "job": [1]}, "lost"),
    ],
)
def test_after_the_start_without_a_log(run: RunDir, record: dict[str, Any], expected: str) -> None:
    """The job makes its log before its first instruction: under the same boot there was none without it."""
    known = {"me": own(), "gone": gone()}
    write(run.started, **{**here(), **{key: known.get(str(value), value) for key, value in record.items()}})
    assert state(run)[0] == expected


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ({"state": "finished", "exit_code": 0}, ("finished", "", 0)),
        ({"state": "failed", "exit_code": 137, "signal": 9}, ("failed", "", 137)),
        ({"state": "stopped", "exit_code": 143, "stopped_by": "TERM"}, ("stopped", "TERM", 143)),
        ({}, ("unknown", "", None)),
    ],
)
def test_after_the_end(run: RunDir, record: dict[str, Any], expected: tuple[str, str, object]) -> None:
    write(run.outcome, **record)
    write(run.started, **here(), supervisor=own())  # not yet removed: the outcome counts
    assert state(run) == expected


def test_looking_changes_nothing(run: RunDir) -> None:
    write(run.started, **here(), supervisor=gone(), job=gone())

    def look() -> list[tuple[str, int, int]]:
        return sorted((entry.name, entry.stat().st_mtime_ns, entry.stat().st_ctime_ns) for entry in os.scandir(run.path))

    before = look()
    find_state(run)
    assert look() == before


def test_a_zombie_is_not_alive() -> None:
    process = subprocess.Popen(["true"])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert start_time(process.pid) is None
    process.wait()


def test_a_process_may_have_any_name(tmp_path: Path) -> None:
    program = tmp_path / "x) R 1 ("
    program.symlink_to("/bin/sleep")
    process = subprocess.Popen([str(program), "600"])
    try:
        assert start_time(process.pid) == identity(process.pid)["start"] != None  # noqa: E711
    finally:
        process.kill()
        process.wait()
