"""Archives of packages that nothing on this host needs any more. They may be what is left of a package that its channel has lost,
so they go only by request, and never while a run that was here, an environment, or a lock of the dev side has them.

Whoever makes an environment leaves a note of its archives. What has none stays: it was sent on, or came out of a pack.
"""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterable, List, Sequence, Set

from reprun.runner.env_fetch import by_md5
from reprun.runner.env_gc import packages_lock
from reprun.runner.env_record import PLAN
from reprun.runner.files import ensure_dir, find_bytes, list_names, read_json, read_text, remove_tree, try_locked, write_atomic
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

_OID = re.compile(r"[0-9a-f]{64}")


def note_archives(home: Home, digest: str, paths: Iterable[str]) -> None:
    """Keeps which archives the environment of a plan is made of."""
    folder = ensure_dir(os.path.join(home.packages, "needed"))
    write_atomic(os.path.join(folder, digest), "\n".join(sorted(map(os.path.basename, paths))).encode(), durable=False)


def list_spare_archives(home: Home, needed: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """`name`, `path` and `bytes` of each. `needed` are packages of locks, by their digests."""
    notes = _notes(home)
    kept = {oid for digest in _needed(home, notes) for oid in notes[digest]}
    kept |= _oids(home, needed)
    for name in list_names(home.envs):
        plan = _plan(os.path.join(home.envs, name, PLAN))
        kept |= _oids(home, plan.get("packages", []))
    spare = sorted({oid for oids in notes.values() for oid in oids} - kept)
    paths = [(oid, object_path(home.packages, oid)) for oid in spare]
    return [{"name": oid, "path": path, "bytes": os.path.getsize(path)} for oid, path in paths if os.path.isfile(path)]


def remove_archives(home: Home, names: Sequence[str], needed: Sequence[Dict[str, Any]]) -> List[str]:
    """Removes those of them that are still spare; none while an environment is being made."""
    removed: List[str] = []
    if not names:
        return removed
    with try_locked(packages_lock(home)) as is_free:
        for one in list_spare_archives(home, needed) if is_free else ():
            if one["name"] in names:
                os.unlink(one["path"])
                remove_tree(os.path.join(home.packages, "sources", one["name"]))
                removed.append(one["path"])
        for digest, oids in _notes(home).items() if removed else ():
            if not any(os.path.isfile(object_path(home.packages, oid)) for oid in oids):
                os.unlink(os.path.join(home.packages, "needed", digest))
    return removed


def _notes(home: Home) -> Dict[str, List[str]]:
    folder = os.path.join(home.packages, "needed")
    found = {name: read_text(os.path.join(folder, name)).split() for name in list_names(folder) if _OID.fullmatch(name)}
    return {name: [oid for oid in oids if _OID.fullmatch(oid)] for name, oids in found.items()}


def _needed(home: Home, digests: Iterable[str]) -> Set[str]:
    """Those environments that a run on record here has had."""
    left = {digest.encode() for digest in digests}
    found: Set[bytes] = set()
    for run_id in list_names(home.runs) if left else ():
        run = home.run(run_id)
        text = b"".join(find_bytes(path) or b"" for path in (run.manifest, run.launch, run.started))
        found |= {digest for digest in left - found if digest in text}
    return {digest.decode() for digest in found}


def _plan(path: str) -> Dict[str, Any]:
    try:
        return read_json(path) or {}
    except (OSError, ValueError):
        return {}


def _oids(home: Home, packages: Iterable[Dict[str, Any]]) -> Set[str]:
    return {str(one.get("sha256") or read_text(by_md5(home, one)).strip()) for one in packages}
