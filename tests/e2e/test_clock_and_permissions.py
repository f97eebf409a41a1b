"""Clocks that jump and folders that may not be written: a launch runs once, or is refused in a sentence and can be carried on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from e2e_lab import Reprun, fingerprint, run, wait
from lab import REPRUN, Run, unprivileged

pytestmark = pytest.mark.e2e
_DAY = 86400
# Read by every Python that starts: this process sees another time than the kernel, as after somebody set the clock.
_SHIFT = """
import os, time
_shift = float(os.environ.get("CLOCK_SHIFT", "0"))
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + _shift
time.time_ns = lambda: _time_ns() + int(_shift * 10**9)
"""


@pytest.mark.parametrize("shifts", [(_DAY, -_DAY, 0), (-_DAY, _DAY, -3600)])
def test_a_clock_that_jumps_between_launches(repo: Path, reprun: Reprun, tmp_path: Path, shifts: tuple[int, ...]) -> None:
    (tmp_path / "clock").mkdir()
    (tmp_path / "clock" / "sitecustomize.py").write_text(_SHIFT)
    count, ids = tmp_path / "count", []
    for number, shift in enumerate(shifts):
        (repo / "train.py").write_text(f"print({number})\n")
        env = {"PYTHONPATH": str(tmp_path / "clock"), "CLOCK_SHIFT": str(shift)}
        answer = reprun("launch", "--json", "--", "sh", "-c", f"echo {number} >> {count}", env=env)
        assert answer.rc == 0, answer
        ids.append(answer.data["run_id"])
        other = {**env, "CLOCK_SHIFT": str(-shift)}
        assert reprun("wait", "--json", ids[-1], env=other).data[0]["state_words"] == "finished 0"
        assert reprun("resume", "--json", ids[-1], env=other).data["resumed"] is False
    assert len(set(ids)) == 3 and count.read_text().split() == ["0", "1", "2"]
    assert {row["run_id"]: row["state"] for row in reprun("ls", "--json").data} == dict.fromkeys(ids, "finished")


def test_a_clock_that_is_ahead_does_not_hide_an_edit(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(_SHIFT)
    env = {"PYTHONPATH": str(tmp_path), "CLOCK_SHIFT": "3600"}
    for number in range(10, 16):  # same size, most of them within one second
        (repo / "train.py").write_text(f"print({number})\n")
        data = reprun("launch", "--json", "--", "python3", "train.py", env=env).data
        wait(reprun, data["run_id"])
        assert reprun("logs", data["run_id"]).stdout == f"{number}\n"


@pytest.mark.parametrize(
    "place", [".git/objects", ".git/refs", ".git/reprun", "HOME", "HOME/repos", "HOME/runs", "HOME/worktrees", "HOME/cache"]
)
def test_a_folder_that_may_not_be_written(repo: Path, home: Path, git: Run, reprun: Reprun, place: str) -> None:
    wait(reprun, run(reprun, "--", "true")["run_id"])
    (repo / "train.py").write_text("print('edited')\n")
    before = fingerprint(repo / "train.py", repo / "conf", repo / ".git" / "index", repo / ".git" / "HEAD")
    folder = home / place[5:] if place.startswith("HOME") else repo / place
    closed = [Path(where) for where, _, _ in os.walk(folder)]
    modes = {path: path.stat().st_mode for path in closed}
    for path in closed:
        path.chmod(0o500)
    try:
        denied = unprivileged(REPRUN, "launch", "--", "true")
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
    assert "Traceback" not in denied.stderr
    if denied.returncode:  # a cache that cannot be written is no reason to refuse
        assert denied.returncode in (3, 5) and "error: " in denied.stderr and "hint: " in denied.stderr
    assert fingerprint(repo / "train.py", repo / "conf", repo / ".git" / "index", repo / ".git" / "HEAD") == before
    for row in reprun("ls", "--json").data:
        assert reprun("resume", row["run_id"]).rc in (0, 3)
    assert reprun("gc", "--yes").rc == 0
    wait(reprun, run(reprun, "--", "true")["run_id"])
