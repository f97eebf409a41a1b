"""What the project's own checks have found: `preflight/*.py` of the repository."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import REFUSE, WARN, Finding


class ProjectCheck:
    """They were run on the target; what they printed is told as they said it."""

    name = "project"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """Their findings."""
        found = prepared.get("preflight", {}).get("project", {}).get("findings", [])
        return [
            Finding(self.name, show(str(one["message"])), show(str(one["hint"])), WARN if one["severity"] == WARN else REFUSE)
            for one in found
        ]
