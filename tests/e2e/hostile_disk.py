"""Launches on disks that are full or read-only: `unshare --mount python hostile_disk.py FOLDER WHAT`. Prints JSON: what is wrong.

It mounts small file systems, so it runs in a mount namespace of its own, which ends with it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

from crash_place import Cell, Place  # noqa: E402
from lab import commands  # noqa: E402

FREE_KIB = (0, 16, 80)  # a launch needs some 200
SIZE = {"project": "3m", "home": "40m"}  # a launch is refused where less than 32 MiB are free for the run
FOLDERS = ("project/.git", "project/.git/objects", "project/.git/refs", "project/.git/reprun", "project/.git/reprun/journal/open")
FOLDERS += ("project/.git/reprun/tmp", "home", "home/runs", "home/repos", "home/worktrees", "home/cache")


def main(folder: Path, what: str) -> list[str]:
    """All that is wrong when the disk of the `project` or of the `home` is full, or folders are `read-only`."""
    if what == "read-only":
        return read_only(folder / "ro")
    return [
        f"{what} with {free} KiB free: {text}" for free in FREE_KIB for text in full_disk(folder / f"{what}{free}", what, free)
    ]


def full_disk(folder: Path, where: str, free: int) -> list[str]:
    """A launch while the disk of the repository or of the home has only so much room, and what follows when it has more."""
    (folder / where).mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={SIZE[where]},mode=700", "none", folder / where)
    place = Place(folder, Cell())
    try:
        with filled(folder / where, free):
            problems = refused_or_done(place)
        return problems + mended(place, {})
    finally:
        place.end_processes()
        subprocess.run(["umount", "--lazy", folder / where], check=False)


def read_only(folder: Path) -> list[str]:
    """A launch while one of the folders that it writes to is read-only."""
    folder.mkdir()
    place, problems = Place(folder, Cell()), []
    states: dict[str, str] = {}
    try:
        place.reprun("launch", "--follow", "--", "true")  # so that all folders are there
        for number, name in enumerate(FOLDERS):
            path = folder / name
            (place.repo / "train.py").write_text(f"print({number})\n")
            mount("--bind", path, path)
            mount("-o", "remount,bind,ro", path)
            problems += [f"{name} is read-only: {text}" for text in refused_or_done(place)]
            subprocess.run(["umount", "--lazy", path], check=True)
            problems += [f"{name} was read-only: {text}" for text in mended(place, states)]
    finally:
        place.end_processes()
    return problems


def refused_or_done(place: Place) -> list[str]:
    """A launch says what is wrong and what to type, or succeeds; what is the user's stays as it is."""
    place.counter.write_text("")
    before = place.user_s()
    answer = place.reprun("launch", "--", "sh", "-c", f"echo started >> {place.counter}")
    problems = [] if answer.rc in (0, 3, 5) else [f"{answer}"]
    if answer.rc and not ("error: " in answer.stderr and "hint: " in answer.stderr and "Traceback" not in answer.stderr):
        problems.append(f"it says: {answer.stderr}")
    return problems + ["what is the user's was touched"] * (place.user_s() != before)


def mended(place: Place, states: dict[str, str]) -> list[str]:
    """With room again, each run is carried on or refused, is executed once at most, and nothing stays. `states`: of the runs
    that were looked at before; those of the others are put in."""
    problems = []
    for run_id in place.begun().keys() - states.keys():
        answers = [place.reprun("resume", run_id) for _ in range(2)]
        problems += [f"resume: {answer}" for answer in answers if answer.rc not in (0, 3)]
    place.reprun("gc", "--yes", "--keep", "0")
    for run_id in place.begun().keys() - states.keys():
        states[run_id] = str(place.reprun("wait", "--json", run_id).json["data"][0]["state"])
    collected = place.reprun("gc", "--yes", "--keep", "0")
    problems += [f"gc: {collected}"] * (collected.rc != 0)
    problems += [f"left behind: {place.left_behind(states)}"] * bool(place.left_behind(states))
    newest = states[max(states)] if states else ""
    if place.count() > 1 or (place.count() == 1) != (newest == "finished" and place.count() > 0):
        problems.append(f"{states}, executed {place.count()} times")
    problems += [f"{run_id} is {state}" for run_id, state in states.items() if state not in ("finished", "lost")]
    return problems


@contextmanager
def filled(folder: Path, free: int) -> Iterator[None]:
    """The file system of the folder with only so many KiB left."""
    room = os.statvfs(folder)
    filler = folder / "filler" if folder.name == "home" else folder / ".git" / "filler"
    with open(filler, "wb") as file:
        file.write(bytes(max(0, room.f_bavail * room.f_frsize - free * 1024)))
    yield
    filler.unlink()


def mount(*words: str | Path) -> None:
    """mount(8), in our own namespace."""
    subprocess.run(["mount", *words], check=True)


if __name__ == "__main__":
    commands.begin()
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
