"""The commit under a snapshot: its tree, to see what is new, and its date, which the snapshot takes over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from reprun.core.frozen import dataclass
from reprun.repo.discover import Repository
from reprun.runner.digests import sha1

# Snapshots of one state are one commit, so its dates come from its parent; this is the date of a commit without one.
_NO_DATE = "@946684800 +0000"


@dataclass
class Parent:
    """Filled when the `with` block of `ask_parent` ends; `date` is seconds and zone, with the @ that lets git take any second."""

    tree: str = ""
    date: str = _NO_DATE


@contextmanager
def ask_parent(repository: Repository) -> Iterator[Parent]:
    """Lets git read HEAD's commit beside what happens in the block, unless it was read before anything else."""
    parent = Parent()
    text = _early(repository)
    asked = None if text or not repository.head else repository.git.spawn("cat-file", "commit", repository.head)
    yield parent
    if asked is not None:
        text = repository.git.finish(asked, "cat-file").stdout
    if text:
        header = text.partition(b"\n\n")[0].split(b"\n")
        parent.tree = header[0].removeprefix(b"tree ").decode("ascii")
        parent.date = next((date for date in map(_date, header) if date), _NO_DATE)


def _early(repository: Repository) -> bytes:
    """The commit that was read as HEAD, when it is the one that we have: its name is the digest of what is in it."""
    if repository.asked is None or not repository.asked.commits:
        return b""
    text = repository.git.finish(repository.asked.commits.pop(), "cat-file", check=False).stdout
    return text if sha1(b"commit %d\0" % len(text) + text).hexdigest() == repository.head else b""


def _date(line: bytes) -> str:
    """The date of a `committer` line; empty for others, and for dates that git refuses: other programs write such commits."""
    found, _, date = line.rpartition(b"> ")
    seconds, _, zone = date.partition(b" ")
    if not found.startswith(b"committer ") or not seconds.isdigit() or len(seconds) > 11:
        return ""
    return f"@{date.decode('ascii')}" if len(zone) == 5 and zone[:1] in (b"+", b"-") and zone[1:].isdigit() else ""
