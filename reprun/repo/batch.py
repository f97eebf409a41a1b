"""Records of many runs kept at once: one pack with all of them, one transaction for their refs."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from reprun.core.errors import ToolError
from reprun.repo.discover import Repository
from reprun.repo.pruning import await_gc
from reprun.runner.digests import sha1, sha256
from reprun.runner.errors import RunnerError
from reprun.system.process import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from hashlib import _Hash as Digest

_UNSYNCED = ("-c", "core.fsync=none")
_BLOB = 3  # the type of an object, gitformat-pack(5)


def keep_many(repository: Repository, blobs: Mapping[str, bytes], refs: Mapping[str, str]) -> None:
    """Stores each of `blobs` under its new ref, and creates `refs`, which name objects that are there: all of it, or nothing.

    None of it is durable yet: git would wait for the disk at each ref. `sync_all` of system/files makes it so.
    Raises `ToolError` when a ref is there already, or git cannot write.
    """
    texts = list(dict.fromkeys(blobs.values()))
    ids = {text: _id_of(repository, text) for text in texts}
    wanted = {**{ref: ids[text] for ref, text in blobs.items()}, **refs}
    lines = "".join(f"create {ref} {object_id}\n" for ref, object_id in wanted.items()).encode()
    for last in (False, False, True):
        guard = _write_pack(repository, texts)
        try:
            with translated():
                done = repository.git.run(*_UNSYNCED, "update-ref", "--stdin", stdin=lines, check=False)
        finally:
            if guard:
                with suppress(OSError):
                    os.unlink(guard)
        if done.returncode == 0:
            return
        if last or not await_gc(repository):
            said = done.stderr.decode("utf-8", "replace").strip() or f"exit status {done.returncode}"
            raise ToolError(f"the records of the runs cannot be kept: {said.splitlines()[-1]}", hint="git fsck")


def drop_refs(repository: Repository, refs: Iterable[str]) -> None:
    """Drops refs, as far as they are there, in one transaction."""
    lines = "".join(f"delete {ref}\n" for ref in refs).encode()
    if lines:
        with translated():
            repository.git.run("update-ref", "--stdin", stdin=lines)


def _id_of(repository: Repository, data: bytes) -> str:
    return _digest(repository.object_format)(b"blob %d\0" % len(data) + data).hexdigest()


def _digest(object_format: str) -> Callable[[bytes], Digest]:
    return sha256 if object_format == "sha256" else sha1


def _write_pack(repository: Repository, texts: list[bytes]) -> str:
    """Writes the objects; the file that keeps `git gc` from taking them away before the refs are there, or nothing."""
    if not texts:
        return ""
    try:
        said = repository.git.text("index-pack", "--stdin", "--keep=reprun", stdin=pack_of(texts, repository.object_format))
    except RunnerError as error:
        raise ToolError(f"git cannot store the records of the runs: {error.message}", hint="git fsck") from error
    word, _, name = said.strip().partition("\t")
    return os.path.join(repository.common_dir, "objects", "pack", f"pack-{name}.keep") if word == "keep" else ""


def pack_of(texts: list[bytes], object_format: str) -> bytes:
    """A pack of blobs, gitformat-pack(5)."""
    import zlib

    parts = [b"PACK" + struct.pack(">II", 2, len(texts))]
    for text in texts:
        parts += [_head(len(text)), zlib.compress(text, 1)]
    body = b"".join(parts)
    return body + _digest(object_format)(body).digest()


def _head(size: int) -> bytes:
    """The type and the size: four bits, then seven in each byte that follows."""
    byte, size, found = _BLOB << 4 | size & 15, size >> 4, bytearray()
    while size:
        found.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    found.append(byte)
    return bytes(found)
