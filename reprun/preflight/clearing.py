"""Running all checks: the proof, or a refusal with every finding."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.errors import RefusedError
from reprun.core.spec import Attempt, RunSpec
from reprun.preflight.base import Check, Cleared
from reprun.preflight.disk import DiskCheck
from reprun.preflight.gpus import GpuCheck
from reprun.preflight.program import ProgramCheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CHECKS: tuple[Check, ...] = (ProgramCheck(), GpuCheck(), DiskCheck())


def clear(attempt: Attempt, spec: RunSpec, prepared: Mapping[str, Any]) -> Cleared:
    """Runs all checks. Raises `RefusedError` with every finding together."""
    found = [finding for check in CHECKS for finding in check.findings(spec, prepared)]
    if found:
        more = "".join(f"\n  {finding.check}: {finding.message}" for finding in found[1:])
        raise RefusedError(found[0].message + more, hint="; ".join(dict.fromkeys(finding.hint for finding in found)))
    return Cleared(attempt, tuple(check.name for check in CHECKS))
