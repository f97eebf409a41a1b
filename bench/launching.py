"""Launches: reprun and a shell script that does the same by hand, in turns, to the first instruction and to the prompt."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from bench.place import REPRUN, environment, remove, run, start_server, timed, wait_idle
from bench.project import FILE_KIB, copy_project, make_dirty, make_project
from bench.report import Measure

FLOOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor.sh")
FIRST, PROMPT = "first instruction", "prompt"


@dataclass
class Side:
    """One of the two: a dev repository of its own, a home of its own with a tmux server, and what was measured."""

    path: str
    home: str
    kind: str
    runs: int = 0
    samples: dict[str, list[float]] = field(default_factory=lambda: {FIRST: [], PROMPT: []})

    def launch(self, *, count: bool = True) -> None:
        """Launches the tree as it stands; the sample is kept when it is to `count`."""
        self.runs += 1
        stamp = os.path.join(self.home, f"stamp.{self.runs}")
        # It stays for a moment, as real jobs do: what follows its end is no part of a launch.
        job = ["sh", "-c", 'date +%s%N >"$1"; exec sleep 0.6', "sh", stamp]
        words, env = self.words(job), self.environment()
        begin = time.time_ns()
        prompt = timed(words, self.path, env)
        self.at_prompt(count)
        first = (_read_stamp(stamp) - begin) / 1e6
        wait_idle(self.server)
        if count:
            self.samples[FIRST].append(first)
            self.samples[PROMPT].append(prompt)

    @property
    def server(self) -> str:
        """Where the tmux server of the jobs is."""
        return self.home

    def words(self, job: list[str]) -> list[str]:
        """The launch."""
        return (
            [REPRUN, "launch", "--", *job]
            if self.kind == "reprun"
            else ["sh", FLOOR, self.path, self.home, f"run-{self.runs}", *job]
        )

    def environment(self) -> dict[str, str]:
        """What it runs with."""
        return environment(self.home)

    def at_prompt(self, count: bool) -> None:
        """Called when a launch has returned."""

    def drop_trees(self) -> None:
        """The script's trees take room in memory: 10,000 files each time. reprun's share theirs, and it may use them."""
        if self.kind == "floor":
            remove(os.path.join(self.home, "worktrees"))
            run(["git", "worktree", "prune"], self.path)

    def forget(self) -> None:
        """As before the first launch in this repository; what the machine knows of its interpreters stays."""
        self.drop_trees()
        if self.kind == "floor":
            return
        for folder in ("repos", "worktrees", "runs"):
            if os.path.isdir(os.path.join(self.home, folder)):
                remove(os.path.join(self.home, folder))
        shutil.rmtree(os.path.join(self.path, ".git", "reprun"), ignore_errors=True)
        shutil.rmtree(os.path.join(self.path, ".git", "refs", "reprun"), ignore_errors=True)


def measure(place: str, files: int, rounds: int, kib: int = FILE_KIB) -> Iterator[list[Measure]]:
    """The cases at one size; yields the lines of each case as soon as they are known."""
    project = make_project(os.path.join(place, f"project-{files}"), files, kib)
    sides = [_make_side(place, project, kind) for kind in ("reprun", "floor")]
    few = files < 1000
    if few:
        yield _case("first launch in a repository", files, sides, rounds, lambda round_: _fresh(sides, f"first {round_}"), 2.5)
    else:  # the first one has nothing to build on
        yield _case("second launch in a repository", files, sides, 3, lambda round_: _second(sides, f"second {round_}"), 0.4)
    yield _case("new tree", files, sides, rounds, lambda round_: _dirty(sides, f"new {round_}"), 2.5 if few else 0.4)
    yield _case("known tree", files, sides, rounds, lambda _: None, 2.5)
    yield _bare(sides[1], files, rounds)
    yield _case("known tree, not the newest", files, sides, rounds, lambda round_: _back(sides, is_first=round_ < 0), 2.5)
    for path in (project, *(side.path for side in sides)):
        remove(path)


def _case(title: str, files: int, sides: list[Side], rounds: int, prepare: Callable[[int], None], target: float) -> list[Measure]:
    for side in sides:
        side.samples = {FIRST: [], PROMPT: []}
    for round_ in range(-1, rounds):  # the round before the first is to warm up
        prepare(round_)
        for side in sides if round_ % 2 else sides[::-1]:
            side.launch(count=round_ >= 0)
    ours, theirs = sides
    name = f"{title}, {files} files"
    return [
        Measure(f"{name}, to the {what}", ours.samples[what], theirs.samples[what], target=target) for what in (FIRST, PROMPT)
    ]


def _bare(floor: Side, files: int, rounds: int) -> list[Measure]:
    """What no launcher in Python can do without: an interpreter for the launch, one for the supervisor, and what the script
    does. One after the other they are the floor under a launch from a known tree; there is no target."""
    starts, whole, theirs = [], [], []
    floor.samples = {FIRST: [], PROMPT: []}
    for round_ in range(-1, rounds):
        words = (["-c", "pass"], ["-I", "-S", "-c", "pass"])
        taken = sum(timed([sys.executable, *some], floor.path, floor.environment()) for some in words)
        floor.launch(count=round_ >= 0)
        if round_ >= 0:
            theirs.append(floor.samples[PROMPT][-1])
            starts.append(taken)
            whole.append(taken + theirs[-1])
    return [
        Measure(f"two bare interpreters, {files} files", starts, theirs),
        Measure(f"two bare interpreters and the script, {files} files", whole, theirs),
    ]


def _make_side(place: str, project: str, kind: str) -> Side:
    path = copy_project(project, f"{project}-{kind}")
    side = Side(path, os.path.join(place, f"home-{os.path.basename(path)}"), kind)
    start_server(side.home)
    make_dirty(side.path, "at first")
    side.launch(count=False)
    return side


def _fresh(sides: list[Side], state: str) -> None:
    for side in sides:
        side.forget()
        make_dirty(side.path, state)


def _second(sides: list[Side], state: str) -> None:
    """After the first launch in a repository, and the next edit."""
    _fresh(sides, f"before {state}")
    for side in sides:
        if side.kind == "reprun":
            side.launch(count=False)
        make_dirty(side.path, state)


def _dirty(sides: list[Side], state: str) -> None:
    for side in sides:
        side.drop_trees()
        make_dirty(side.path, state)


def _back(sides: list[Side], *, is_first: bool) -> None:
    """Launches another state, then goes back to one whose tree is there, but is not the one that was built last."""
    for side in sides:
        for state in ("the older", "the newer") if is_first else ("the newer",):
            make_dirty(side.path, state)
            side.launch(count=False)
        make_dirty(side.path, "the older")


def _read_stamp(path: str, seconds: float = 30.0) -> int:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            with open(path, encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:
            text = ""
        if text.endswith("\n"):
            return int(text)
        time.sleep(0.001)
    raise TimeoutError(f"no job wrote {path}")
