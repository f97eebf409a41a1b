"""The commit under a snapshot: its tree, to see what is new, and its date, which the snapshot takes over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reprun.core.frozen import dataclass
from reprun.repo.discover import Repository

# Snapshots of one state are one commit, so its dates come from its parent; this is the date of a commit without one.
_NO_DATE = "946684800 +0000"


@dataclass
class Parent:
    """Filled when the `with` block of `ask_parent` ends; `date` is as git writes it, seconds and zone."""

    tree: str = ""
    date: str = _NO_DATE


@contextmanager
def ask_parent(repository: Repository) -> Iterator[Parent]:
    """Lets git read HEAD's commit beside what happens in the block."""
    parent = Parent()
    asked = repository.git.spawn("cat-file", "commit", repository.head) if repository.head else None
    yield parent
    if asked is not None:
        text = repository.git.finish(asked, "cat-file").stdout
        fields = dict(line.split(b" ", 1) for line in text.partition(b"\n\n")[0].split(b"\n") if line[:1] not in (b"", b" "))
        parent.tree = fields[b"tree"].decode("ascii")
        parent.date = fields[b"committer"].rpartition(b"> ")[2].decode("ascii", "replace")
