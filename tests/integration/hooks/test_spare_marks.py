"""`reprun gc` lists and removes what is noted of hooks of runs that are gone, and nothing of the others."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from lab import Run
from recorded_lab import record

from reprun.commands.gc import collect_garbage
from reprun.commands.gc_marks import find_spare_marks
from reprun.hooks.marks import Marks
from reprun.runner.limited import Ended
from reprun.workspace import open_workspace

GONE, AWAITED, HERE = "20261121-031601-m4k7qx", "20261121-031602-m4k7qx", "20261121-031603-m4k7qx"


def test_marks_of_runs_that_are_gone(repo: Path, private_home: Path, git: Run) -> None:
    marks = Marks(open_workspace().repository.state_dir)
    record(git, HERE)
    for run_id in (GONE, HERE):
        marks.write(run_id, "pre-launch", Ended(0, b"said", 0))
    marks.await_end(AWAITED)
    marks.await_end(HERE)
    before = sorted(os.walk(marks.state_dir))
    listed = collect_garbage(open_workspace(), 3, remove=False)
    assert [(one.kind, one.what) for one in listed.found] == [("hooks of no run", GONE), ("hooks of no run", AWAITED)]
    assert sorted(os.walk(marks.state_dir)) == before
    removed = collect_garbage(open_workspace(), 3, remove=True).removed
    assert {marks.folder(GONE), marks.folder(AWAITED)} <= set(removed)
    assert marks.runs() == [HERE] and marks.awaited() == [HERE] and marks.read(HERE, "pre-launch")["status"] == 0
    git("update-ref", "-d", f"refs/reprun/manifests/{HERE}")
    git("update-ref", "-d", f"refs/reprun/outcomes/{HERE}")
    assert find_spare_marks(open_workspace()).runs == (HERE,)


def test_a_launch_that_has_only_begun_is_not_gone(repo: Path, private_home: Path) -> None:
    workspace = open_workspace()
    marks = Marks(workspace.repository.state_dir)
    workspace.journal(GONE).write("begin", command=["true"])
    marks.await_end(GONE)
    assert find_spare_marks(open_workspace()).runs == ()


def test_halves_of_the_killed_go_and_those_of_the_living_stay(repo: Path, private_home: Path) -> None:
    marks = Marks(open_workspace().repository.state_dir)
    gone = subprocess.Popen(["true"])
    gone.wait()
    marks.write(GONE, "post-run", None)
    torn = [
        Path(marks.folder(GONE), f"post-run.json.{gone.pid}.tmp"),
        Path(marks.state_dir, "hooks", f"trusted.jsonl.0.{gone.pid}.tmp"),
    ]
    alive = Path(marks.folder(GONE), f"post-run.json.{os.getpid()}.tmp")
    for path in (*torn, alive):
        path.touch()
    assert sorted(find_spare_marks(open_workspace()).torn) == sorted(map(str, torn))
