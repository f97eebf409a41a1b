"""Objects and refs of ours, written as git writes them (gitformat-loose(5), gitrepository-layout(5)) without starting it: each
process costs a launch 3 ms. Only in a repository of the plain kind, and only what is new; the rest, trouble above all, is git's.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress

from reprun.repo.discover import Repository
from reprun.runner.digests import sha1

# Where the settings speak of one of these, git may do more than is done here: other modes, another format, a second digest.
_UNUSUAL = (b"include", b"sharedrepository", b"refstorage", b"compatobjectformat")
_REFLOGS = rb"logallrefupdates\s*=\s*always"
_MAX_PACKED = 1 << 20  # in a larger file of refs git finds a name more quickly
_DATE = r"@(0|[1-9]\d{0,10}) ([+-](?:0\d|1[0-4])[0-5]\d)"  # which git takes as it is


def is_plain(repository: Repository) -> bool:
    """True when objects and refs of the repository can be written here."""
    texts = repository.config_texts
    if repository.object_format != "sha1" or any(word in texts for word in _UNUSUAL) or re.search(_REFLOGS, texts):
        return False
    return bool(texts) and not os.path.lexists(os.path.join(repository.common_dir, "reftable"))


def make_commit(repository: Repository, tree: str, parents: list[str], who: str, date: str, message: str) -> str | None:
    """The id of the commit that `git commit-tree` makes of the same words; None when git has to."""
    found = re.fullmatch(_DATE, date)
    if found is None or found[2] == "-0000" or not is_plain(repository):
        return None
    when = f"{who} {found[1]} {found[2]}"
    lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents), f"author {when}", f"committer {when}", "", message]
    return write_object(repository, "commit", "\n".join(lines).encode() + b"\n")


def write_object(repository: Repository, kind: str, data: bytes) -> str | None:
    """Writes a loose object, durably, and returns its id; None when that cannot be done."""
    import zlib

    whole = b"%s %d\0" % (kind.encode("ascii"), len(data)) + data
    name = sha1(whole).hexdigest()
    folder = os.path.join(repository.common_dir, "objects", name[:2])
    path = os.path.join(folder, name[2:])
    aside = os.path.join(folder, f"tmp_obj_{os.getpid()}_{name[2:8]}")  # gc knows such names
    try:
        try:
            os.utime(path)  # it is there: as young as a new one, for a gc that removes what is old
            return name
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
        _write(aside, zlib.compress(whole, 1), 0o444)
        os.rename(aside, path)
    except OSError:
        return None
    return name


def create_ref(repository: Repository, ref: str, object_id: str) -> bool:
    """Creates a ref, durably; False when it is there, or git has to create it or to say why not."""
    path = os.path.join(repository.common_dir, ref)
    lock = path + ".lock"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        _write(lock, object_id.encode("ascii") + b"\n", 0o666)
    except OSError:
        return False
    try:
        if os.path.lexists(path) or _may_be_packed(repository, ref):
            os.unlink(lock)
            return False
        os.rename(lock, path)
    except OSError:
        with suppress(OSError):
            os.unlink(lock)
        return False
    return True


def has_ref(repository: Repository, ref: str) -> bool:
    """Whether a ref that is never moved is there: two looks at files. False also where only git can tell."""
    return os.path.lexists(os.path.join(repository.common_dir, ref)) or b" " + os.fsencode(ref) + b"\n" in _packed(repository)


def _may_be_packed(repository: Repository, ref: str) -> bool:
    text = _packed(repository)
    return len(text) == _MAX_PACKED or b" " + os.fsencode(ref) + b"\n" in text


def _packed(repository: Repository) -> bytes:
    try:
        with open(os.path.join(repository.common_dir, "packed-refs"), "rb") as file:
            return file.read(_MAX_PACKED)
    except FileNotFoundError:
        return b""


def _write(path: str, data: bytes, mode: int) -> None:
    """Writes a new file, durably. Raises `OSError`, and leaves none behind then."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        while data:
            data = data[os.write(fd, data) :]
        os.fsync(fd)
    except OSError:
        os.unlink(path)
        raise
    finally:
        os.close(fd)
