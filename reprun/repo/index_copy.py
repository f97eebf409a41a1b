"""A private copy of the user's index."""

from __future__ import annotations

import hashlib
import os

from reprun.core.errors import RefusedError
from reprun.repo.discover import Repository
from reprun.system.files import explained, find_bytes


def copy_index(repository: Repository, path: str) -> None:
    """Copies the index to `path`, with its times, which git compares with the files'. No index is no error.

    Raises `RefusedError` for one that was cut short: git itself reads such an index without complaint, and would then
    commit that the files at its end were deleted.
    """
    source = os.path.join(repository.git_dir, "index")
    data = find_bytes(source)
    if data is None:
        return
    times = os.stat(source)
    if not _is_whole(data, repository.object_format):
        raise RefusedError("the index of this repository is damaged", hint=f"mv {source} {source}.damaged && git reset")
    with explained(path, "written"):
        with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _is_whole(data: bytes, object_format: str) -> bool:
    """The checksum at the end is that of the rest; zeros stand there when the user has set index.skipHash."""
    size = hashlib.new(object_format).digest_size
    body, checksum = data[:-size], data[-size:]
    return checksum == hashlib.new(object_format, body).digest() or checksum == bytes(size)
