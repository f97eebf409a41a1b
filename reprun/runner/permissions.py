"""Who may write in a worktree: nobody, but for the paths that a run has declared as writable."""

from __future__ import annotations

import os
import stat

from reprun.runner.errors import RunnerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Sequence, Set

_WRITE_BITS = stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH


def make_read_only(path: str) -> None:
    """Takes the write bits from everything in the tree."""
    for folder, _, files in os.walk(path, topdown=False):
        for file in files:
            _take_write_bits(os.path.join(folder, file))
        _take_write_bits(folder)


def make_linked_read_only(path: str, written: Set[str]) -> None:
    """As `make_read_only`, for a tree whose linked files are read-only already."""
    for item in {".git", *written}:
        if os.path.lexists(os.path.join(path, item)):
            _take_write_bits(os.path.join(path, item))
    for folder, _, _ in os.walk(path, topdown=False):
        _take_write_bits(folder)


def _take_write_bits(path: str) -> None:
    found = os.lstat(path)
    if not stat.S_ISLNK(found.st_mode) and found.st_mode & _WRITE_BITS:
        os.chmod(path, stat.S_IMODE(found.st_mode) & ~_WRITE_BITS)


def _give_write_bit(path: str) -> None:
    found = os.lstat(path)
    if not stat.S_ISLNK(found.st_mode):
        os.chmod(path, stat.S_IMODE(found.st_mode) | stat.S_IWUSR)


def open_writable(path: str, writable: Sequence[str]) -> None:
    """Opens the declared paths for writing, and makes the folders that are not there; what a link leads to is left alone."""
    for part in writable:
        top = os.path.join(path, part)
        if os.path.islink(top):
            continue  # what it leads to is not ours to open
        if not os.path.lexists(top):
            _make_folders(path, part)
        _give_write_bit(top)
        for folder, folders, files in os.walk(top):
            for name in folders + files:
                _give_write_bit(os.path.join(folder, name))


def _make_folders(path: str, part: str) -> None:
    """Makes the folder `part`; the read-only folders on the way are opened for a moment."""
    here = path
    for name in part.split("/"):
        there = os.path.join(here, name)
        if os.path.islink(there) or (os.path.lexists(there) and not os.path.isdir(there)):
            raise RunnerError(
                "refused",
                "the writable path %s leads through %s, which is no folder in the snapshot" % (part, name),
                "declare another path as writable",
            )
        if not os.path.isdir(there):
            mode = stat.S_IMODE(os.stat(here).st_mode)
            os.chmod(here, 0o700)
            os.mkdir(there, 0o755)
            os.chmod(here, mode & ~_WRITE_BITS)
        here = there
