"""What differs between two trees, as git's plumbing tells it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from reprun.core.frozen import dataclass
from reprun.repo.discover import Repository
from reprun.system.process import Git, translated


@dataclass(frozen=True)
class Entry:
    """A changed path: `kind` is M (changed), A (added) or D (deleted), `mode` the new mode in octal, `blob` the new object."""

    kind: str
    path: str
    mode: str
    blob: str


@contextmanager
def comparing(git: Git, old: str) -> Iterator[list[Entry]]:
    """Fills the list with the entries that differ from tree `old` (empty: no tree at all) to the index, beside the block."""
    entries: list[Entry] = []
    base = old or git.text("hash-object", "-t", "tree", "--stdin")
    # The user may have told git to overlook submodules.
    words = ("--cached", "-z", "--raw", "--no-renames", "--full-index", "--ignore-submodules=none")
    asked = git.spawn("diff-index", *words, base, "--")
    yield entries
    fields = git.finish(asked, "diff-index").stdout.split(b"\0")
    for header, path in zip(fields[0::2], fields[1::2], strict=False):
        _, mode, _, blob, kind = header.decode("ascii").lstrip(":").split(" ")
        entries.append(Entry("M" if kind == "T" else kind, os.fsdecode(path), mode, blob))


def list_tree(repository: Repository, tree: str) -> list[bytes]:
    """All entries of a tree: `mode type id<TAB>path`."""
    with translated():
        said = repository.git.run("ls-tree", "-r", "-z", "--full-tree", tree).stdout
    return [entry for entry in said.split(b"\0") if entry]
