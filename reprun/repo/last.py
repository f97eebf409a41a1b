"""A memo of the last snapshot: its index, with the stats of every file in it, and what it was taken of.

While the files are as that index says, the snapshot of the dev tree is the last one again (`same`). The memo may be deleted.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress

from reprun.core.frozen import dataclass
from reprun.runner.digests import sha1

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

_MEMO = "last.json"
_INDEX = "last-index-"
_MOST = 200  # files that differ from the user's index, and are compared here one by one


@dataclass(frozen=True)
class Last:
    """`index` is the path of the kept index, `user_index` the state of the user's from which it was made, `listing` what was
    new, changed and gone then, and `files` the stats of the first two. `snapshot` and `key` are for `same` to judge."""

    index: str
    user_index: list[object]
    listing: list[list[str]]
    files: dict[str, list[int]]
    key: str
    snapshot: dict[str, Any]


def find_last(top: str, git_dir: str, common_dir: str) -> Last | None:
    """The memo, when the user's index and the files that were changed are as they were; what else differs git will say."""
    folder = os.path.join(common_dir, "reprun")
    try:
        with open(os.path.join(folder, _MEMO), "rb") as file:
            data = json.loads(file.read())
        index = os.path.join(folder, _INDEX + str(data["index"]))
        last = Last(index, data["user_index"], data["listing"], data["files"], data["key"], data["snapshot"])
        stays = last.user_index == user_index(git_dir) and _is_at_rest(top, last)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    return last if stays else None


def _is_at_rest(top: str, last: Last) -> bool:
    """True while the files that differ from the user's index have the stats of the last snapshot, to the nanosecond."""
    try:
        return all(stats(os.lstat(os.path.join(top, path))) == known for path, known in last.files.items())
    except OSError:
        return False


def user_index(git_dir: str) -> list[object]:
    """What changes when the user's index does: its stats, and the checksum at its end."""
    with open(os.path.join(git_dir, "index"), "rb") as file:
        found = os.fstat(file.fileno())
        file.seek(-20, os.SEEK_END)
        return [*stats(found), file.read().hex()]


def stats(found: os.stat_result) -> list[int]:
    """What tells that a file was written to."""
    return [found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode]


def is_whole(last: Last) -> bool:
    """Whether the kept index is as it was written; git reads one that was cut short without complaint."""
    try:
        with open(last.index, "rb") as file:
            return last.index.endswith(_INDEX + name_of(file.read()))
    except OSError:
        return False


def name_of(index: bytes) -> str:
    """What the kept index is called by."""
    return sha1(index).hexdigest()


def keep_last(folder: str, index: str, name: str, data: dict[str, Any], files: dict[str, os.stat_result]) -> None:
    """Moves the finished `index` into reprun's folder of the repository, called after what is in it. Failing harms nothing."""
    from reprun.runner.files import write_json

    if sum(map(len, data["listing"])) > _MOST:
        return
    known = {path: stats(found) for path, found in files.items()}
    with suppress(OSError, UnicodeError):
        os.rename(index, os.path.join(folder, _INDEX + name))
        write_json(os.path.join(folder, _MEMO), {"index": name, "files": known, **data}, durable=False)
        _drop(folder, but=_INDEX + name)


def _drop(folder: str, but: str) -> None:
    names: Iterable[str] = os.listdir(folder)
    for name in names:
        if name.startswith(_INDEX) and name != but:
            os.unlink(os.path.join(folder, name))
