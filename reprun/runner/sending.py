"""What a dev machine fetches from a run: which files there are, and pieces of them. Names travel as Latin-1: bytes, one to one.

Nothing is followed out of the folder of the run: links are told of, and only regular files are read.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from typing import Any, Dict, Iterator, List, Optional, Tuple

from reprun.runner.contents import own_storage
from reprun.runner.paths import Home
from reprun.runner.progress import report

RECORDS = re.compile(
    rb"manifest\.toml|config\.[a-z]+|outcome\.json|started\.json|(metrics|events)\.jsonl|stdout\.log|stderr\.log"
)
PACK = re.compile(rb"[0-9a-f]{64}\.pack")
CONTENT = re.compile(rb"objects/[0-9a-f]{2}/[0-9a-f]{2}/[0-9a-f]{64}")
_PAGE = 20_000  # files in one answer
_BLOCK = 1048576


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


def read_contents(home: Home, request: Dict[str, Any]) -> Iterator[Tuple[Dict[str, Any], bytes]]:
    """Reads the `wanted` files in order, each [name, offset, size]: what they are from the offset on, in blocks.

    With the last block of a file comes the `sha256` of its first `size` bytes, or the `problem` because of which it is the last.
    `at` is the place of the file in `wanted`.
    """
    folder = _Folder(os.fsencode(_folder(home, request)))
    for at, (name, offset, size) in enumerate(request["wanted"]):
        try:
            for data, digest in _read(folder.open(name.encode("latin-1")), offset, size):
                yield {"at": at, "sha256": digest, "problem": ""}, data
        except (OSError, ValueError) as error:
            said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            yield {"at": at, "sha256": "", "problem": said}, b""


def _folder(home: Home, request: Dict[str, Any]) -> str:
    """The folder that the names are relative to: of a run, of packages, of the contents in the store `key`, of packs on offer."""
    if request.get("packages"):
        return home.packages
    if request.get("key"):
        return own_storage(home.store(os.path.basename(request["key"])))
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


class _Folder:
    """Opens the files of a run, or of what is on offer, and nothing else."""

    def __init__(self, top: bytes) -> None:
        self.top = top
        self.sound: Optional[bytes] = None  # the last folder in it that no link leads to

    def open(self, name: bytes) -> int:
        """A descriptor of a regular file. Raises `OSError` or `ValueError`."""
        _check(name)
        path, parent = os.path.join(self.top, name), os.path.dirname(name)
        if parent != self.sound:
            if os.path.realpath(os.path.dirname(path)) != os.path.normpath(os.path.join(os.path.realpath(self.top), parent)):
                raise ValueError("a link is on the way to it")
            self.sound = parent
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise ValueError("it is no file")
        return fd


def _read(fd: int, offset: int, size: int) -> Iterator[Tuple[bytes, str]]:
    """The bytes from `offset` to `size` in blocks, at least one, and with the last one the digest of all up to there."""
    with os.fdopen(fd, "rb", 0) as file:
        if not 0 <= offset <= size:
            raise ValueError("it has no such piece")
        digest = hashlib.sha256()
        done = 0
        for block in _blocks(file, offset):  # what came before
            digest.update(block)
            done += len(block)
            report("verifying what came before", done, offset, "bytes")
        left = size - offset
        for block in _blocks(file, left):
            digest.update(block)
            left -= len(block)
            yield block, digest.hexdigest() if not left else ""
        if offset == size:
            yield b"", digest.hexdigest()


def _blocks(file: Any, size: int) -> Iterator[bytes]:
    while size:
        block = file.read(min(_BLOCK, size))
        if not block:
            raise ValueError("it became shorter while it was read")
        size -= len(block)
        yield block


def _check(name: bytes) -> None:
    parts = name.split(b"/")
    known = RECORDS.fullmatch(name) or PACK.fullmatch(name) or CONTENT.fullmatch(name) or parts[0] in (b"output", b"tree")
    if not known or b"\0" in name or any(part in (b"", b".", b"..") for part in parts):
        raise ValueError("it is no file of a run")
