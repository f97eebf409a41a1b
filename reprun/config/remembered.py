"""What files of settings were found to say, for the launches that read the same bytes again: the reader of TOML and the rules of
the keys take longer to load than all the rest of reading them.

It is a memo: it may be wrong in no way, and be deleted. Who can write it can write the settings too.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from reprun import __version__
from reprun.core.errors import ToolError
from reprun.runner.digests import sha256
from reprun.system.files import find_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.config.project import Known

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def recall(path: str, text: str, what: str) -> dict[str, Any] | None:
    """The checked values of a file with this text that is called `what`, from the memo at `path`; None when it does not know."""
    try:
        found = (find_json(path) or {}).get(_name(text, what))
    except (ToolError, OSError, AttributeError):
        return None
    return _with_tuples(found) if isinstance(found, dict) else None


def remember(path: str, known: Iterable[Known]) -> None:
    """Replaces the memo by what is known of these files. Values that JSON would not give back as they are stay out of it."""
    with suppress(ToolError, OSError):
        entries = {_name(one.text, one.what): one.values for one in known if _with_tuples(one.values) == one.values}
        write_json(path, entries)


def _name(text: str, what: str) -> str:
    """All that the values depend on: the text, its name, and our own rules."""
    return sha256("\0".join([what, text, *_rules()]).encode()).hexdigest()


def _rules() -> list[str]:
    stamps = [f"{entry.name} {entry.stat().st_mtime_ns}" for entry in os.scandir(os.path.join(_PACKAGE, "config"))]
    return [__version__, *sorted(stamps), str(os.stat(os.path.join(_PACKAGE, "core", "environment.py")).st_mtime_ns)]


def _with_tuples(value: Any) -> Any:
    """The rules make every list a tuple, JSON makes every tuple a list."""
    if isinstance(value, dict):
        return {name: _with_tuples(item) for name, item in value.items()}
    return tuple(map(_with_tuples, value)) if isinstance(value, (list, tuple)) else value
