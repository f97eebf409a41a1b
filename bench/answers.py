"""Answers that have to be quick: the version, completion, and the newest runs out of many."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator

from bench.history import launch_one, make_history
from bench.place import REPRUN, environment, run, timed
from bench.report import MORE, RATIO, VALUE, Measure

_NEWEST = """
import sqlite3, sys
db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
for row in db.execute("SELECT * FROM runs ORDER BY run_id DESC LIMIT 20"):
    print(row)
"""


def measure(place: str, counts: tuple[int, ...], rounds: int) -> Iterator[list[Measure]]:
    """The lines; `counts` are the lengths of the histories that `ls` is measured on."""
    env = environment(os.path.join(place, "home"))
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed([REPRUN, "--version"], place, env))
        theirs.append(timed([sys.executable, "-c", "import typer"], place, env))
    yield [Measure("reprun --version; python -c 'import typer'", ours, theirs, RATIO, 1.3)]
    histories: dict[int, str] = {}
    for count in counts:
        print(f"making a history of {count} runs …", file=sys.stderr)
        histories[count] = make_history(place, count)
        begin = time.perf_counter()
        run([REPRUN, "ls"], histories[count], env)
        taken = (time.perf_counter() - begin) * 1000
        yield [Measure(f"ls of {count} runs for the first time, without an index", [taken], how=VALUE)]
        launch_one(place, histories[count], count)
    yield from _listing(histories, env, rounds)
    env |= {"_REPRUN_COMPLETE": "complete_bash", "COMP_WORDS": "reprun\nshow\n20", "COMP_CWORD": "2"}
    for count, path in histories.items():
        if not run([REPRUN], path, env).startswith(b"20"):
            raise RuntimeError("completion offers no run")
        samples = [timed([REPRUN], path, env) for _ in range(rounds)]
        yield [Measure(f"completion of a run id, {count} runs", samples, how=VALUE, target=60)]


def _listing(histories: dict[int, str], env: dict[str, str], rounds: int) -> Iterator[list[Measure]]:
    """`ls` at all lengths in turns, since they are compared with each other too."""
    ours: dict[int, list[float]] = {count: [] for count in histories}
    theirs: dict[int, list[float]] = {count: [] for count in histories}
    for _ in range(rounds):
        for count, path in histories.items():
            index = os.path.join(path, ".git", "reprun", "index.sqlite")
            ours[count].append(timed([REPRUN, "ls"], path, env))
            theirs[count].append(timed([sys.executable, "-c", _NEWEST, index], path, env))
    name = "ls after a launch, newest 20 of {} runs; bare Python and SQLite"
    yield [Measure(name.format(count), ours[count], theirs[count], MORE, 150) for count in histories]
    few, many = min(histories), max(histories)
    if many > few:
        yield [Measure(f"ls of {many} runs; of {few}", ours[many], ours[few], RATIO, 1.1)]
