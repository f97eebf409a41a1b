"""Files on the host: written aside, synced, renamed; folders 0700, files 0600; locks that belong to the kernel."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import itertools
import json
import os
import stat
import sys
import time

TYPE_CHECKING = False  # typing takes 4 ms to import, before the job's first instruction
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Iterator, List, Optional

_COUNTER = itertools.count()


def ensure_dir(path: str) -> str:
    """Makes the folder and its parents, each 0700, and returns the path."""
    try:
        _make_dir(path)
    except FileNotFoundError:
        parent = os.path.dirname(path)
        if parent in ("", path):
            raise
        if not os.path.isdir(parent):
            ensure_dir(parent)
        _make_dir(path)  # another thread may have made the parent meanwhile; in /proc that does not help, and it is said
    return path


def _make_dir(path: str) -> None:
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        if not os.path.isdir(path):
            raise NotADirectoryError(errno.ENOTDIR, "is a file, not a folder", path) from None


def sync_dir(path: str) -> None:
    """Makes a rename or a new entry in the folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_atomic(path: str, data: bytes, mode: int = 0o600, durable: bool = True) -> None:
    """Replaces `path` by `data` in one step: after a crash the old content or the new is there, whole.

    Without `durable` that holds for killed processes, not for a machine that loses power.
    """
    aside = "%s.%d.%d.tmp" % (path, next(_COUNTER), os.getpid())  # of its own for every call, and of a known process
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
    try:
        try:
            _write_all(fd, data)
            if durable:
                os.fsync(fd)
        finally:
            os.close(fd)
        os.rename(aside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(aside)
        raise
    if durable:
        sync_dir(os.path.dirname(path))


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]


def write_json(path: str, data: Any, durable: bool = True) -> None:
    """`write_atomic` of a JSON document that people can read."""
    write_atomic(path, to_json(data).encode() + b"\n", durable=durable)


def to_json(data: Any) -> str:
    """A line for each member, and for each item of a list in it: `indent` costs twenty times as much, a millisecond for a record
    of a run, as the library then makes all of it in Python."""
    if not isinstance(data, dict) or not data:
        return _compact(data)
    return "{\n%s\n}" % ",\n".join(" %s: %s" % (_compact(str(key)), _member(value)) for key, value in data.items())


def _member(value: Any) -> str:
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n%s\n ]" % ",\n".join("  " + _compact(item) for item in value)
    return _compact(value)


_compact = json.JSONEncoder(allow_nan=False).encode  # as `json.dumps` does, which makes an encoder for each call


def read_json(path: str) -> Optional[Dict[str, Any]]:
    """The JSON object in `path`; None when there is no such file. Raises `ValueError` when it is torn or not an object."""
    try:
        with open(path, "rb") as file:
            data = json.loads(file.read())
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return None
        raise
    except RecursionError:  # brackets without end
        data = None
    if not isinstance(data, dict):
        raise ValueError("%s does not hold a JSON object" % path)
    return data


def find_bytes(path: str) -> Optional[bytes]:
    """The content of a file; None when there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def list_names(folder: str) -> List[str]:
    """What is in a folder, in order; nothing where it is not there or cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def read_text(path: str) -> str:
    """The content of a small file, or an empty string when it cannot be read (facts of /proc, identifiers)."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


@contextlib.contextmanager
def locked(path: str, exclusive: bool) -> Iterator[None]:
    """Holds a kernel lock on `path` (made when missing); it ends with the process, however that ends."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield
    finally:
        os.close(fd)


@contextlib.contextmanager
def try_locked(path: str) -> Iterator[bool]:
    """`locked` exclusively, or False at once when somebody else has it."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
    finally:
        os.close(fd)


def remove_tree(path: str) -> None:
    """Removes a folder, read-only parts included; a path that is not there is fine."""
    if not os.path.lexists(path):
        return
    if os.path.islink(path) or not os.path.isdir(path):
        os.unlink(path)
        return
    import shutil  # slow to import, and the start of a job does not need it

    for folder, _, _ in os.walk(path):
        with contextlib.suppress(OSError):
            os.chmod(folder, stat.S_IRWXU)
    shutil.rmtree(path)


def persist(write: Callable[[], object], seconds: float = 3600.0) -> None:
    """Repeats a write that fails (disk full, quota) with growing pauses: an end that is not recorded is a run lost."""
    pause, until = 0.5, time.monotonic() + seconds
    while True:
        try:
            write()
            return
        except OSError as error:
            if time.monotonic() > until:
                raise
            sys.stderr.write("reprun: the end of the run cannot be recorded yet: %s\n" % error)
            time.sleep(pause)
            pause = min(pause * 2, 30.0)
