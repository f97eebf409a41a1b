"""One cell of the crash matrix: a launch killed at one instant, the user editing in between, then resume twice, then gc.

`play` answers with what is wrong afterwards. It needs no pytest: `make kills` plays a thousand cells with it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from crash_place import HOOKS, SECONDS, TRAIN, Cell, Place, Played
from lab import Answer


def play(cell: Cell, folder: Path, inspect: Callable[[Place, Played], None] | None = None) -> Played:
    """Plays the cell in the empty `folder` and removes it; what is wrong is in the answer."""
    played = Played()
    folder.mkdir(parents=True)
    place = Place(folder, cell)
    try:
        watch = folder / "watch"
        watch.mkdir()
        _act(place, watch, played)
        if inspect:
            inspect(place, played)
    except AssertionError as error:
        played.problems.append(f"{error}")
    finally:
        place.end()
    return played


def effects(cell: Cell, folder: Path) -> list[str]:
    """The names of all effects of such a launch and of its run, in their order."""
    names: list[str] = []

    def read(place: Place, _: Played) -> None:
        names.extend((folder / "watch" / "record").read_text().split("\n")[:-1])

    found = play(cell, folder, read)
    assert not found.problems, found.problems
    return names


def _act(place: Place, watch: Path, played: Played) -> None:
    before = place.user_s()
    with place.killed_launch(watch) as line:
        said = (watch / "stderr").read_text()
        played.reached = "killed" in line
        _check(played, f"the launch {line}: {said}", "Traceback" not in said and re.search("ended (0|3|5|-9)(;|$)", line))
        _check(played, "what is the user's was touched by the launch", place.user_s() == before)
        if place.cell.effect and not played.reached:
            return  # a launch like any other
        (place.repo / "train.py").write_text("print('edited since')\n")
        (place.repo / "newer").write_text("newer\n")
        edited = place.user_s()
        plans = {path: path.read_text() for path in place.home.glob("runs/*/launch.json")}
        answers = _resume_twice(place, played)
        _start_again(place, plans)
        _finish(place, played, answers)
        _check(played, "what is the user's was touched afterwards", place.user_s() == edited)


def _resume_twice(place: Place, played: Played) -> dict[str, Answer]:
    last: dict[str, Answer] = {}
    doctor = place.reprun("doctor")
    _check(played, f"doctor fails: {doctor}", doctor.rc == 0)
    runs = place.begun()
    _check(played, f"several runs: {sorted(runs)}", len(runs) <= 1)
    for run_id, row in runs.items():
        if row["state"] == "unstarted":
            _check(played, f"doctor does not tell of it: {doctor.stdout}", f"run {run_id}" in doctor.stdout)
        for _ in range(2):
            last[run_id] = place.reprun("resume", run_id)
            _check(played, f"resume: {last[run_id]}", last[run_id].rc in (0, 3) and "Traceback" not in last[run_id].stderr)
    return last


def _start_again(place: Place, plans: dict[Path, str]) -> None:
    """What a scheduler may do that requeues a job, or delivers it late: the plan is back, and a second supervisor comes."""
    import reprun.runner

    runner = os.path.join(place.cell.package, "reprun", "runner") if place.cell.package else next(iter(reprun.runner.__path__))
    for path, text in plans.items():
        if '"argv"' in text and path.parent.is_dir() and not path.exists():
            path.write_text(text)
            words = [sys.executable, "-I", "-S", runner, "supervise", str(path.parent)]
            second = subprocess.Popen(words, env=place.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            with suppress(subprocess.TimeoutExpired):  # it ends at once, or it has started the job again and will be noticed
                second.wait(5)


def _finish(place: Place, played: Played, answers: dict[str, Answer]) -> None:
    """Collects rubbish while the job runs and after it has ended, and looks at what is left and what was done."""
    place.reprun("gc", "--yes", "--keep", "0")
    Path(f"{place.counter}.go").touch()
    states = {}
    for run_id in place.begun():
        ended = place.reprun("wait", "--json", run_id).json["data"][0]
        # 126: a job that found the log of a forerunner, which must not have been there
        states[run_id] = str(ended["state"]) if ended["exit_code"] != 126 else "started twice"
        played.state = states[run_id]
    _until_quiet(place)
    collected = place.reprun("gc", "--yes", "--json")
    _check(played, f"gc: {collected}", collected.rc == 0)
    again = place.reprun("gc", "--json", "--keep", "0")
    rest = [item for item in again.data["found"] if item["kind"] != "worktree"]
    _check(played, f"gc leaves: {rest}", not rest)
    _check(played, "branch and index do not agree", place.index_agrees())
    played.count = place.count()
    left = place.left_behind(states)
    _check(played, f"left behind: {left}", not left)
    doctor = place.reprun("doctor")
    _check(played, f"doctor still fails: {doctor}", doctor.rc == 0)
    _judge(place, played, states, answers)


def _judge(place: Place, played: Played, states: dict[str, str], answers: dict[str, Answer]) -> None:
    """Executed exactly once, or refused; a supervisor or job that was killed may not have got to its first instruction."""
    whose = place.cell.who != "launch"
    fine = {"finished": (1,), "lost": (0, 1) if whose else (), "": (0,), "failed": (0, 1) if whose else ()}
    _check(played, f"{played.state or 'forgotten'}, executed {played.count} times", played.count in fine.get(played.state, ()))
    _judge_hooks(place, played)
    for run_id, state in states.items():
        if state == "finished":
            said = place.reprun("logs", "--stdout", run_id).stdout
            _check(played, f"it ran with other code: {said!r}", said == TRAIN)
    for run_id, answer in answers.items():
        if run_id not in states:
            _check(played, f"it was forgotten, but not refused: {answer}", answer.rc == 3)


def _judge_hooks(place: Place, played: Played) -> None:
    """No run without a yes, which may be asked for again. The others at most once; `post-run` of each run that is over, unless
    it was killed itself."""
    if "[hooks]" not in place.cell.settings:
        return
    said = {name: place.hooked(name) for name in HOOKS}
    _check(played, f"hooks were run {said}", said["pre-launch"] or not played.state)
    effect = place.cell.effect
    is_sure = "post-run" not in effect or (effect.endswith("post-run.json#1") and place.cell.when == "before")
    least = bool(played.state) and is_sure and not place.cell.moment
    _check(played, f"hooks were run {said}", said["post-launch"] <= 1 and least <= said["post-run"] <= 1)


def _until_quiet(place: Place) -> None:
    """Until supervisors have published what they had to: the state is final a moment before."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = subprocess.run(
            ["tmux", "-S", str(place.home / "tmux.sock"), "list-sessions"], capture_output=True, text=True, check=False
        ).stdout
        if not found.strip():
            return
        time.sleep(0.02)


def _check(played: Played, what: str, good: object) -> None:
    if not good:
        played.problems.append(what)


def memory_folder() -> str | None:
    """A folder in memory, where there is one: the cells wait for the disk most of the time."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
