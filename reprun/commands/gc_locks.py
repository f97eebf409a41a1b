"""Locks and captures of environments that no run has: their refs, and what is remembered of them. And which packages the locks
of runs need.

While a launch is at work nothing is taken away: it may be about to use one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from reprun.core.errors import ReprunError, ToolError
from reprun.core.frozen import dataclass
from reprun.repo import refs
from reprun.runner.identity import is_alive, is_orphan
from reprun.store.journal import list_open
from reprun.system.files import find_json, list_dir, remove_file, try_locked
from reprun.workspace import Workspace

_LOCK = re.compile(rb'^(?:lock|capture) = "([0-9a-f]{64})"', re.MULTILINE)  # as we write it; in doubt a lock too many stays
_DIGEST = re.compile(rb"\b(?:[0-9a-f]{64}|[0-9a-f]{32})\b")
_NAME = re.compile(r"([0-9a-f]{64})\.(yml|json|lock)")


@dataclass(frozen=True)
class SpareLocks:
    """The refs of locks, and the paths of memos, that no run needs."""

    refs: tuple[str, ...] = ()
    memos: tuple[str, ...] = ()


def find_spare_locks(workspace: Workspace, keep: int) -> SpareLocks:
    """All but those of runs, of launches that can be carried on, and of memos the `keep` newest."""
    kept = [name for name, _ in refs.list_refs(workspace.repository, refs.LOCKS)]
    folder = os.path.join(workspace.repository.state_dir, "locks")
    names = list_dir(folder)
    captures = os.path.join(workspace.repository.state_dir, "captures")
    captured = list_dir(captures)
    if not (kept or names or captured):
        return SpareLocks()
    needed = _needed(workspace)
    if needed is None:
        return SpareLocks()
    spare = tuple(name for name in kept if name.removeprefix(refs.LOCKS) not in needed)
    of_captures = [os.path.join(captures, name) for name in captured if name.partition(".")[0] not in needed]
    return SpareLocks(spare, (*_memos(folder, names, needed, keep), *of_captures))


def remove_spare_locks(workspace: Workspace, spare: SpareLocks) -> list[str]:
    """Removes what was found. Answers with what is gone."""
    for ref in spare.refs:
        refs.delete_ref(workspace.repository, ref)
    for path in spare.memos:
        if not path.endswith(".lock"):
            remove_file(path)
            continue
        with try_locked(path) as is_free:
            if is_free:
                remove_file(path)
    return [*spare.refs, *spare.memos]


def find_left_packs(workspace: Workspace) -> list[str]:
    """What processes that were killed have written of packs."""
    folder = os.path.join(workspace.repository.state_dir, "packs")
    return [os.path.join(folder, name) for name in list_dir(folder) if name.endswith(".tmp") and is_orphan(name)]


def locked_packages(workspace: Workspace) -> list[dict[str, str]]:
    """All that could be the digest of a package in the locks of this repository, of whatever kind they are. Raises `ToolError`
    for a lock that cannot be read: it may need anything."""
    names = [name for name, _ in refs.list_refs(workspace.repository, refs.LOCKS)]
    found: set[tuple[str, str]] = set()
    for name, text in zip(names, refs.read_blobs(workspace.repository.git, names), strict=True):
        if text is None:
            raise ToolError(f"the lock {name} cannot be read, so nobody knows which packages it needs", hint="git fsck")
        digests = (digest.decode() for digest in _DIGEST.findall(text))
        found |= {(digest, "") if len(digest) == 64 else ("", digest) for digest in digests}
    return [{"sha256": sha256, "md5": md5} for sha256, md5 in sorted(found)]


def _needed(workspace: Workspace) -> set[str] | None:
    """The digests of the locks of all runs; None when that cannot be known now."""
    needed = set()
    for run_id in list_open(workspace.repository.state_dir):
        journal = workspace.journal(run_id)
        begin = journal.find("begin") or {}
        if is_alive(begin.get("process")):
            return None
        spec = begin.get("spec")
        needed |= {
            str((journal.find("environment") or {}).get("lock", "")),
            str(spec.get("lock", "") if isinstance(spec, dict) else ""),
        }
    names = [name for name, _ in refs.list_refs(workspace.repository, refs.MANIFESTS)]
    try:
        for text in refs.read_blobs(workspace.repository.git, names):
            if text is None:
                return None
            needed |= {digest.decode() for digest in _LOCK.findall(text)}
    except ReprunError:
        return None
    return needed


def _memos(folder: str, names: list[str], needed: set[str], keep: int) -> Iterator[str]:
    paths = {name: os.path.join(folder, name) for name in names}
    texts = sorted((name for name in names if name.endswith(".yml")), key=lambda name: os.stat(paths[name]).st_mtime_ns)
    unneeded = [name for name in texts if name.removesuffix(".yml") not in needed]
    gone = set(unneeded[: max(0, len(unneeded) - keep)])
    stays = {name.removesuffix(".yml") for name in texts if name not in gone}
    for name in names:
        if name.endswith(".tmp") and is_orphan(name):
            yield paths[name]
        match = _NAME.fullmatch(name)
        if match and match[2] == "json" and (find_json(paths[name]) or {}).get("digest") not in stays:
            gone.add(name)
    for name in names:
        is_left = name.endswith(".lock") and (f"{name.removesuffix('.lock')}.json" in gone)
        if name in gone or is_left:
            yield paths[name]
