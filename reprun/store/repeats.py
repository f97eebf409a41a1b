"""What repeats of an experiment have shown, kept beside its runs: whether it is deterministic, how far its metrics move, which
sanity experiments have passed.

One file for each experiment in the state folder of the repository; it is this repository's own, and is deleted without harm.
"""

from __future__ import annotations

import os
from typing import Any

from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass
from reprun.system.files import find_json, remove_file, write_json

SCHEMA_VERSION = 1
KINDS = ("probe", "noise", "sanity")


@dataclass(frozen=True)
class Repeats:
    """The records in `<state folder>/repeats`, by the key of their experiment."""

    state_dir: str

    def read(self, key: str) -> dict[str, Any]:
        """`probe`, `noise` and `sanity`, as far as there are any. What is damaged, or of a newer reprun, is not there."""
        try:
            found = find_json(self._path(key)) or {}
        except (OSError, ReprunError):
            return {}
        if found.get("schema_version") != SCHEMA_VERSION:
            return {}
        return {kind: found[kind] for kind in KINDS if isinstance(found.get(kind), dict)}

    def write(self, key: str, kind: str, record: dict[str, Any]) -> None:
        """Keeps a record in the place of an earlier one. Raises `ToolError`."""
        write_json(self._path(key), {"schema_version": SCHEMA_VERSION, **self.read(key), kind: record})

    def forget(self, key: str, kind: str) -> bool:
        """Forgets a record; False when there was none."""
        known = self.read(key)
        if kind not in known:
            return False
        del known[kind]
        if known:
            write_json(self._path(key), {"schema_version": SCHEMA_VERSION, **known})
        else:
            remove_file(self._path(key))
        return True

    def _path(self, key: str) -> str:
        return os.path.join(self.state_dir, "repeats", f"{key}.json")
