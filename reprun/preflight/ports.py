"""Can the job listen on its ports?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import REFUSE, WARN, Finding


class PortsCheck:
    """The ports of `[preflight] ports` are free on the target."""

    name = "ports"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each that is not."""
        facts = prepared.get("preflight", {}).get("ports", {})
        found = [self._finding(port, show(str(why)), REFUSE) for port, why in facts.get("taken", [])]
        return found + [self._finding(port, "is taken for IPv6", WARN) for port in facts.get("taken6", [])]

    def _finding(self, port: int, why: str, severity: str) -> Finding:
        hint = f"who has it, on the target: ss -ltnp 'sport = :{port}'"
        return Finding(self.name, f"port {port} {why} on the target", hint, severity)
