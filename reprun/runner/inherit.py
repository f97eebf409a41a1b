"""The output of a stage begins with what the stage before it has left there: its checkpoints are where they were written.

What the earlier run has recorded stays as it is, whatever the later one does: it gets clones where the file system makes such,
copies of small files, and for large ones a second name for the same file, which nobody may write to any more. To replace such a
file is fine, and to remove it; to write into it is refused by the kernel (not to root).
"""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List, Set, Union

SMALL = 16 << 20  # bytes; more is not copied
_FICLONE = 0x40049409
_NO_CLONES = (errno.EOPNOTSUPP, errno.ENOTTY, errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.ETXTBSY)


def chosen(sources: "Union[str, List[str]]") -> str:
    """The folder to begin with: of several attempts at the stage before that of the one that has finished."""
    if isinstance(sources, str):
        return sources
    from reprun.runner.paths import RunDir
    from reprun.runner.state import find_state

    found = (source for source in sources if find_state(RunDir(os.path.dirname(source)))["state"] == "finished")
    return next(found, sources[0])


def inherit(sources: "Union[str, List[str]]", target: str) -> None:
    """Gives the folder `target` what is in the one to begin with. What is there already stays. Raises `OSError`."""
    source = chosen(sources)
    if not os.path.isdir(source):
        problem = "the output of the stage before is gone: make it again with reprun sweep FILE --force -c STAGE"
        raise FileNotFoundError(errno.ENOENT, problem, source)
    no_clones: Set[int] = set()  # file systems that make none
    for folder, names, files in os.walk(source):
        there = os.path.normpath(os.path.join(target, os.path.relpath(folder, source)))
        for name in list(names):
            if os.path.islink(os.path.join(folder, name)):
                names.remove(name)
                files.append(name)
            elif not os.path.isdir(os.path.join(there, name)):
                os.mkdir(os.path.join(there, name), 0o700)
        for name in files:
            _give(os.path.join(folder, name), os.path.join(there, name), no_clones)


def _give(source: str, target: str, no_clones: "Set[int]") -> None:
    found = os.lstat(source)
    if os.path.lexists(target):
        return
    if stat.S_ISLNK(found.st_mode):
        os.symlink(os.readlink(source), target)
    elif not stat.S_ISREG(found.st_mode):
        return  # a socket or a pipe of a job that is over
    elif found.st_dev in no_clones or not _clone(source, target):
        no_clones.add(found.st_dev)
        if found.st_size <= SMALL or not _link(source, target, found.st_mode):
            shutil.copy2(source, target)


def _clone(source: str, target: str) -> bool:
    with open(source, "rb") as old, open(target, "xb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError as error:
            os.unlink(target)
            if error.errno not in _NO_CLONES:
                raise
            return False
    shutil.copystat(source, target)
    return True


def _link(source: str, target: str, mode: int) -> bool:
    try:
        os.chmod(source, stat.S_IMODE(mode) & ~0o222)
        os.link(source, target)
    except OSError:
        return False  # no links here, or too many
    return True
