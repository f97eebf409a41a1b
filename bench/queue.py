"""The queue: how long a slot waits between two runs, what it costs to enter one, and whether a long queue is slower.

A slot waits from the end of a job, as its supervisor saw it, to the next start in that slot. GNU parallel says the same in its
`--joblog`, with hardly a record of what it ran.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from bench.marks import find_mlrunner, make_marker, measure_marks
from bench.place import run
from bench.project import make_project
from bench.report import RATIO, VALUE, Measure
from bench.waits import most, waits
from reprun.runner.main import handle
from reprun.runner.paths import Home
from reprun.runner.queue_wake import find_worker
from reprun.runner.store import ensure_store
from reprun.runner.worktree import ensure_worktree, place_of
from reprun.system.clock import new_run_id

SLOTS, SHORT, LONG, MANY = 4, 200, 40, 10_000
_SLEEP = 0.5
_SOME = 30  # milliseconds: so long that the processors are not what a slot waits for


class Bench:
    """A home with a queue, and a project whose runs have a worktree there."""

    def __init__(self, place: str) -> None:
        project = make_project(os.path.join(place, "queue-project"), 100)
        self.home = Home(os.path.join(place, "queue-home"))
        os.makedirs(self.home.root, 0o700)
        store = ensure_store(self.home, "project", os.path.join(project, ".git", "objects"), "sha1")
        commit = run(["git", "rev-parse", "HEAD"], project).decode().strip()
        tree: dict[str, Any] = {"store": store, "trees": self.home.trees("project"), "settings": [], "writable": []}
        self.tree = {**tree, "path": ensure_worktree(place_of(tree), commit), "name": commit, "commit": commit}
        self.do("slots", cpu_slots=SLOTS)

    def do(self, what: str, **request: Any) -> dict[str, Any]:
        """A request to the queue."""
        return handle({"op": "queue", "do": what, "home": self.home.root, **request})

    def requests(self, argv: Sequence[str], count: int, **entry: Any) -> list[dict[str, Any]]:
        """What a sweep sends."""
        found = []
        for _ in range(count):
            run_id = new_run_id()
            env = {"PATH": os.environ["PATH"], "REPRUN_RUN_ID": run_id, "REPRUN_METRICS": self.home.run(run_id).metrics}
            plan = {"argv": list(argv), "cwd": self.tree["path"], "env": env, "worktree": self.tree}
            found.append({"run_id": run_id, "manifest": "", "plan": plan, "queue": {"project": "p", **entry}})
        return found

    def enter(self, requests: list[dict[str, Any]]) -> float:
        """Enters them all; milliseconds for a thousand."""
        start = time.perf_counter()
        handle({"op": "enqueue", "home": self.home.root, "entries": requests})
        return (time.perf_counter() - start) * 1e6 / len(requests)

    def play(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Runs what was entered while the queue was paused: the outcomes."""
        self.do("resume")
        names = [self.home.run(one["run_id"]).outcome for one in requests]
        while not os.path.exists(names[-1]) or not all(map(os.path.exists, names)):
            time.sleep(0.05)
        outcomes = []
        for name in names:
            with open(name, encoding="utf-8") as file:
                outcomes.append(json.load(file))
        return outcomes

    def rest(self) -> None:
        """Nothing starts, and no worker is there."""
        self.do("pause")
        while find_worker(self.home):
            time.sleep(0.02)


def measure(place: str, rounds: int) -> Iterator[list[Measure]]:
    """Yields the lines of each case as soon as they are known."""
    bench = Bench(place)
    yield _short(bench, place, rounds)
    yield _marked(bench, place, rounds)
    yield _long(bench, rounds)
    yield _many(bench, rounds)


def _short(bench: Bench, place: str, rounds: int) -> list[Measure]:
    ours, theirs, whole, other = [], [], [], []  # type: list[list[float]], list[list[float]], list[float], list[float]
    for round_ in range(-1, rounds):
        bench.rest()
        requests = bench.requests(["true"], SHORT)
        bench.enter(requests)
        outcomes = bench.play(requests)
        if round_ >= 0:
            ours.append(waits([(one["slot"]["name"], one["started"], one["exited"]) for one in outcomes]))
            whole.append(_span(outcomes) * 1000 / SHORT)
        if round_ >= 0 and shutil.which("parallel"):
            log = os.path.join(place, "joblog")
            other.append(_parallel(log) / SHORT)
            theirs.append(waits(_read_log(log)))
    if not theirs:
        print("GNU parallel is not installed: nothing to compare with (apt-get install parallel)", file=sys.stderr)
    name = f"{SHORT} × true on {SLOTS} slots"
    lines = [
        Measure(f"{name}, a slot waits", [median(one) for one in ours], [median(one) for one in theirs], VALUE, 5.0),
        Measure(f"{name}, 95 % wait less than", [most(one) for one in ours], [most(one) for one in theirs], VALUE, 15.0),
        Measure(f"{name}, wall for each", whole, other, RATIO),
    ]
    return lines + _mlrunner(place, whole, rounds)


def _marked(bench: Bench, place: str, rounds: int) -> list[Measure]:
    """From the last instruction of a job to the first of the next one in its slot, as the jobs themselves say."""
    marker = make_marker(place)
    if not marker:
        print("no C compiler: jobs cannot say when they run (apt-get install gcc)", file=sys.stderr)
        return []

    def play(log: str) -> None:
        bench.rest()
        requests = bench.requests([marker, log, "$REPRUN_SLOT", str(_SOME)], SHORT)
        bench.enter(requests)
        bench.play(requests)

    return measure_marks(place, marker, play, (SHORT, SLOTS, _SOME, rounds))


def _long(bench: Bench, rounds: int) -> list[Measure]:
    walls, found = [], []
    for _ in range(max(1, rounds // 2)):
        bench.rest()
        requests = bench.requests(["sleep", str(_SLEEP)], LONG)
        bench.enter(requests)
        outcomes = bench.play(requests)
        walls.append(_span(outcomes) * 1000)
        found.append(median(waits([(one["slot"]["name"], one["started"], one["exited"]) for one in outcomes])))
    ideal = LONG * _SLEEP / SLOTS * 1000
    name = f"{LONG} × sleep {_SLEEP:g} on {SLOTS} slots"
    return [Measure(f"{name}, wall", walls, [ideal], RATIO, 1.03), Measure(f"{name}, a slot waits", found, (), VALUE, 5.0)]


def _many(bench: Bench, rounds: int) -> list[Measure]:
    few, many, costs = [], [], []
    for _ in range(max(1, rounds // 2)):
        bench.rest()
        few.append(median(waits(_marks(bench, SHORT))))
        bench.rest()
        rest = bench.requests(["true"], MANY, priority=1)
        costs.append(bench.enter(rest))
        many.append(median(waits(_marks(bench, SHORT))))
        bench.rest()
        bench.do("rm", runs=[one["run_id"] for one in rest])
    return [
        Measure(f"entering {MANY} runs, for each 1000", costs, (), VALUE, 500.0),
        Measure(f"a slot waits, {MANY} queued (other: {SHORT})", many, few, RATIO, 1.25),
    ]


def _marks(bench: Bench, count: int) -> list[tuple[str, float, float]]:
    requests = bench.requests(["true"], count, priority=90)
    bench.enter(requests)
    return [(one["slot"]["name"], one["started"], one["exited"]) for one in bench.play(requests)]


def _span(outcomes: list[dict[str, Any]]) -> float:
    return float(max(one["exited"] for one in outcomes) - min(one["started"] for one in outcomes))


def _parallel(log: str) -> float:
    """Milliseconds for all."""
    words = ["parallel", "--will-cite", f"-j{SLOTS}", "--joblog", log, "true {%} {}", ":::", *map(str, range(SHORT))]
    start = time.perf_counter()
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return (time.perf_counter() - start) * 1000


def _read_log(path: str) -> list[tuple[str, float, float]]:
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file][1:]
    return [(row[8].split()[1], float(row[2]), float(row[2]) + float(row[3])) for row in rows]


def _mlrunner(place: str, ours: list[float], rounds: int) -> list[Measure]:
    """It says nothing of its own about time, and takes seconds to start: its tasks write down when they run."""
    program = find_mlrunner()
    if not program:
        print("mlrunner is not installed: nothing to compare with (pip install mlrunner)", file=sys.stderr)
        return []
    found = []
    for round_ in range(min(rounds, 2)):
        work = os.path.join(place, f"mlrunner-{round_}")
        os.makedirs(work)
        stamps = os.path.join(work, "stamps")
        with open(os.path.join(work, "params.yaml"), "w", encoding="utf-8") as file:
            file.write(f"---\ntemplate:\n  go: 'date +%s%N >> {stamps} # {{n}}'\nresource: [0]\n---\n")
            file.write(f"_title: bench\nn: {list(range(SHORT))}\n")
        words = [program, "-t", "bench", "-r", *map(str, range(SLOTS))]
        subprocess.run(words, cwd=work, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        with open(stamps, encoding="ascii") as file:
            times = sorted(map(int, file))
        found.append((times[-1] - times[0]) / 1e6 / (len(times) - 1))
    return [Measure(f"{SHORT} × true on {SLOTS} slots, wall for each (other: mlrunner)", ours, found, RATIO)]
