"""The checks of what the target was asked to look at. Only loaded for a run that has something to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.preflight.base import Check
from reprun.preflight.imports import ImportsCheck
from reprun.preflight.seeds import SeedsCheck

_Due = Callable[[Mapping[str, Any], Mapping[str, Any]], object]  # whether a check has anything to look at: rules, facts

# Each check with when it is due: it is recorded with a run only if it has looked at something.
ASKED: tuple[tuple[Check, _Due], ...] = (
    (ImportsCheck(), lambda rules, facts: facts.get("imports")),
    (SeedsCheck(), lambda rules, facts: facts.get("imports")),
)


def checks_for(spec: RunSpec, prepared: Mapping[str, Any]) -> list[Check]:
    """Those that are due for this run."""
    rules, facts = spec.preflight, prepared.get("preflight", {})
    return [check for check, is_due in ASKED if is_due(rules, facts)]
