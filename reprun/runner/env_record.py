"""The mark of a finished environment: written last, it says how the environment was made, and what a job gets of it."""

from __future__ import annotations

import json
import os
import stat

from reprun.runner.digests import sha256
from reprun.runner.files import find_bytes, read_json, read_text, write_atomic
from reprun.runner.identity import boot_id

TYPE_CHECKING = False  # a launch reads records: typing takes 4 ms to import
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, Set

    from reprun.runner.paths import Home

MARK = ".reprun-complete"
FILES = ".reprun-files"
PLAN = ".reprun-plan.json"
_SEEN = 64  # boots and changes that are remembered


def find_record(home: Home, digest: str) -> Optional[Dict[str, Any]]:
    """The record of an environment that is here as it was made; None for one that is not, or only half.

    What a machine has written just before it lost power may not be on its disk, so after each boot all names and sizes are
    looked at once; and whenever the folders are not as they were left in which somebody might remove or add something.
    """
    prefix = home.prefix(digest)
    try:
        record = read_json(os.path.join(prefix, MARK))
    except ValueError:
        return None
    if record is None or record.get("digest") != digest:
        return None
    if "base" in record and has_changed(record["base"]):
        return None
    seen, boot, changes = prefix + ".boots", boot_id(), _changes(prefix, record.get("folders", {}))
    known = read_text(seen).split()
    if boot not in (record["boot"], *known) or not (changes == "" or changes in known):
        if not is_whole(prefix, record):
            return None
        text = "\n".join(dict.fromkeys([*known[-_SEEN:], boot, *filter(None, [changes])]))
        write_atomic(seen, text.encode(), durable=False)
    return record


def _changes(prefix: str, folders: Dict[str, int]) -> str:
    """What is different about some folders from what it was; empty for nothing. A launch has no time to look at every file."""
    now = []
    for name, then in folders.items():
        try:
            found = os.stat(os.path.join(prefix, name)).st_mtime_ns
        except OSError:
            found = 0
        if found != then:
            now.append("%s=%d" % (name.replace(" ", "_"), found))
    return ",".join(now)


def _folders(prefix: str) -> Dict[str, int]:
    from glob import escape, glob

    lib = os.path.join(prefix, "lib")
    paths = [os.path.join(prefix, "bin"), lib, os.path.join(prefix, "conda-meta")]
    paths += glob(os.path.join(escape(lib), "python3*", "site-packages"))
    return {os.path.relpath(path, prefix): os.stat(path).st_mtime_ns for path in paths if os.path.isdir(path)}


def has_changed(base: Dict[str, Any]) -> bool:
    """Whether the Python that a virtual environment was made from is another one now, or gone: then it is no environment."""
    from reprun.runner.pythons import stamp

    return bool(stamp(str(base["path"])) != base["stamp"])


def note_use(home: Home, digest: str) -> None:
    """For those who remove environments: what was used last is most likely used next."""
    os.utime(home.prefix(digest) + ".lock")


def seal(prefix: str, record: Dict[str, Any]) -> Dict[str, Any]:
    """Takes the right to write from everything and leaves the mark; returns the record as it is kept."""
    import zlib

    from reprun.runner.permissions import make_read_only

    make_read_only(prefix)
    names = b"\n".join(sorted(list_files(prefix)))
    whole = {"schema_version": 1, **record, "prefix": prefix, "boot": boot_id(), "listing": sha256(names).hexdigest()}
    whole["folders"] = _folders(prefix)
    os.chmod(prefix, 0o700)
    write_atomic(os.path.join(prefix, FILES), zlib.compress(names, 1), mode=0o400)
    write_atomic(os.path.join(prefix, MARK), json.dumps(whole, indent=1).encode(), mode=0o400)
    os.chmod(prefix, 0o500)
    return whole


def is_whole(prefix: str, record: Dict[str, Any]) -> bool:
    """Whether all files have the names, sizes and rights that they had. What Python has compiled since does not count: root may
    write everywhere."""
    import zlib

    try:
        names = zlib.decompress(find_bytes(os.path.join(prefix, FILES)) or b"")
    except zlib.error:
        return False
    before, now = set(names.split(b"\n")), list_files(prefix)
    more = all(b"/__pycache__/" in line for line in now - before)
    return sha256(names).hexdigest() == record["listing"] and before <= now and more


def list_files(prefix: str) -> Set[bytes]:
    """A line for each file and link below the prefix, but for the mark."""
    lines = set()
    for folder, folders, files in os.walk(prefix):
        for name in files + [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            path = os.path.join(folder, name)
            found = os.lstat(path)
            what = os.readlink(path) if stat.S_ISLNK(found.st_mode) else "%o %d" % (found.st_mode, found.st_size)
            lines.add(os.fsencode("%s\0%s" % (os.path.relpath(path, prefix), what)).replace(b"\n", b"\0"))
    return {line for line in lines if not line.startswith((MARK.encode() + b"\0", FILES.encode() + b"\0"))}
