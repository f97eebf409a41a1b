"""The checks of what the target was asked to look at. Only loaded for a run that has something to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import WARN, Check, Finding
from reprun.preflight.clock import ClockCheck
from reprun.preflight.data import DataCheck
from reprun.preflight.determinism import DeterminismCheck
from reprun.preflight.gpu import GpuStateCheck
from reprun.preflight.imports import ImportsCheck
from reprun.preflight.lock import LockCheck
from reprun.preflight.places import PlacesCheck
from reprun.preflight.plugins import chosen
from reprun.preflight.ports import PortsCheck
from reprun.preflight.programs import ProgramsCheck
from reprun.preflight.project import ProjectCheck
from reprun.preflight.sanity import SanityCheck
from reprun.preflight.schema import SchemaCheck
from reprun.preflight.seeds import SeedsCheck
from reprun.preflight.tests import TestsCheck
from reprun.preflight.variables import VariablesCheck
from reprun.preflight.walltime import TimeCheck

_Due = Callable[[Mapping[str, Any], Mapping[str, Any]], object]  # whether a check has anything to look at: rules, facts

# Each check with when it is due: it is recorded with a run only if it has looked at something.
ASKED: tuple[tuple[Check, _Due], ...] = (
    (ImportsCheck(), lambda rules, facts: "problems" in facts.get("imports", {})),
    (SeedsCheck(), lambda rules, facts: "unseeded" in facts.get("imports", {})),
    (DataCheck(), lambda rules, facts: rules.get("data")),
    (PlacesCheck(), lambda rules, facts: "places" in facts),
    (GpuStateCheck(), lambda rules, facts: "gpu" in facts),
    (PortsCheck(), lambda rules, facts: "ports" in facts),
    (VariablesCheck(), lambda rules, facts: rules.get("variables")),
    (ProgramsCheck(), lambda rules, facts: "programs" in facts),
    (SchemaCheck(), lambda rules, facts: "schema" in facts),
    (ClockCheck(), lambda rules, facts: "skew" in facts),
    (LockCheck(), lambda rules, facts: rules.get("lock")),
    (ProjectCheck(), lambda rules, facts: "programs" in facts.get("project", {})),
    (TestsCheck(), lambda rules, facts: "tests" in facts),
    (TimeCheck(), lambda rules, facts: rules.get("time")),
    (SanityCheck(), lambda rules, facts: facts.get("sanity")),
    (DeterminismCheck(), lambda rules, facts: "determinism" in facts),
)


class ProbesCheck:
    """Every probe has come to an end; one that has not is no reason to refuse a run."""

    name = "probes"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """A warning for each that failed."""
        facts = prepared.get("preflight", {})
        return [
            Finding(self.name, f"what the check {show(name)} needs could not be looked at: {show(str(one['failed']))}",
                    f'reprun preflight shows it again; skip = ["{show(name)}"] under [preflight] does without', WARN)
            for name, one in facts.items()
            if isinstance(one, dict) and "failed" in one
        ]  # fmt: skip


def checks_for(spec: RunSpec, prepared: Mapping[str, Any]) -> list[Check]:
    """Those that are due for this run."""
    rules, facts = spec.preflight, dict(prepared.get("preflight", {}))
    measured = prepared.get("measured", {})
    if "skew" in measured:
        facts["skew"] = measured["skew"]
    failed = [name for name, one in facts.items() if isinstance(one, dict) and "failed" in one]
    due: list[Check] = [check for check, is_due in ASKED if check.name not in failed and is_due(rules, facts)]
    due += [ProbesCheck()] * bool(failed)
    return due + chosen(rules.get("plugins", ()))
