"""Does the job fit into the time that its target gives it?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import human_seconds, show
from reprun.preflight.base import REFUSE, WARN, Finding


class TimeCheck:
    """How long the job takes, as declared or as earlier runs took, against `time_limit` of its target or what a scheduler says.

    A scheduler that knows the limit of its queue answers `prepare` with `time_limit`, in seconds.
    """

    name = "time"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding where it does not fit: what was declared is refused, what was seen of earlier runs is warned of."""
        rules = spec.preflight.get("time", {})
        limits = [int(one) for one in (rules.get("limit"), prepared.get("time_limit")) if one]
        expected, of = int(rules.get("expected", 0)), str(rules.get("of", ""))
        if not limits or expected <= min(limits):
            return []
        who = f"takes up to {human_seconds(expected)}, as {show(of)} did" if of else f"is to take {human_seconds(expected)}"
        message = f"the job {who}, and {show(spec.target)} ends it after {human_seconds(min(limits))}"
        hint = "another target with --on, fewer steps, or --time with what it needs at most"
        return [Finding(self.name, message, hint, WARN if of else REFUSE)]
