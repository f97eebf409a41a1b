"""The family of checks, and the proof that they passed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass
from reprun.core.spec import Attempt, RunSpec


@dataclass(frozen=True)
class Finding:
    """Something that would make the run fail: one sentence and the way to mend it."""

    check: str
    message: str
    hint: str


@dataclass(frozen=True)
class Cleared:
    """The proof that a run passed preflight: starting it takes one. Only `clear` makes them."""

    attempt: Attempt
    checks: tuple[str, ...]


class Check(Protocol):
    """One check: pure, fed with what the target answered when the run was prepared."""

    name: str

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """Everything that is wrong; an empty list when nothing is."""
        ...


def clear(attempt: Attempt, spec: RunSpec, prepared: Mapping[str, Any]) -> Cleared:
    """Runs all checks. Raises `RefusedError` with every finding together."""
    checks = _registry()
    found = [finding for check in checks for finding in check.findings(spec, prepared)]
    if found:
        more = "".join(f"\n  {finding.check}: {finding.message}" for finding in found[1:])
        raise RefusedError(found[0].message + more, hint="; ".join(dict.fromkeys(finding.hint for finding in found)))
    return Cleared(attempt, tuple(check.name for check in checks))


def _registry() -> list[Check]:
    from reprun.preflight.disk import DiskCheck
    from reprun.preflight.gpus import GpuCheck
    from reprun.preflight.program import ProgramCheck

    return [ProgramCheck(), GpuCheck(), DiskCheck()]
