"""Preflight alone: the code goes to the target as for a launch, is looked at there, and nothing of it is left."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from reprun.commands import steps
from reprun.commands.beginning import begin
from reprun.core.errors import UnreachableError
from reprun.core.frozen import dataclass, replace
from reprun.core.hooking import ACTIVE
from reprun.core.spec import Attempt, RunSpec, Snapshot
from reprun.preflight.base import WARN, Finding
from reprun.preflight.clearing import Report, examine
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Examined:
    """What preflight has found, the snapshot that was looked at, and how many seconds each probe of the target took."""

    report: Report
    snapshot: Snapshot
    target: str
    measured: dict[str, Any]

    @property
    def is_cleared(self) -> bool:
        """Whether a launch would start."""
        return all(finding.severity == WARN for finding in self.report.findings)


def preflight(workspace: Workspace, spec: RunSpec, tell: Callable[[str], None]) -> Examined:
    """Does all of a launch that comes before its manifest. Raises what that raises; nothing is started in any case."""
    target = workspace.target(spec.target)
    target.host.connect()
    quiet = replace(workspace, settings=replace(workspace.settings, auto_commit="ref"))  # no branch moves for a look
    run_id = begin(quiet, spec).run_id
    attempt = Attempt(run_id, first=False)  # the first of a launch sends its start ahead
    spec = replace(spec, preflight={**spec.preflight, "alone": True})
    try:
        snapshot, prepared = steps.ensure_prepared(quiet, target, spec, (attempt, None), tell)
        if "rehearsal" in spec.preflight:
            prepared = _rehearse(quiet, spec, attempt, (snapshot, prepared), tell)
        return Examined(examine(spec, prepared), snapshot, target.name, dict(prepared.get("measured", {})))
    finally:
        with suppress(UnreachableError):
            steps.forget(quiet, target, run_id)


def _rehearse(
    workspace: Workspace, spec: RunSpec, attempt: Attempt, what: tuple[Snapshot, dict[str, Any]], tell: Callable[[str], None]
) -> dict[str, Any]:
    """Runs what a launch would run first, where all is asked for. A hook that looks before a launch leaves that to the launch."""
    from reprun.commands.rehearsing import Stage, rehearse

    snapshot, prepared = what
    refused = any(finding.severity != WARN for finding in examine(spec, prepared).findings)
    may_run = spec.preflight.get("level") == "full" and not refused and not os.environ.get(ACTIVE)
    return rehearse(workspace, spec, Stage(attempt, snapshot, prepared, may_run), tell)


def told(finding: Finding) -> dict[str, str]:
    """A finding as it is answered."""
    return {"check": finding.check, "severity": finding.severity, "message": finding.message, "hint": finding.hint}
