"""What was last seen of the runs on other machines: what can be said of them while their host cannot be asked. A memo."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass
from reprun.core.outcome import STATES, Sighting
from reprun.system.files import find_json, write_json


@dataclass(frozen=True)
class Sightings:
    """The memo in the state folder of a repository: one file, written in one step. Two that write at once lose one's news."""

    state_dir: str

    @property
    def path(self) -> str:
        """The file."""
        return os.path.join(self.state_dir, "sightings.json")

    def read(self) -> dict[str, Sighting]:
        """What was seen, by the ids of the runs; nothing of what cannot be read."""
        try:
            found = find_json(self.path) or {}
        except (OSError, ReprunError):
            return {}
        return {run_id: one for run_id, data in found.items() if (one := _sighting(data)) is not None}

    def add(self, seen: Mapping[str, Sighting], known: Iterable[str]) -> None:
        """Notes what was seen now, and forgets the runs whose end is `known` by now. Failing to do so harms nothing."""
        before = self.read()
        now = {**before, **seen}
        for run_id in known:
            now.pop(run_id, None)
        if now == before:
            return
        try:
            write_json(self.path, {run_id: vars(one) for run_id, one in now.items()})
        except (OSError, ReprunError):
            return


def _sighting(data: Any) -> Sighting | None:
    if not isinstance(data, dict) or data.get("state") not in STATES or not isinstance(data.get("at"), (int, float)):
        return None
    code = data.get("exit_code")
    code = code if isinstance(code, int) else None
    return Sighting(data["state"], str(data.get("reason", "")), code, float(data["at"]), data.get("ended") is True)
