"""Do the clocks here and there agree?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import human_seconds
from reprun.preflight.base import WARN, Finding

SECONDS = 60  # by which they may differ


class ClockCheck:
    """Times of runs are compared across machines; `skew` is how far the target is ahead."""

    name = "clock"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """A warning where they differ by more than a minute."""
        skew = prepared.get("measured", {}).get("skew", 0.0)
        if abs(skew) <= SECONDS:
            return []
        which = "ahead of" if skew > 0 else "behind"
        message = f"the clock of the target is {human_seconds(abs(skew))} {which} the one here"
        return [Finding(self.name, message, "on the target: sudo timedatectl set-ntp true", WARN)]
