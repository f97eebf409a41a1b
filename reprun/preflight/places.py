"""Can the job read and write where it says it will, and is there room?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import human_bytes, show
from reprun.preflight.base import Finding


class PlacesCheck:
    """The places of `[preflight] readable`, `writable` and `disk`."""

    name = "places"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each place, and for each lack of room."""
        facts = prepared.get("preflight", {}).get("places", {})
        free = prepared.get("measured", {}).get("places", {}).get("free", {})
        found = [self._closed(path, why, "readable") for path, why in facts.get("unreadable", [])]
        found += [self._closed(path, why, "writable") for path, why in facts.get("unwritable", [])]
        return found + [self._short(path, what, wanted, free.get(path, {})) for path, what, wanted in facts.get("short", [])]

    def _closed(self, path: str, why: str, what: str) -> Finding:
        name, right = show(str(path)), {"readable": "r", "writable": "w"}[what]
        mend = f"mkdir -p {name}" if why == "is not there" and what == "writable" else f"ls -ld {name}"
        if why.startswith("may not"):
            mend = f"chmod u+{right} {name}"
        return Finding(self.name, f"{name}, which must be {what}, {show(str(why))}", f"on the target: {mend}")

    def _short(self, path: str, what: str, wanted: int, free: Mapping[str, Any]) -> Finding:
        name, rest = show(str(path)), free.get(what)
        if what == "inodes":
            there = "" if rest is None else f": {rest} are"
            return Finding(self.name, f"{wanted} files do not fit on the disk of {name}{there}", f"on the target: df -i {name}")
        there = "" if rest is None else f": {human_bytes(int(rest))} are"
        return Finding(
            self.name, f"{human_bytes(wanted)} are not free on the disk of {name}{there}", f"on the target: df -h {name}"
        )
