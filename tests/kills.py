"""Kills launches, by the thousand, and says what came of it: `python tests/kills.py random 1000`, `… matrix`.

`random` kills at random moments, `matrix` before, in the middle of and after every outside effect of a launch. Every cell is
checked as in tests/e2e/test_crash_matrix.py. Exit status 1 when anything is wrong; the cells that are can be played again
with `… play 'THE LINE'`.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__)), os.path.join(os.path.dirname(os.path.abspath(__file__)), "e2e")]

from crash_cells import chosen, free_folder, random_cell, usual_time  # noqa: E402
from crash_lab import effects, memory_folder, play  # noqa: E402
from crash_place import SETTINGS, Cell, Played  # noqa: E402

_FOLDER = tempfile.mkdtemp(prefix="kills-", dir=memory_folder())


def main() -> int:
    """Plays what was asked for and prints the figures."""
    parser = argparse.ArgumentParser(prog="kills", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["random", "matrix"])
    parser.add_argument("number", nargs="?", type=int, default=1000, help="how many kills (of the matrix: every so many-th cell)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    if options.what == "random":
        last = 1.5 * usual_time(free_folder(_FOLDER, 10**6))  # so that some moments are after the end of the job
        cells = [random_cell(chance, last) for _ in range(options.number)]
    else:
        cells = matrix(SETTINGS, _FOLDER)[:: options.number]
    return report(cells, options.jobs)


def matrix(settings: Sequence[str], folder: str) -> list[Cell]:
    """All cells: each effect before, after, and for a write in the middle; the whole launch, the one process, everything."""
    cells = []
    for number, text in enumerate(settings):
        names = chosen(effects(Cell(settings=text), free_folder(folder, 10**6 + number)))
        for at, name in enumerate(names):
            whens = ["before", "half", "after"] if ":write:" in name else ["before", "after"]
            program = name.split(":")[0]
            whos = ["launch", "all"] if program in ("reprun", "start") else ["launch", "self", "all"]
            if program in ("sh", "utempter", "tail", "cat", "sleep"):
                whos = ["launch", "all"]
            cells += [Cell(name, when, who, bool((at + number) % 2), text) for when in whens for who in whos]
    return cells


def play_one(pair: tuple[int, Cell]) -> tuple[Cell, Played]:
    """One cell, in a folder of its own."""
    return pair[1], play(pair[1], free_folder(_FOLDER, pair[0]))


def report(cells: list[Cell], jobs: int) -> int:
    """Plays the cells and prints how they ended; the number of those that went wrong."""
    began, ends, bad = time.monotonic(), Counter[str](), 0
    with ProcessPoolExecutor(jobs) as pool:
        for number, (cell, played) in enumerate(pool.map(play_one, enumerate(cells)), 1):
            reached = "killed" if played.reached else "not reached"
            ends[f"{reached}, {played.state or 'nothing was begun, or refused'}, executed {played.count} times"] += 1
            if played.problems:
                bad += 1
                print(f"WRONG  {cell.text}", *played.problems, sep="\n       ", flush=True)
            if number % 50 == 0:
                print(f"{number} of {len(cells)}, {bad} wrong, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    print(f"{len(cells)} launches in {time.monotonic() - began:.0f} s, {bad} wrong")
    for what, count in ends.most_common():
        print(f"{count:6d}  {what}")
    Path(_FOLDER).rmdir()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
