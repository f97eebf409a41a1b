"""The dev repositories that are launched from: source-like files in folders, five of them dirty."""

from __future__ import annotations

import os
import random

from bench.place import run

FOLDER_FILES = 100  # files in each folder of the tree
DIRTY = 4  # tracked files that are edited; with the untracked one: five


def make_project(path: str, files: int) -> str:
    """A repository with one commit of `files` files, about 6 KiB each; the same bytes every time."""
    draw = random.Random(files)
    words = ["".join(draw.choices("abcdefghijklmnopqrstuvwxyz_", k=draw.randint(2, 12))) for _ in range(2000)]
    os.makedirs(path)
    for number in range(files):
        target = os.path.join(path, name(number))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        with open(target, "w", encoding="ascii") as file:
            file.write("\n".join(" ".join(draw.choices(words, k=8)) for _ in range(draw.randint(20, 180))) + "\n")
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0", "-c", "commit.gpgSign=false"]
    run([*git, "init", "--quiet", "--template="], path)
    run([*git, "add", "--all"], path)
    run([*git, "commit", "--quiet", "-m", "the project"], path)
    run([*git, "gc", "--quiet"], path)
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
