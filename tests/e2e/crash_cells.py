"""Which cells of the crash matrix to play, and when and where: for `make kills`, which plays a thousand."""

from __future__ import annotations

import random
import re
import shutil
import time
from pathlib import Path

from crash_place import SETTINGS, Cell, Place


def chosen(names: list[str]) -> list[str]:
    """Of effects that differ only by a number (one for each file of the tree) the first, one between, and the last."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(re.sub("[0-9]+", "", name), []).append(name)
    few = {one for group in alike.values() for one in (group[0], group[len(group) // 2], group[-1])}
    return [name for name in names if name in few]


def free_folder(parent: str, number: int) -> Path:
    """A short path: the socket of tmux has to fit."""
    path = Path(parent, str(number))
    shutil.rmtree(path, ignore_errors=True)
    return path


def usual_time(folder: Path) -> float:
    """How long a launch takes here and now, in seconds."""
    folder.mkdir(parents=True)
    place = Place(folder, Cell())
    try:
        times = []
        for _ in range(5):
            began = time.monotonic()
            assert place.reprun("launch", "--", "true").rc == 0
            times.append(time.monotonic() - began)
        return sorted(times)[2]
    finally:
        place.end()


def random_cell(chance: random.Random, last: float) -> Cell:
    """A launch of any kind, killed at a moment between its beginning and a little after the end of its job."""
    return Cell(
        moment=chance.uniform(0.001, last),
        who=chance.choice(("launch", "launch", "self", "all")),
        runs_on=chance.random() < 0.5,
        settings=chance.choice(SETTINGS),
    )
