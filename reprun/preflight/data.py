"""Is the data what the settings say it is?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import Finding

_WORDS = {"sha256": ("sha256", "SHA-256"), "size": ("size", "size in bytes"), "count": ("files", "number of files")}


class DataCheck:
    """What `[[data]]` says of a path beside its name: `sha256`, `size`, `count`, `mtime = "frozen"`.

    Not for a reproduction: that is compared with what was recorded, whatever the settings say today.
    """

    name = "data"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each thing that is another one."""
        if spec.commit:
            return []
        there = {entry["path"]: entry for entry in prepared.get("data", [])}
        found = []
        for path, known in spec.preflight.get("data", {}).items():
            now = there.get(path, {})
            for key, (name, words) in _WORDS.items():
                if key in known and name in now and now[name] != known[key]:
                    message = f"the data {show(path)} is not the declared one: its {words} is {now[name]}, not {known[key]}"
                    hint = f"bring the right data, or put {key} = {_toml(now[name])} for it under [[data]]"
                    found.append(Finding(self.name, message, hint))
        changed = prepared.get("preflight", {}).get("frozen", {}).get("changed", [])
        return found + [
            Finding(self.name, f"the data {show(str(path))} is frozen and has changed: {_changed(str(what))}",
                    f"if it is to be so, on the target: rm {show(str(memo))}")
            for path, what, memo in changed
        ]  # fmt: skip


def _toml(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _changed(what: str) -> str:
    return {"files": "the number of its files", "size": "its size", "newest": "a file was written"}.get(
        what, "names or times of its files"
    )
