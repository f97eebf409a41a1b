"""The dev repositories that are launched from: source-like files in folders, five of them dirty."""

from __future__ import annotations

import os
import random
import shutil

from bench.place import run

FOLDER_FILES = 100  # files in each folder of the tree
DIRTY = 4  # tracked files that are edited; with the untracked one: five
# 10,000 files of this mean size are 200 MB, the tree for which the bars were set. Smaller files are quicker to check out.
FILE_KIB = 20
_LINE = 60  # characters in a line, about


def make_project(path: str, files: int, kib: int = FILE_KIB) -> str:
    """A repository with one packed commit of `files` files, `kib` KiB each on average; the same bytes every time."""
    draw = random.Random(files)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz_", k=draw.randint(2, 12))) for _ in range(2000)]
    lines = [" ".join(draw.choices(words, k=8)) for _ in range(5000)]
    mean = kib * 1024 // _LINE
    os.makedirs(path)
    for number in range(files):
        target = os.path.join(path, name(number))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="ascii") as file:
            file.write("\n".join(draw.choices(lines, k=draw.randint(mean // 10, mean * 19 // 10))) + "\n")
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", "-c", "commit.gpgSign=false"]
    run([*git, "init", "--quiet", "--template="], path)
    run([*git, "add", "--all"], path)
    run([*git, "commit", "--quiet", "-m", "the project"], path)
    run([*git, "repack", "-a", "-d", "-q", "--window=0"], path)
    return path


def copy_project(source: str, path: str) -> str:
    """The same project once more, with an index that knows the stats of the copies."""
    shutil.copytree(source, path, symlinks=True)
    run(["git", "update-index", "--refresh"], path)
    return path


def name(number: int) -> str:
    """The path of a tracked file."""
    return f"part{number // FOLDER_FILES:03}/module{number:05}.py"


def make_dirty(path: str, state: str) -> None:
    """Edits four tracked files and writes an untracked one. The same `state` is the same tree again."""
    for number in range(DIRTY):
        target = os.path.join(path, name(number * 7))
        with open(target, encoding="ascii") as file:
            kept = [line for line in file.read().splitlines() if not line.startswith("edited ")]
        with open(target, "w", encoding="ascii") as file:
            file.write("\n".join([*kept, f"edited {state}"]) + "\n")
    with open(os.path.join(path, "untracked.py"), "w", encoding="ascii") as file:
        file.write(f"# new {state}\n")
