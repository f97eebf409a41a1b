"""Hosts that do not answer, or cannot take anything now: they are left in peace for a while, longer each time."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.sweep_pass import Passed
from reprun.commands.sweep_places import ask_queues
from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass
from reprun.system.clock import local_now, ticks
from reprun.workspace import Workspace

_FIRST, _LONGEST = 2.0, 60.0
_BRIEF = 3.0  # seconds in which one that comes back has to answer: the others wait for that


@dataclass
class _Silent:
    why: str
    until: float
    delay: float


class Silence:
    """What is remembered of them between passes."""

    def __init__(self) -> None:
        self._known: dict[str, _Silent] = {}
        self._delays: dict[str, float] = {}  # of those that answered again, and may have trouble again

    def avoid(self) -> dict[str, str]:
        """The hosts that are not to be asked now, with the reason."""
        return {name: one.why for name, one in self._known.items()}

    def due(self) -> list[str]:
        """Those that are to be tried again."""
        now = ticks()
        return [name for name, one in self._known.items() if one.until <= now]

    def try_again(self, workspace: Workspace, names: Sequence[str]) -> None:
        """Asks those again; one that answers takes part in the next pass."""
        for name, said in ask_queues(workspace, names, dict.fromkeys(names, _BRIEF)).items():
            if isinstance(said, ReprunError):
                self._add(name, self._known[name].why)
            else:
                self._delays[name] = self._known.pop(name).delay

    def heed(self, passed: Passed) -> None:
        """Takes note of the hosts that had trouble in a pass."""
        for place in passed.places:
            name = place.name
            if name in passed.left_out or not (place.answers or name in passed.pin.gone):
                why = passed.left_out[name].message if name in passed.left_out else place.trouble
                if name not in self._known:
                    self._add(name, f"{why} (since {local_now():%H:%M})")
            else:
                self._delays.pop(name, None)

    def _add(self, name: str, why: str) -> None:
        before = self._known[name].delay if name in self._known else self._delays.get(name, _FIRST / 2)
        delay = min(before * 2, _LONGEST)
        self._known[name] = _Silent(why, ticks() + delay, delay)
