"""Names of tasks for people, as mlrunner makes them: `Norm_new-Moment_0.1`. Nothing is found by them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LONGEST = 100  # characters of one value
_LONGEST_NAME = 200  # bytes, of a folder


def name_of(params: Mapping[str, Any], exists: Callable[[str], bool]) -> str:
    """The name of a task for what was chosen for it, in the order of the file. A path that `exists` is named by its last part."""
    return "-".join(f"{_camel(name)}_{_value(value, exists)}" for name, value in params.items())


def _camel(name: str) -> str:
    """`early-stop` becomes `EaStop`."""
    parts = name.split("-")
    parts = parts if len(parts) > 1 else name.split("_")
    return "".join(part[:2].title() if len(part) > 2 else part for part in parts[:-1]) + parts[-1].title()


def _value(value: Any, exists: Callable[[str], bool]) -> str:
    if isinstance(value, str):
        base = value.rpartition("/")[2] if exists(value) else re.sub("/", "_", re.sub("^[/.]*", "", value))
        return base[-_LONGEST:]
    if isinstance(value, bool):
        return "T" if value else "F"
    short = f"{value:g}" if abs(value) < 1e300 else repr(value)
    return short if float(short) == value or value != value else repr(value)


def folder_of(name: str, digest: str) -> str:
    """The name as that of a folder: one part, no control characters, not too long. One that had to be changed for that has the
    beginning of a digest, so that no two become one."""
    plain = re.sub(r"[\x00-\x1f\x7f/]", "_", name).strip(". ")
    whole = plain.encode("utf-8", "replace")
    if plain != name or len(whole) > _LONGEST_NAME:
        return f"{whole[:_LONGEST_NAME].decode('utf-8', 'ignore')}~{digest[:8]}".lstrip("~")
    return plain
