"""File contents that come from a dev machine beside its Git objects: those of Git LFS, each by the SHA-256 that names it.

One that has come in part stays aside, and what is missing of it is asked for; it is put in place when its bytes are verified.
"""

from __future__ import annotations

import os
import re
from typing import Any, BinaryIO, Dict, Iterable, Iterator, List, Mapping, Tuple, Union

from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

_OID = re.compile(r"[0-9a-f]{64}")


def own_storage(store: str) -> str:
    """Where contents lie on a host that does not see the disk of the dev machine."""
    return os.path.join(store, "lfs")


def list_lacking(storage: str, wanted: Mapping[str, List[Any]]) -> List[Tuple[str, int]]:
    """(SHA-256, bytes that are here of it) of each content of `wanted` (path → [SHA-256, size]) that is not here in full."""
    found = {}
    for oid, size in wanted.values():
        if _size(object_path(storage, str(oid))) != size:
            found[str(oid)] = min(max(0, _size(_part(storage, str(oid)))), int(size))
    return sorted(found.items())


def take(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Writes the attached bytes: of each of `parts` (SHA-256, size of the whole, offset, length) one after the other.

    Answers with the contents that were complete and wrong; nothing is kept of those.
    """
    storage = home.packages if request.get("packages") else own_storage(home.store(request["key"]))
    ensure_dir(os.path.join(storage, "tmp"))
    stream = _Stream(request["attached"])
    damaged = []
    for oid, size, offset, length in request["parts"]:
        if not _OID.fullmatch(oid):
            raise RunnerError("usage", "%r is no SHA-256" % (oid,))
        if not write_content(storage, (oid, size), offset, stream.take(length)):
            damaged.append(oid)
    return {"damaged": damaged}


def discard(storage: str, oid: str) -> None:
    """Removes a content that turned out to be damaged."""
    try:
        os.unlink(object_path(storage, oid))
    except FileNotFoundError:
        pass


def write_content(storage: str, what: Tuple[str, int], offset: int, data: Iterable[Union[bytes, memoryview]]) -> bool:
    """Adds to a content from the offset on. False when it is complete and is not what it is called. Two that write the same write
    the same bytes."""
    oid, size = what
    place, part = object_path(storage, oid), _part(storage, oid)
    if _size(place) == size:
        for _ in data:
            pass
        return True
    fd = os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(fd, "r+b", 0) as file:
        if os.fstat(fd).st_size < offset:  # what was there before is gone: it will be asked for again
            for _ in data:
                pass
            return True
        _fill(file, offset, data, part)
        there = os.fstat(fd).st_size
        if there < size:
            return True
        os.fsync(fd)
    try:
        if there == size and sha256_file(part, "verifying a file of Git LFS") == oid:
            ensure_dir(os.path.dirname(place))
            os.rename(part, place)
            return True
        os.unlink(part)
    except FileNotFoundError:  # another launch was quicker to put it in place, or to find it wrong
        return True
    return False


def _fill(file: BinaryIO, offset: int, data: Iterable[Union[bytes, memoryview]], path: str) -> None:
    file.seek(offset)
    try:
        for piece in data:
            left = memoryview(piece)
            while left:
                left = left[file.write(left) :]
    except OSError as error:
        if os.path.lexists(path):
            os.unlink(path)  # on a disk that is full, a part of something is only in the way
        raise OSError(error.errno, error.strerror, path) from None


def _part(storage: str, oid: str) -> str:
    return os.path.join(storage, "tmp", oid + ".part")


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return -1


class _Stream:
    """Attached pieces, cut where they are wanted to be."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = iter(pieces)
        self.rest = b""

    def take(self, length: int) -> Iterator[bytes]:
        """The next `length` bytes. Raises `EOFError` when there are none any more."""
        while length:
            self.rest = self.rest or next(self.pieces, b"")
            if not self.rest:
                raise EOFError
            piece, self.rest = self.rest[:length], self.rest[length:]
            length -= len(piece)
            yield piece
