"""Which runs the refs hold, read from the files: asking Git for 100,000 of them takes ten times as long."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from reprun.core.frozen import dataclass

MANIFESTS = "refs/reprun/manifests/"
OUTCOMES = "refs/reprun/outcomes/"
ListRefs = Callable[[], Iterable[tuple[str, str]]]  # every ref under refs/reprun: (full name, object id)


@dataclass(frozen=True)
class Stamp:
    """What the file system says of the refs: while `text` stays the same, no ref was made, moved or deleted.

    That holds only from a moment after `newest_ns`: the clock of a file system ticks every few milliseconds,
    and a second ref made within one tick leaves the stamp as it was.
    """

    text: str
    newest_ns: int

    @property
    def packed(self) -> str:
        """The part that stands for refs which are not files of their own."""
        return self.text.partition(" ")[2].partition(" ")[2]


@dataclass(frozen=True)
class RunRefs:
    """The ids under the two families of refs."""

    manifests: frozenset[str]
    outcomes: frozenset[str]


def read_stamp(common_dir: str) -> Stamp:
    """The stamp of the refs as they are now. Read it before the refs: later news are found next time."""
    parts: list[str] = []
    newest = 0
    for name in (MANIFESTS, OUTCOMES, "packed-refs", "reftable/tables.list"):
        try:
            found = os.stat(os.path.join(common_dir, name))
        except OSError:
            parts.append("-")
            continue
        newest = max(newest, found.st_mtime_ns)
        # A folder's size says nothing on most file systems; a file that Git replaces has another inode.
        parts.append(f"{found.st_mtime_ns}:{found.st_ino}" + ("" if name.endswith("/") else f":{found.st_size}"))
    return Stamp(" ".join(parts), newest)


def list_runs(common_dir: str, list_refs: ListRefs) -> RunRefs:
    """The runs with a manifest and with an outcome; `list_refs` serves where refs are not plain files."""
    if os.path.isdir(os.path.join(common_dir, "reftable")):
        names = [name for name, _ in list_refs()]
        return RunRefs(_below(MANIFESTS, names), _below(OUTCOMES, names))
    # Loose ones first: `git pack-refs` writes the packed file before it deletes them, so none can be missed.
    manifests, outcomes = _loose(common_dir, MANIFESTS), _loose(common_dir, OUTCOMES)
    try:
        with open(os.path.join(common_dir, "packed-refs"), "rb") as file:
            packed = file.read()
    except OSError:
        packed = b""
    return RunRefs(manifests | _packed(packed, MANIFESTS), outcomes | _packed(packed, OUTCOMES))


def list_loose(common_dir: str) -> RunRefs:
    """The runs whose refs are files of their own: those made or moved since git last packed the refs."""
    return RunRefs(_loose(common_dir, MANIFESTS), _loose(common_dir, OUTCOMES))


def _below(family: str, names: Iterable[str]) -> frozenset[str]:
    return frozenset(name[len(family) :] for name in names if name.startswith(family))


def _loose(common_dir: str, family: str) -> frozenset[str]:
    try:
        return frozenset(name for name in os.listdir(os.path.join(common_dir, family)) if not name.endswith(".lock"))
    except OSError:
        return frozenset()


def _packed(packed: bytes, family: str) -> frozenset[str]:
    """The ids of one family in packed-refs, whose lines are `<object id> <ref>`."""
    mark = b" " + family.encode()
    start, end = packed.find(mark), packed.rfind(mark)
    if start < 0:
        return frozenset()
    # Split at the mark, not into lines: what follows it up to the end of the line is the id.
    pieces = packed[start : packed.find(b"\n", end) + 1 or None].decode("utf-8", "replace").split(mark.decode())
    return frozenset(piece.partition("\n")[0] for piece in pieces[1:])
