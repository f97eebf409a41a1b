"""Private copies of the user's index, and of the one that becomes the snapshot."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile

from reprun.core.errors import RefusedError
from reprun.repo.discover import Repository
from reprun.repo.listing import Listing, ask_listing, read_listing
from reprun.runner.digests import sha1, sha256
from reprun.system.files import ensure_dir, explained, find_bytes
from reprun.system.process import Git

_LARGE = 1 << 18  # bytes, from which on the quicker digest of OpenSSL is worth loading it


def scratch_folder(repository: Repository) -> str:
    """Where scratch indexes lie, in reprun's folder of the repository."""
    return ensure_dir(os.path.join(repository.state_dir, "tmp"))


@contextmanager
def scratch_index(repository: Repository, name: str, folder: str) -> Iterator[Git]:
    """Git with a private copy of the user's index, in `folder`, so that unchanged files need not be hashed anew."""
    path = os.path.join(folder, f"index-{name}-{os.getpid()}")
    try:
        copy_index(repository, path)
        yield repository.git.at(GIT_INDEX_FILE=path)
    finally:
        for left in ("", ".lock", ".check", ".flat", ".flat.lock"):
            with suppress(FileNotFoundError):
                os.unlink(path + left)


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
    # `git replace` for a file: what lies there is not what the index says, though its stats do; so nothing is believed.
    when = 10**9 if replaces_objects(repository) else times.st_mtime_ns
    with explained(path, "written"):
        with open(path, "wb", opener=_private) as file:
            file.write(data)
        os.utime(path, ns=(times.st_atime_ns, when))


def replaces_objects(repository: Repository) -> bool:
    """True when `git replace` was used here; then no stat of the index is to be believed, and the copy is dated so."""
    if os.path.isdir(os.path.join(repository.common_dir, "refs", "replace")):
        return True
    with suppress(FileNotFoundError), open(os.path.join(repository.common_dir, "packed-refs"), "rb") as packed:
        # They are sorted: where our own, of which there can be very many, begin, nobody need look further.
        return any(b" refs/replace/" in line for line in takewhile(lambda line: b" refs/reprun/" not in line, packed))
    return False


@contextmanager
def looking_again(git: Git, before: int) -> Iterator[list[Listing]]:
    """Lets git look at all files again, beside the block; the list then holds what is not as it was found and added.

    `before` is the second in which the first look began. Git compares times by the second, and reads a file whose time is
    not older than its index. So the index for this look is a copy that is dated `before`: whatever was written since is read.
    """
    found: list[Listing] = []
    index = git.where["GIT_INDEX_FILE"]
    copy = index + ".check"
    if os.path.exists(index):  # there is none where nothing was ever added
        with explained(copy, "written"):
            with open(copy, "wb", opener=_private) as file:
                file.write(find_bytes(index) or b"")
            os.utime(copy, (before, before))
    scratch = git.at(GIT_INDEX_FILE=copy)
    asked = ask_listing(scratch)
    yield found
    found.append(read_listing(scratch, asked))


def date_index(git: Git, before: int) -> None:
    """Makes git read every file that was written in the second `before` or since."""
    os.utime(git.where["GIT_INDEX_FILE"], (before, before))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _is_whole(data: bytes, object_format: str) -> bool:
    """The checksum at the end is that of the rest; zeros stand there when the user has set index.skipHash."""
    size = 20 if object_format == "sha1" else 32
    body, checksum = data[:-size], data[-size:]
    return checksum == _digest(body, object_format) or checksum == bytes(size)


def _digest(data: bytes, object_format: str) -> bytes:
    if len(data) < _LARGE:
        return (sha1 if object_format == "sha1" else sha256)(data).digest()
    import hashlib

    return hashlib.new(object_format, data).digest()
