"""Checks of others, by the entry point `reprun.preflight_checks`; used are those that `[preflight] plugins` names.

That they are installed is not enough: looking for entry points takes longer than a launch, and what happens to be on a laptop
should not decide what runs. `"*"` takes all that are.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import REFUSE, WARN, Finding

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "reprun.preflight_checks"
ALL = "*"
_MOST = 50  # findings of one


class PluginCheck:
    """A check that is installed here. One that fails by itself says nothing about the run, and refuses nothing."""

    def __init__(self, name: str) -> None:
        self.name = name

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """What it finds, under the name that it was asked for by."""
        entries = {entry.name: entry for entry in reversed(installed())}
        if self.name not in entries:
            there = f"; there are: {', '.join(map(show, entries))}" if entries else ""
            message = f"there is no preflight check {show(self.name)} installed here{there}"
            return [Finding(self.name, message, "pip install what brings it, or take it out of plugins under [preflight]")]
        return self._run(entries[self.name], spec, prepared)

    def _run(self, entry: EntryPoint, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        try:
            with redirect_stdout(io.StringIO()):  # what is printed there is the answer of a command
                found = [_plain(self.name, one) for one in list(entry.load()().findings(spec, prepared))[:_MOST]]
        except (Exception, SystemExit) as error:  # somebody else's code
            message = f"the preflight check {show(self.name)} fails by itself: {type(error).__name__}: {show(str(error)[:200])}"
            return [Finding(self.name, message, f"mend {show(entry.value)}, or take it out of plugins", WARN)]
        return found


def chosen(names: Iterable[str]) -> list[PluginCheck]:
    """The checks of these names, each once."""
    words = list(names)
    found = [entry.name for entry in installed()] if ALL in words else []
    return [PluginCheck(name) for name in dict.fromkeys([*(word for word in words if word != ALL), *sorted(found)])]


def installed() -> list[EntryPoint]:
    """The entry points of all distributions here."""
    from importlib.metadata import entry_points

    return list(entry_points(group=GROUP))


def _plain(name: str, one: Any) -> Finding:
    """One sentence and one line, whatever it is made of."""
    message, hint = (show(" ".join(str(text).split())[:500]) for text in (one.message, one.hint))
    severity = WARN if getattr(one, "severity", REFUSE) == WARN else REFUSE
    return Finding(name, message or f"the check {show(name)} says no", hint or f"ask who made the check {show(name)}", severity)
