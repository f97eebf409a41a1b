"""Git LFS without git-lfs: the commit holds a pointer, the tree gets the content from the dev repository's LFS objects.

Nothing is fetched, and no file of the user is linked: a copy shares blocks where the file system can do that, nothing else.
"""

from __future__ import annotations

import os
import re
import stat

from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError
from reprun.runner.form import Form
from reprun.runner.git import Git
from reprun.runner.progress import report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Mapping, Optional, Sequence, Tuple

LONGEST_POINTER = 1024
_POINTER = (
    rb"version https://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/v1\n(?:[!-~]+ [^\n]*\n)*?"
    rb"oid sha256:([0-9a-f]{64})\nsize ([0-9]+)\n(?:[!-~]+ [^\n]*\n)*"
)
_BLOCK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h: the copy shares its blocks with the original


def parse_pointer(data: bytes) -> Optional[Tuple[str, int]]:
    """(SHA-256, size) of the content that a pointer stands for; None for anything else."""
    if len(data) > LONGEST_POINTER or b"\next-" in data:
        return None
    match = re.fullmatch(_POINTER, data if data.endswith(b"\n") else data + b"\n")
    return (match.group(1).decode("ascii"), int(match.group(2))) if match else None


def render_pointer(oid: str, size: int) -> bytes:
    """The pointer as git-lfs writes it."""
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (oid.encode("ascii"), size)


def find_storage(common_dir: str, configured: str) -> str:
    """The folder in which Git LFS keeps its objects: `lfs.storage`, which may be relative to `.git`."""
    return os.path.normpath(os.path.join(common_dir, os.path.expanduser(configured or "lfs")))


def object_path(storage: str, oid: str) -> str:
    """Where the content lies."""
    return os.path.join(storage, "objects", oid[:2], oid[2:4], oid)


class LackingError(RunnerError):
    """A content, by its SHA-256, that is not in the storage, or is damaged there."""

    def __init__(self, oid: str, message: str, hint: str) -> None:
        super().__init__("refused", message, hint)
        self.oid = oid


def missing(path: str, storage: str, oid: str = "") -> LackingError:
    """The refusal for content that is not there."""
    return LackingError(oid, "the content of the Git LFS file %s is not in %s" % (path, storage), "git lfs fetch --all")


def damaged(path: str, source: str, oid: str) -> LackingError:
    """The refusal for content that is not what it is called."""
    return LackingError(oid, "the Git LFS object of %s is damaged: %s" % (path, source), "git lfs fsck")


def release(git: Git, path: str, known: Iterable[str]) -> None:
    """Before git writes a tree that was begun from another: those of its LFS files that were not linked are git's to write."""
    gone = [item for item in known if not os.path.lexists(os.path.join(path, item))]
    _mark(git, "--no-skip-worktree", gone)


def fill(git: Git, form: Form, path: str) -> None:
    """Puts the content in the place of the pointers that git has written.

    Git then no longer looks at these files: it would find that they are not the pointers, and write those again.
    """
    for number, (item, (oid, size)) in enumerate(form.lfs.items()):
        report("writing the files of Git LFS", number, len(form.lfs))
        if not is_content(os.path.join(path, item), oid, size):
            _copy(object_path(form.storage, oid), os.path.join(path, item), (item, oid, form.storage))
    _mark(git, "--skip-worktree", list(form.lfs))


def is_content(path: str, oid: str, size: int, thorough: bool = False) -> bool:
    """Whether the file is the content by its size, and by all its bytes if `thorough` or if it could be the pointer."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    if not stat.S_ISREG(found.st_mode) or found.st_size != size:
        return False
    return (not thorough and size > LONGEST_POINTER) or sha256_file(path) == oid


def _copy(source: str, target: str, what: Sequence[str]) -> None:
    """A new file with the content, verified, and with the mode of the one that git has written."""
    name, oid, storage = what
    mode = stat.S_IMODE(os.lstat(target).st_mode)
    aside = "%s.%d.tmp" % (target, os.getpid())
    try:
        with open(source, "rb") as content, open(aside, "xb") as file:
            if not _share_blocks(content.fileno(), file.fileno()):
                import shutil

                shutil.copyfileobj(content, file, _BLOCK)
    except FileNotFoundError:
        raise missing(name, storage, oid) from None
    if sha256_file(aside) != oid:
        os.unlink(aside)
        raise damaged(name, source, oid)
    os.chmod(aside, mode)
    os.rename(aside, target)


def _share_blocks(source: int, target: int) -> bool:
    import fcntl

    try:
        fcntl.ioctl(target, _FICLONE, source)
    except OSError:
        return False
    return True


def _mark(git: Git, option: str, paths: Sequence[str]) -> None:
    if paths:
        git.run("update-index", "-z", option, "--stdin", stdin=b"".join(os.fsencode(path) + b"\0" for path in paths))


def is_same(path: str, lfs: Mapping[str, Sequence[object]], item: str) -> bool:
    """Whether a file of a finished tree still is the content that it was filled with, every byte read."""
    oid, size = lfs[item]
    return is_content(os.path.join(path, item), str(oid), int(str(size)), thorough=True)
