"""Reading a pack. It may come from anybody: nothing is taken but packages that are, to the byte, what they are called.

Members are read in the one order that `write_pack` has, as plain files; what tar knows beyond that (links, sparse files, longer
names) is refused, so nothing in it can lead anywhere, or be larger than the file itself.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tarfile
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from typing import Any, BinaryIO

from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import human_bytes, show
from reprun.env.pack import FOLDER, FORMAT, HEAD, LOCK, README
from reprun.runner.env_archives import find_archive
from reprun.runner.env_fetch import note_md5, note_source
from reprun.runner.env_plan import check_plan
from reprun.runner.errors import RunnerError
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home
from reprun.system.files import ensure_dir, explained

_LARGEST = 64 << 20  # of README, head and lock
_BLOCK = 1 << 20
_RECORD = 512
_HEX = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Unpacked:
    """What was in a pack: the digest and the text of its lock, its plan, how many packages it has and how many were new."""

    lock: str
    text: bytes
    plan: dict[str, Any]
    packages: int
    taken: int


def unpack(path: str, home: Home, tell: Callable[[str], None]) -> Unpacked:
    """Puts the packages of a pack among those of this machine. Raises `RefusedError` for what is no pack, or a damaged one; the
    packages that came before the damage are kept, since each of them is right."""
    if not os.path.isfile(path):
        raise UsageError(f"{show(path)} is no file", hint="reprun env pack RUN -o FILE makes a pack")
    with explained(path, "read"), open(path, "rb") as file:
        return _unpack(_Pack(path, file), home, tell)


def _unpack(pack: _Pack, home: Home, tell: Callable[[str], None]) -> Unpacked:
    pack.text(README)
    head = _read_head(pack, pack.text(HEAD))
    text = pack.text(LOCK)
    if sha256(text).hexdigest() != head["lock"]:
        raise pack.refused("its lock is not the one that it names")
    rows, taken, done = head["packages"], 0, 0
    total = human_bytes(sum(row["size"] for row in rows))
    ensure_dir(os.path.join(home.packages, "tmp"))
    for row in rows:
        tell(f"unpacking {row['file']}: {human_bytes(done)} of {total}")
        with pack.member(FOLDER + row["sha256"]) as size:
            if size != row["size"]:
                raise pack.refused(f"{show(row['file'])} has another size in it than it says")
            is_here = find_archive(home, {"sha256": row["sha256"]}) is not None
            if not is_here:
                _take(pack, home, row)
            if row["md5"]:
                _note_md5(pack, home, row)
        taken, done = taken + (not is_here), done + row["size"]
    pack.end()
    return Unpacked(head["lock"], text, head["plan"], len(rows), taken)


def _read_head(pack: _Pack, data: bytes) -> dict[str, Any]:
    try:
        head = json.loads(data)
        if head["format"] != FORMAT:
            raise pack.refused(f"it is of format {show(str(head['format'])[:20])}, which this version of reprun does not know")
        rows = head["packages"]
        check_plan({"digest": "0" * 64, "packages": rows})
        names = [row["sha256"] for row in rows]
        is_right = all(_HEX.fullmatch(name) for name in [*names, head["lock"]])
        is_right = is_right and names == sorted(set(names)) and isinstance(head["plan"], dict)
        if not is_right or not all(type(row["size"]) is int and row["size"] >= 0 for row in rows):
            raise pack.refused("its list of packages is wrong")
        return dict(head)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, RunnerError):
        raise pack.refused("its list of packages cannot be read") from None


def _take(pack: _Pack, home: Home, row: dict[str, Any]) -> None:
    aside = os.path.join(home.packages, "tmp", f"{threading.get_ident()}.{os.getpid()}.tmp")
    place, digest = object_path(home.packages, row["sha256"]), sha256()
    with explained(home.packages, "written"):
        try:
            with open(aside, "wb") as target:
                for block in pack.blocks():
                    digest.update(block)
                    target.write(block)
            if digest.hexdigest() != row["sha256"]:
                raise pack.refused(f"{show(row['file'])} in it is not what it is called")
            ensure_dir(os.path.dirname(place))
            note_source(home, row["sha256"], f"the pack {os.path.basename(pack.path)}")
            os.rename(aside, place)
        finally:
            if os.path.lexists(aside):
                os.unlink(aside)


def _note_md5(pack: _Pack, home: Home, row: dict[str, Any]) -> None:
    """For locks that know only the MD5 of it; whoever made the pack is not believed."""
    digest = hashlib.md5(usedforsecurity=False)
    with explained(home.packages, "read"), open(object_path(home.packages, row["sha256"]), "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            digest.update(block)
    if digest.hexdigest() != row["md5"]:
        raise pack.refused(f"{show(row['file'])} in it has another MD5 than it says")
    note_md5(home, row, row["sha256"])


class _Pack:
    """The members of a pack, each read in its turn."""

    def __init__(self, path: str, file: BinaryIO) -> None:
        self.path, self.file = path, file
        self.left = 0  # of the member that is being read

    def refused(self, why: str) -> RefusedError:
        """What is wrong with it."""
        return RefusedError(f"{show(self.path)} is no pack that can be used: {why}", hint="reprun env pack RUN makes one")

    def member(self, name: str) -> _Member:
        """The next member, which must have this name."""
        return _Member(self, name)

    def text(self, name: str) -> bytes:
        """The whole of a small member."""
        with self.member(name) as size:
            if size > _LARGEST:
                raise self.refused(f"its {name} is too large")
            return b"".join(self.blocks())

    def blocks(self) -> Iterator[bytes]:
        """What is left of the member."""
        while self.left:
            block = self.file.read(min(self.left, _BLOCK))
            if not block:
                raise self.refused("it is cut off")
            self.left -= len(block)
            yield block

    def header(self) -> tarfile.TarInfo | None:
        """The head of a member as it stands there; None at the end. What is said to describe the next member is none."""
        block = self.file.read(_RECORD)
        if len(block) < _RECORD:
            raise self.refused("it is cut off")
        if not block.strip(b"\0"):
            return None
        try:
            found = tarfile.TarInfo.frombuf(block, "ascii", "strict")
        except (tarfile.HeaderError, ValueError):
            raise self.refused("it is no tar file, or is damaged") from None
        if found.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or found.size < 0:
            raise self.refused(f"{show(found.name)} in it is no plain file")
        return found

    def end(self) -> None:
        """Nothing may follow."""
        if self.header() is not None:
            raise self.refused("there is more in it than it lists")


class _Member:
    """Goes to the next member, gives its size, and leaves it with nothing unread."""

    def __init__(self, pack: _Pack, name: str) -> None:
        self.pack, self.name = pack, name

    def __enter__(self) -> int:
        found = self.pack.header()
        if found is None or found.name != self.name:
            what = "nothing" if found is None else show(found.name)
            raise self.pack.refused(f"it has {what} where {self.name[:40]} should be")
        self.size = self.pack.left = found.size
        return found.size

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            for _block in self.pack.blocks():
                pass
            self.pack.file.read(-self.size % _RECORD)
