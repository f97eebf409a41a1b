"""What a further run of a known tree leaves behind: bytes and inodes, outputs and logs aside."""

from __future__ import annotations

import os
from collections.abc import Iterator

from bench.place import REPRUN, environment, run, start_server, wait_idle
from bench.project import make_dirty, make_project
from bench.report import VALUE, Measure

WARM_UP = 3
_ASIDE = frozenset({"output", "stdout.log", "stderr.log", "metrics.jsonl", "tmux.sock"})
_KEPT = (".git/reprun", ".git/refs/reprun", ".git/objects")


def measure(place: str, runs: int) -> Iterator[list[Measure]]:
    """Launches the same tree `runs` times after a warm-up; the lines are averages over these."""
    path = make_project(os.path.join(place, "project-storage"), 100)
    home = os.path.join(place, "home-storage")
    env = environment(home)
    start_server(home)
    make_dirty(path, "once")
    roots = [home, *(os.path.join(path, part) for part in _KEPT)]
    before: dict[int, int] = {}
    for number in range(WARM_UP + runs):
        if number == WARM_UP:
            before = _inodes(roots)
        run([REPRUN, "launch", "--", "sh", "-c", 'echo result >"$REPRUN_OUTPUT/result.txt"'], path, env)
        wait_idle(home)
    after = _inodes(roots)
    added = (sum(after.values()) - sum(before.values())) / runs / 1024
    yield [
        Measure("bytes added by a further run of a known tree", [added], how=VALUE, target=16, unit="KiB"),
        Measure("inodes added", [(len(after) - len(before)) / runs], how=VALUE, target=12, unit="inodes"),
    ]


def _inodes(roots: list[str]) -> dict[int, int]:
    """Inode → size of every file and folder below the roots; a file with several names counts once."""
    found: dict[int, int] = {}
    for root in roots:
        for folder, folders, files in os.walk(root):
            folders[:] = [item for item in folders if item not in _ASIDE]
            for item in [".", *(item for item in files if item not in _ASIDE)]:
                status = os.lstat(os.path.join(folder, item))
                found[status.st_ino] = status.st_size
    return found
