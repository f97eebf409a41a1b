"""Hosts that do not answer, or cannot take anything now: they are left in peace for a while, longer each time."""

from __future__ import annotations

from reprun.commands.sweep_pass import Passed
from reprun.core.text import show
from reprun.system.clock import local_now, ticks

_FIRST, _LONGEST = 2.0, 60.0


class Silence:
    """What is remembered of them between passes."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self._delay: dict[str, float] = {}
        self._why: dict[str, str] = {}

    def avoid(self) -> dict[str, str]:
        """The hosts that are not to be asked now, with the reason."""
        now = ticks()
        return {name: why for name, why in self._why.items() if self._until[name] > now}

    def is_due(self) -> bool:
        """Whether one of them is to be tried again."""
        now = ticks()
        return any(until <= now for until in self._until.values())

    def heed(self, passed: Passed) -> None:
        """Takes note of the hosts that had trouble in a pass, and forgets those that had none."""
        avoided = self.avoid()
        for place in passed.places:
            name = place.name
            trouble = passed.left_out[name].message if name in passed.left_out else place.trouble
            if name in avoided:
                continue
            if not trouble or name in passed.pin.gone:
                self._until.pop(name, None)
                self._delay.pop(name, None)
                self._why.pop(name, None)
                continue
            delay = min(self._delay.get(name, _FIRST / 2) * 2, _LONGEST)
            self._delay[name], self._until[name] = delay, ticks() + delay
            since = f"since {local_now():%H:%M}"
            self._why.setdefault(name, f"{trouble} ({show(since)})")
