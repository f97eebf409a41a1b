"""Data that a run reads: size and digest of the declared files and folders, hashed once for each state of a file."""

from __future__ import annotations

import os

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir
from reprun.runner.progress import report
from reprun.runner.table import Stats, load, save

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Sequence

MAX_FILES = 100_000


def data_facts(paths: Sequence[str], base: str, cache: str, missing: Optional[List[List[str]]] = None) -> List[Dict[str, Any]]:
    """`{path, size, files, sha256}` for each path (relative ones from `base`). A folder's digest covers names and contents.

    What is wrong with a path, and what to do, is added to `missing`, else raised as `RunnerError`.
    """
    memo_path = os.path.join(cache, "hashes.json")
    memo: Stats = load(memo_path) or {} if paths else {}
    before = len(memo)
    facts = []
    for path in paths:
        whole = os.path.join(base, os.path.expanduser(path))
        try:
            facts.append(_read(path, whole, memo))
        except RunnerError as error:
            if missing is None:
                raise
            missing.append([error.message, error.hint])
    if len(memo) != before:
        try:
            ensure_dir(cache)
            save(memo_path, memo)
        except OSError:
            pass  # a cache: without it the next launch hashes again
    return facts


def out_of_reach(paths: Sequence[str], base: str, tree: str) -> List[List[str]]:
    """What the dev tree `base` (empty on another host) shows to its owner and the worktree does not show to the job, though it
    looks as if: links at the top that lead nowhere from there, and declared data. Each as its kind, its path, where it is.
    """
    found = []
    for name in sorted(entry.name for entry in os.scandir(tree) if entry.is_symlink()):
        if not os.path.exists(os.path.join(tree, name)) and (not base or os.path.exists(os.path.join(base, name))):
            found.append(["link", name, os.path.realpath(os.path.join(base, name)) if base else ""])
    dead = {name for _, name, _ in found}
    for path in paths if base else ():
        inside = not os.path.isabs(os.path.expanduser(path)) and os.path.normpath(path).split(os.sep)[0] not in dead
        if inside and os.path.exists(os.path.join(base, path)) and not os.path.exists(os.path.join(tree, path)):
            found.append(["data", path, os.path.normpath(os.path.join(base, path))])
    return [[text.encode("utf-8", "backslashreplace").decode() for text in one] for one in found]


def _read(name: str, path: str, memo: Any) -> Dict[str, Any]:
    try:
        return _facts(name, path, memo)
    except OSError as error:
        where = error.filename or path
        raise RunnerError(
            "refused",
            "the data %s cannot be read: %s (%s)" % (name, error.strerror or error, where),
            "on the target: ls -ld %s" % where,
        ) from None


def _facts(name: str, path: str, memo: Any) -> Dict[str, Any]:
    if os.path.isfile(path):
        return {"path": name, "size": os.path.getsize(path), "files": 1, "sha256": _digest(path, memo)}
    if os.path.exists(path) and not os.path.isdir(path):
        raise RunnerError(
            "refused",
            "the data %s is neither a file nor a folder but a pipe, a socket or a device (%s)" % (name, path),
            "put its contents into a file, or take it out of [[data]]; [preflight] readable takes what is only read",
        )
    if not os.path.isdir(path):
        raise RunnerError(
            "refused",
            "the data %s is not there (%s)" % (name, path),
            "mend the path in [[data]] of reprun.toml, or bring the data; on another host a relative path is one of the "
            "worktree, so data that is not in git needs a path like ~/data/train.csv there",
        )
    from hashlib import sha256

    total, size, whole = 0, 0, sha256()
    for folder, folders, files in os.walk(path, onerror=_refuse):
        folders.sort()
        for file in sorted(files):
            item = os.path.join(folder, file)
            total, size = total + 1, size + _size(item)
            if total > MAX_FILES:
                raise RunnerError(
                    "refused",
                    "the data %s has more than %d files" % (name, MAX_FILES),
                    "name an archive or an index file in [[data]]",
                )
            whole.update(os.fsencode(os.path.relpath(item, path)) + b"\0" + _contents(item, memo) + b"\n")
    return {"path": name, "size": size, "files": total, "sha256": whole.hexdigest()}


def _refuse(error: OSError) -> None:
    """A folder that cannot be listed: half of the data is not the data."""
    raise error


def _size(path: str) -> int:
    """Of a file; a link that leads nowhere, a pipe or a socket has none."""
    return os.path.getsize(path) if os.path.isfile(path) else 0


def _contents(path: str, memo: Any) -> bytes:
    """What stands for the contents of a path in a folder. Reading a pipe would wait for ever."""
    if os.path.isfile(path):
        return _digest(path, memo).encode()
    return b"-> " + os.fsencode(os.readlink(path)) if os.path.islink(path) else b"special"


def _digest(path: str, memo: Any) -> str:
    found = os.stat(path)
    key = "%d:%d:%d:%d:%d" % (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    if key not in memo:
        memo[key] = sha256_file(path, "hashing " + os.path.basename(path))
    return str(memo[key])


def sha256_file(path: str, step: str = "") -> str:
    """The SHA-256 of a file of any size, in bounded memory. `step`: what it is read for, when that may take long."""
    from hashlib import sha256  # the quick one, see digests.py

    digest = sha256()
    with open(path, "rb") as file:
        size, done = os.fstat(file.fileno()).st_size, 0
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
            done += len(block)
            if step:
                report(step, done, size, "bytes")
    return digest.hexdigest()
