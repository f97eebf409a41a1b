"""Read-only checkouts of a commit: one for each commit on a host, shared by its runs, verified before every start."""

from __future__ import annotations

import os
import time
from contextlib import contextmanager
from itertools import islice
from threading import Lock

from reprun.runner import table
from reprun.runner.carried import but_for
from reprun.runner.checkout import Place, build, build_own, differences, has_link, head, remember
from reprun.runner.files import ensure_dir, find_bytes, locked, remove_tree
from reprun.runner.form import commit_of, form_of
from reprun.runner.permissions import make_read_only
from reprun.runner.progress import report

_WAITING = "waiting for another launch that writes a worktree"

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Sequence, Tuple


def place_of(tree: Dict[str, Any]) -> Place:
    """The place of a worktree as it is written in requests and plans."""
    return Place(tree["store"], tree["trees"], form_of(tree.get("form", {})))


def ensure_worktree(place: Place, commit: str) -> str:
    """The path of the verified read-only checkout of `commit`; built, or rebuilt when it no longer verifies."""
    ensure_dir(place.trees)
    name = place.form.name(commit)
    report(_WAITING)
    with locked(place.lock, exclusive=False):
        report("verifying the worktree")
        if exists(place, name) and _is_unchanged(place, name, place.path(name)):
            return place.path(name)
    report(_WAITING)
    with locked(place.lock, exclusive=True):
        report("writing the worktree")
        if not is_sound(place, name):
            _discard(place, name)
            build(place, commit, _bases(place), is_sound)
        return place.path(name)


def verify_newest(place: Place) -> None:
    """Verifies the newest tree and remembers for a moment that it did: the start that follows need not do it again."""
    for _, name in list_trees(place)[:1]:
        path = place.path(name)
        # The file lock comes first: whoever builds holds it and then asks the speculation, which must not wait for it in turn.
        with locked(place.lock, exclusive=False), _SPECULATION.about(path):
            if exists(place, name) and _looks_unchanged(place, name, path, _SPECULATION.is_idle):
                _SPECULATION.verified = (path, time.monotonic())


def ensure_own_tree(
    place: Place, commit: str, name: str, path: str, writable: Sequence[str], carry: Sequence[Dict[str, Any]] = ()
) -> str:
    """A checkout for one run alone at `path`, in which the relative paths `writable` may be written; `carry` is put into it."""
    ensure_worktree(place, commit)
    report(_WAITING)
    with locked(place.lock, exclusive=True):
        report("writing the worktree")
        if not os.path.isdir(path) or table.load(place.table(name)) is None:
            remove_tree(path)
            build_own(place, commit, name, path, writable, carry)
        return path


def find_changes(place: Place, name: str, path: str, commit: str, skip: Sequence[str] = ()) -> List[str]:
    """The first 50 paths below `path` that are not as in the commit; empty when it is unmodified. `skip` may differ."""
    with locked(place.lock, exclusive=False):
        moved = head(place, name) != commit
        if not moved and _is_unchanged(place, name, path, shared=False):
            return []
        changed = differences(place, name, path, commit)
    return [*islice(but_for(path, changed, skip), 50), *["HEAD"] * moved][:50]


def remove_worktree(place: Place, name: str, path: str) -> None:
    """Removes a tree and git's record of it. What shares files with it is read once more before it is used again."""
    with locked(place.lock, exclusive=True):
        remove_tree(path)
        remove_tree(place.admin(name))
        _forget_unused(place)


def is_admin_of_nothing(admin: str) -> bool:
    """True for git's record of a worktree that is not there; while a tree is being built that is so for a moment."""
    link = os.fsdecode((find_bytes(os.path.join(admin, "gitdir")) or b"").rstrip(b"\n"))
    return not (link and os.path.isdir(os.path.dirname(link)))


def remove_admin_of_nothing(place: Place, name: str) -> None:
    """Removes git's record of a worktree that is not there."""
    with locked(place.lock, exclusive=True):
        if is_admin_of_nothing(place.admin(name)):
            remove_tree(place.admin(name))


def exists(place: Place, name: str) -> bool:
    """True when the shared tree `name` is there and git knows it at that commit."""
    return os.path.isdir(place.path(name)) and head(place, name) == commit_of(name)


def is_sound(place: Place, name: str) -> bool:
    """True when the shared tree is its commit. Call with the lock held exclusively: stats that moved are read anew and kept.

    Stats move without harm when another tree that shares files is removed, or when a crash came between link and record.
    """
    path = place.path(name)
    if not exists(place, name):
        return False
    if _is_unchanged(place, name, path):
        return True
    if not has_link(place, name, path) or differences(place, name, path, commit_of(name)):
        return False
    make_read_only(path)
    remember(place, name, path)
    return True


def list_trees(place: Place) -> List[Tuple[int, str]]:
    """(time of building in nanoseconds, name) of every shared tree, newest first."""
    try:
        with os.scandir(place.trees) as entries:
            found = [(entry.stat().st_mtime_ns, entry.name) for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []
    return sorted(found, reverse=True)


def _bases(place: Place) -> List[str]:
    return [name for _, name in list_trees(place)]


class _Speculation:
    """A verification that a thread does ahead of the launch that will want it."""

    SECONDS = 2.0

    def __init__(self) -> None:
        self.busy = Lock()
        self.path = ""
        self.verified = ("", 0.0)

    @contextmanager
    def about(self, path: str) -> Iterator[None]:
        """Held while `path` is being verified."""
        with self.busy:
            self.path = path
            yield
            self.path = ""

    def is_idle(self) -> bool:
        """True when nobody wants the tree any more that is being verified."""
        return not self.path

    def knows(self, path: str) -> bool:
        """True, once, when `path` was verified within the last two seconds; waits for that if it is under way."""
        if self.path != path:
            self.path = ""  # another tree is wanted: the thread may stop
        with self.busy:
            (known, moment), self.verified = self.verified, ("", 0.0)
        return known == path and time.monotonic() - moment < self.SECONDS


_SPECULATION = _Speculation()


def _is_unchanged(place: Place, name: str, path: str, shared: bool = True) -> bool:
    return (shared and _SPECULATION.knows(path)) or _looks_unchanged(place, name, path)


def _looks_unchanged(place: Place, name: str, path: str, stop: Callable[[], bool] = bool) -> bool:
    known = table.load(place.table(name))
    return has_link(place, name, path) and table.is_unchanged(path, known, table.load(place.stats), stop)


def _discard(place: Place, name: str) -> None:
    """Moves a damaged tree out of the way; a run that still uses it keeps its open files, and gc removes the rest."""
    path = place.path(name)
    if os.path.lexists(path):
        aside = os.path.join(place.trees, ".damaged-%s-%d" % (name[:12], os.getpid()))
        remove_tree(aside)
        os.rename(path, aside)
    remove_tree(place.admin(name))


def _forget_unused(place: Place) -> None:
    """Keeps only the stats of inodes that a tree still names; what is kept is kept as it was."""
    admin = os.path.join(place.store, "worktrees")
    tables = [table.load(place.table(name)) or {} for name in os.listdir(admin)]
    used = {str(inode) for known in tables for inode, _ in known.values()}
    stats = table.load(place.stats) or {}
    table.save(place.stats, {inode: found for inode, found in stats.items() if inode in used})
