"""Checks of others, by the entry point `reprun.preflight_checks`; used are those that `[preflight] plugins` names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import REFUSE, WARN, Finding

GROUP = "reprun.preflight_checks"


class PluginCheck:
    """A check that is installed here. One that fails by itself says nothing about the run, and refuses nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """What it finds, under the name that it was asked for by."""
        from importlib.metadata import entry_points

        entries = [entry for entry in entry_points(group=GROUP) if entry.name == self.name]
        if not entries:
            message = f"there is no preflight check {show(self.name)} installed here"
            return [Finding(self.name, message, "pip install what brings it, or take it out of plugins under [preflight]")]
        try:
            found = list(entries[0].load()().findings(spec, prepared))
            return [
                Finding(self.name, str(one.message), str(one.hint), WARN if getattr(one, "severity", REFUSE) == WARN else REFUSE)
                for one in found
            ]
        except Exception as error:  # somebody else's code
            message = f"the preflight check {show(self.name)} fails by itself: {type(error).__name__}: {show(str(error)[:200])}"
            return [Finding(self.name, message, f"mend {show(entries[0].value)}, or take it out of plugins", WARN)]
