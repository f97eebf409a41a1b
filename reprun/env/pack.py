"""The pack of an environment: one tar file with a lock and all packages of its plan, to the byte the same whoever makes it.

It holds in this order `README.txt`, `pack.json` (the plan, and what the packages are), `lock`, and `packages/<SHA-256>`.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any, BinaryIO

from reprun.core.errors import ToolError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import human_bytes, show
from reprun.runner.contents import discard
from reprun.runner.identity import is_orphan
from reprun.runner.lfs import object_path
from reprun.system.files import ensure_dir, explained, list_dir, remove_file

FORMAT = 1
README, HEAD, LOCK, FOLDER = "README.txt", "pack.json", "lock", "packages/"
_BLOCK = 1 << 20
_TEXT = """\
The packages of an environment, as reprun env pack has written them (https://pypi.org/project/reprun).

    reprun env unpack FILE           puts the packages where reprun takes them from, each verified
    reprun reproduce RUN --pack FILE does so, and does the run again

Without reprun: `lock` is the lock, `packages` has its packages, each named by its SHA-256, and pack.json says what each is called
and where it came from. Under those names conda, mamba and micromamba install them: micromamba create --offline -p PREFIX *.conda
"""


@dataclass(frozen=True)
class Contents:
    """What goes into a pack: the text of the lock, the plan, and of each package of the plan the SHA-256 and the size of its
    archive, which is in `storage`."""

    lock: bytes
    plan: Mapping[str, Any]
    archives: Sequence[tuple[str, int]]
    storage: str


def write_pack(path: str, contents: Contents, tell: Callable[[str], None]) -> int:
    """Writes a pack in one step, and returns its size. Raises `ToolError` for an archive that is not what it is called."""
    ensure_dir(os.path.dirname(path))
    _check_replaced(path)
    for name in list_dir(os.path.dirname(path)):
        if name.startswith(os.path.basename(path) + ".") and name.endswith(".tmp") and is_orphan(name):
            remove_file(os.path.join(os.path.dirname(path), name))
    aside = f"{path}.{os.getpid()}.tmp"
    with explained(path, "written"):
        try:
            with open(aside, "xb") as target:
                _write(target, contents, tell)
                target.flush()
                os.fsync(target.fileno())
                size = target.tell()
            os.chmod(aside, 0o644)  # it is meant to be given away
            os.rename(aside, path)
        finally:
            if os.path.lexists(aside):
                os.unlink(aside)
    return size


def _check_replaced(path: str) -> None:
    """A file of the user that is no pack stays."""
    if not os.path.lexists(path):
        return
    with explained(path, "read"), open(path, "rb") as file:
        if file.read(len(README) + 1) != README.encode() + b"\0":
            raise UsageError(f"{show(path)} is there, and is no pack", hint="reprun env pack RUN -o ANOTHER_FILE")


def _write(target: BinaryIO, contents: Contents, tell: Callable[[str], None]) -> None:
    pairs = zip(contents.plan["packages"], contents.archives, strict=True)
    rows = {oid: _row(package, oid, size) for package, (oid, size) in pairs}
    ordered = [rows[oid] for oid in sorted(rows)]
    head = {"format": FORMAT, "lock": sha256(contents.lock).hexdigest(), "packages": ordered, "plan": contents.plan}
    total, done = human_bytes(sum(row["size"] for row in ordered)), 0
    with tarfile.open(fileobj=target, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in (
            (README, _TEXT.encode()),
            (HEAD, json.dumps(head, indent=1, sort_keys=True).encode()),
            (LOCK, contents.lock),
        ):
            archive.addfile(_member(name, len(data)), io.BytesIO(data))
        for row in ordered:
            tell(f"packing {row['file']}: {human_bytes(done)} of {total}")
            with open(object_path(contents.storage, row["sha256"]), "rb") as source:
                reader = _Verified(source)
                archive.addfile(_member(FOLDER + row["sha256"], row["size"]), reader)
            if reader.digest.hexdigest() != row["sha256"]:
                discard(contents.storage, row["sha256"])
                raise ToolError(f"{show(row['file'])} was damaged while it was packed", hint="the same command again")
            done += row["size"]


def _row(package: Mapping[str, Any], oid: str, size: int) -> dict[str, Any]:
    kept = {key: str(package.get(key) or "") for key in ("manager", "name", "version", "file", "url", "md5")}
    return {**kept, "sha256": oid, "size": size}


def _member(name: str, size: int) -> tarfile.TarInfo:
    """Everything about it that could differ from time to time is left at nothing."""
    member = tarfile.TarInfo(name)
    member.size = size
    return member


class _Verified:
    """A file that is digested while it is read."""

    def __init__(self, source: BinaryIO) -> None:
        self.source, self.digest = source, sha256()

    def read(self, size: int = -1) -> bytes:
        """As of a file."""
        data = self.source.read(size)
        self.digest.update(data)
        return data
