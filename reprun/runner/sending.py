"""What a dev machine fetches from a run: which files there are, and pieces of them. Names travel as Latin-1: bytes, one to one.

Nothing is followed out of the folder of the run: links are told of, and only regular files are read.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import stat
from typing import Any, Dict, Iterator, List, Tuple

from reprun.runner.paths import Home

RECORDS = re.compile(rb"manifest\.toml|config\.[a-z]+|outcome\.json|started\.json|metrics\.jsonl|stdout\.log|stderr\.log")
PACK = re.compile(rb"[0-9a-f]{64}\.pack")
_PAGE = 20_000  # files in one answer
_CHUNK = 1 << 20


def list_files(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The records of a run and the files below `output` and the writable `parts` of its tree, from the `skip`th on: each as
    [name, kind, size, time of change in nanoseconds, what a link says]. `more`: there are others behind these."""
    top = os.fsencode(home.run(request["run_id"]).path)
    if not os.path.isdir(top):
        return {"there": False, "files": [], "more": False}
    skip = int(request.get("skip", 0))
    files: List[List[Any]] = []
    for at, (name, found) in enumerate(_walk(top, request.get("parts", []))):
        if at < skip:
            continue
        if len(files) == _PAGE:
            return {"there": True, "files": files, "more": True}
        is_link = stat.S_ISLNK(found.st_mode)
        kind = "link" if is_link else "file" if stat.S_ISREG(found.st_mode) else "other"
        said = os.readlink(os.path.join(top, name)).decode("latin-1") if is_link else ""
        files.append([name.decode("latin-1"), kind, found.st_size, found.st_mtime_ns, said])
    return {"there": True, "files": files, "more": False}


def read_pieces(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Reads the `wanted` files in order, each [name, offset, size], until `limit` bytes are together.

    A piece is {data, sha256, problem}; `sha256`, that of the first `size` bytes, comes with the piece that ends there.
    """
    left = int(request["limit"])
    pieces: List[Dict[str, str]] = []
    top = os.fsencode(_folder(home, request))
    for name, offset, size in request["wanted"]:
        if left <= 0:
            break
        try:
            data, digest = _read(top, name.encode("latin-1"), offset, size, left)
            pieces.append({"data": base64.b64encode(data).decode("ascii"), "sha256": digest, "problem": ""})
            left -= len(data)
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            pieces.append({"data": "", "sha256": "", "problem": said})
        left -= 256  # what a piece costs beside its data
    return {"pieces": pieces}


def _folder(home: Home, request: Dict[str, Any]) -> str:
    """The folder that the names are relative to: that of a run, or the one of the packs that are on offer."""
    return home.run(request["run_id"]).path if request.get("run_id") else os.path.join(home.cache, "outgoing")


def _walk(top: bytes, parts: List[str]) -> Iterator[Tuple[bytes, os.stat_result]]:
    for name in sorted(os.listdir(top)):
        if RECORDS.fullmatch(name):
            yield name, os.lstat(os.path.join(top, name))
    for root in [b"output", *(b"tree/" + os.fsencode(part) for part in parts)]:
        path = os.path.join(top, root)
        if os.path.realpath(path) != os.path.join(os.path.realpath(top), root) or not os.path.isdir(path):
            if os.path.lexists(path):
                yield root, os.lstat(path)  # a file, or a link, which is not followed
            continue
        for folder, folders, files in os.walk(path):
            folders.sort()
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for name in sorted(files + links):
                try:
                    yield os.path.relpath(os.path.join(folder, name), top), os.lstat(os.path.join(folder, name))
                except FileNotFoundError:
                    pass  # a job that still runs has removed it


def _read(top: bytes, name: bytes, offset: int, size: int, limit: int) -> Tuple[bytes, str]:
    """The bytes from `offset` on, and once they reach `size`, the digest of all up to there."""
    _check(name)
    if not 0 <= offset <= size:
        raise ValueError("it has no such piece")
    path = os.path.join(top, name)
    if os.path.realpath(os.path.dirname(path)) != os.path.normpath(os.path.join(os.path.realpath(top), os.path.dirname(name))):
        raise ValueError("a link is on the way to it")
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError("it is no file")
        if found.st_size < size:
            raise ValueError("it became shorter while it was read")
        file.seek(offset)
        data = file.read(min(limit, size - offset))
        if offset + len(data) < size:
            return data, ""
        if offset == 0:
            return data, hashlib.sha256(data).hexdigest()
        return data, _digest(file, size)


def _digest(file: Any, size: int) -> str:
    digest = hashlib.sha256()
    file.seek(0)
    while size:
        block = file.read(min(_CHUNK, size))
        if not block:
            raise ValueError("it became shorter while it was read")
        digest.update(block)
        size -= len(block)
    return digest.hexdigest()


def _check(name: bytes) -> None:
    parts = name.split(b"/")
    known = RECORDS.fullmatch(name) or PACK.fullmatch(name) or parts[0] in (b"output", b"tree")
    if not known or b"\0" in name or any(part in (b"", b".", b"..") for part in parts):
        raise ValueError("it is no file of a run")
