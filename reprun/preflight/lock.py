"""Does the committed lock fit?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.preflight.base import Finding


class LockCheck:
    """With `[preflight] lock = "fresh"` a run takes the lock that is committed with the code, and none made for the launch."""

    name = "lock"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for a run without a lock, or with another."""
        locked = prepared.get("locked") or {}
        origin = locked.get("origin")
        if origin in ("committed", "recorded"):
            return []
        if not locked:
            return [Finding(self.name, "the environment of the run is not locked", "reprun env lock, and commit what it writes")]
        what = "does not fit environment.yml or the target" if origin == "made" else "is not what the run gets"
        return [Finding(self.name, f"the committed lock {what}", "reprun env check says why; reprun env lock makes it anew")]
