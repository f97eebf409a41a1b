"""Private copies of the user's index, and of the one that becomes the snapshot."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from reprun.core.errors import RefusedError
from reprun.repo.discover import Repository
from reprun.system.files import explained, find_bytes
from reprun.system.process import Git


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


@contextmanager
def looking_again(git: Git, before: int) -> Iterator[list[str]]:
    """Lets git look at all files again, beside the block; fills the list with those that are not as `git add` found them.

    `before` is the second in which the add began. Git compares times by the second, and reads a file whose time is not older
    than its index. So the index for this look is a copy that is dated `before`: whatever was written since is read.
    """
    moved: list[str] = []
    index = git.where["GIT_INDEX_FILE"]
    copy = index + ".check"
    if os.path.exists(index):  # there is none where nothing was ever added
        with explained(copy, "written"):
            shutil.copyfile(index, copy)
            os.utime(copy, (before, before))
    words = ("ls-files", "--modified", "--deleted", "--others", "--exclude-standard", "-z")
    asked = git.at(GIT_INDEX_FILE=copy).spawn(*words)
    yield moved
    left = git.finish(asked, "ls-files").stdout
    moved += sorted({os.fsdecode(path) for path in left.split(b"\0") if path})


def date_index(git: Git, before: int) -> None:
    """Makes git read every file that was written in the second `before` or since."""
    os.utime(git.where["GIT_INDEX_FILE"], (before, before))


def _is_whole(data: bytes, object_format: str) -> bool:
    """The checksum at the end is that of the rest; zeros stand there when the user has set index.skipHash."""
    size = hashlib.new(object_format).digest_size
    body, checksum = data[:-size], data[-size:]
    return checksum == hashlib.new(object_format, body).digest() or checksum == bytes(size)
