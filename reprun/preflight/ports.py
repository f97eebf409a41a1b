"""Can the job listen on its ports?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import Finding


class PortsCheck:
    """The ports of `[preflight] ports` are free on the target."""

    name = "ports"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each that is not."""
        taken = prepared.get("preflight", {}).get("ports", {}).get("taken", [])
        return [
            Finding(
                self.name, f"port {port} {show(str(why))} on the target", f"who has it, on the target: ss -ltnp 'sport = :{port}'"
            )
            for port, why in taken
        ]
