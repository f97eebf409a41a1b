"""What differs between two trees, as git's plumbing tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass

from reprun.system.process import Git, translated


@dataclass(frozen=True)
class Entry:
    """A changed path: `kind` is M (changed), A (added) or D (deleted), `mode` the new mode in octal, `blob` the new object."""

    kind: str
    path: str
    mode: str
    blob: str


def diff_trees(git: Git, old: str, new: str) -> list[Entry]:
    """The entries that differ from tree (or commit) `old`, empty for no tree at all, to `new`."""
    if old == new:
        return []
    if not old:
        old = git.text("hash-object", "-t", "tree", "--stdin")
    with translated():
        said = git.run("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", old, new).stdout
    fields = said.split(b"\0")
    entries = []
    for header, path in zip(fields[0::2], fields[1::2], strict=False):
        _, mode, _, blob, kind = header.decode("ascii").lstrip(":").split(" ")
        entries.append(Entry("M" if kind == "T" else kind, os.fsdecode(path), mode, blob))
    return entries
