"""Files on this machine. Atomic writing and locking are the runner's, so that there is one way of each."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from reprun.core.errors import ToolError
from reprun.runner import files as _files
from reprun.runner.files import ensure_dir as _ensure_dir
from reprun.runner.files import find_bytes as _find_bytes
from reprun.runner.files import locked as locked
from reprun.runner.files import remove_tree as remove_tree
from reprun.runner.files import try_locked as try_locked
from reprun.runner.files import write_atomic as write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def ensure_dir(path: str) -> str:
    """Makes the folder and its parents (0700) and returns it. Raises `ToolError` when that is not possible."""
    try:
        return _ensure_dir(path)
    except OSError as error:
        raise ToolError(
            f"the folder {path} cannot be made: {error.strerror}", hint="check its owner and the space on its disk"
        ) from error


def find_bytes(path: str) -> bytes | None:
    """The content of a file; None when there is none. Raises `ToolError` when it cannot be read."""
    with explained(path, "read"):
        return _find_bytes(path)


def find_own_bytes(path: str) -> bytes | None:
    """The content of a regular file of this user; None when there is none that can be read."""
    try:
        return _find_bytes(path) if is_own_file(path) else None
    except OSError:
        return None


@contextmanager
def explained(path: str, what: str) -> Iterator[None]:
    """Turns a failure of the file system at `path` into a `ToolError`: it "cannot be `what`"."""
    try:
        yield
    except OSError as error:
        raise ToolError(f"{path} cannot be {what}: {error.strerror}", hint="check its owner and the space on its disk") from error


def append_line(path: str, line: str) -> None:
    """Appends one line, durable before this returns. A torn last line of an earlier crash does not swallow it."""
    with explained(path, "written"):
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            size = os.lseek(fd, 0, os.SEEK_END)
            torn = size > 0 and os.pread(fd, 1, size - 1) != b"\n"
            os.write(fd, (b"\n" if torn else b"") + line.encode() + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)


def move_file(source: str, target: str) -> None:
    """Renames a file within its file system; one that is not there is fine."""
    with explained(source, "moved"):
        try:
            os.rename(source, target)
        except FileNotFoundError:
            pass


def remove_file(path: str) -> None:
    """Removes a file; one that is not there is fine."""
    with explained(path, "removed"):
        try:
            os.unlink(path)
        except FileNotFoundError:
            pass


def is_own_file(path: str) -> bool:
    """True for a regular file of this user; what a link leads to is not looked at."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_uid == os.geteuid()


def make_temporary_folder() -> str:
    """A new folder of this user's alone, for a moment."""
    import tempfile

    return tempfile.mkdtemp(prefix="reprun-")


def find_json(path: str) -> dict[str, Any] | None:
    """The JSON object in a file of ours that can be made anew; None when it is missing or damaged."""
    try:
        return _files.read_json(path)
    except ValueError:
        return None


def write_json(path: str, data: Mapping[str, Any]) -> None:
    """Writes such a file, and its folder, in one step."""
    with explained(path, "written"):
        ensure_dir(os.path.dirname(path))
        _files.write_json(path, data, durable=False)


def list_dir(path: str) -> list[str]:
    """The sorted names in a folder; none when it is not there."""
    try:
        return sorted(os.listdir(path))
    except (FileNotFoundError, NotADirectoryError):
        return []


def umask() -> int:
    """The user's umask, which the job gets."""
    value = os.umask(0o077)
    os.umask(value)
    return value


def write_many(folder: str, texts: Mapping[str, bytes]) -> None:
    """Writes new files into a folder. They are durable after `sync_all`: one wait for the disk instead of one for each."""
    ensure_dir(folder)
    with explained(folder, "written to"):
        for name, text in texts.items():
            write_atomic(os.path.join(folder, name), text, durable=False)


def sync_all() -> None:
    """Makes everything durable that was written before."""
    os.sync()


def link_to(path: str, target: str) -> None:
    """Makes or moves a symbolic link. One that cannot be made is done without: it is there for people."""
    aside = f"{path}.{os.getpid()}.tmp"
    try:
        _ensure_dir(os.path.dirname(path))
        os.symlink(target, aside)
        os.replace(aside, path)
    except OSError:
        remove_file(aside)
