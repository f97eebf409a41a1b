"""The runs that a worker has at hand: forked ahead of their start, running, ending; or found running by a later worker."""

from __future__ import annotations

import contextlib
import os
import select
import time

from reprun.runner.files import read_json
from reprun.runner.identity import is_alive
from reprun.runner.paths import RunDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

    from reprun.runner.queue_hands import Hand

READY, GIVEN, RUNNING, ENDING = "ready", "given", "running", "ending"


class Live:
    """One such run. `hand` is its supervisor where this worker forked that; of one that was found `signs` become readable when
    the job or the supervisor ends."""

    def __init__(self, run: RunDir, entry: Dict[str, Any], phase: str) -> None:
        self.run = run
        self.entry = entry
        self.phase = phase
        self.slots: Tuple[str, ...] = ()
        self.gpus: Tuple[str, ...] = ()
        self.since = time.time()
        self.is_written = False  # that the worker has it; nothing starts before that
        self.hand: Optional[Hand] = None
        self.is_found = False
        self.signs: List[int] = []
        self.started: Dict[str, Any] = {}

    @property
    def holds(self) -> bool:
        """Whether its slots are taken."""
        return self.phase in (GIVEN, RUNNING)

    def ends(self, now: float) -> float:
        """When its slots may be free: by its estimate, else when it has taken as long again."""
        expected = self.since + float(self.entry.get("seconds") or 0)
        return expected if expected > now else now + max(0.0, now - self.since)

    def give(self, slots: Tuple[str, ...], gpus: Tuple[str, ...], env: Dict[str, str]) -> bool:
        """Opens its gate; False when nobody is behind it any more."""
        assert self.hand is not None
        slot = {"name": "+".join(slots), "names": list(slots), "gpus": list(gpus)}
        if not self.hand.tell({"slot": slot, "env": env}):
            return False
        self.phase, self.slots, self.gpus, self.since = GIVEN, slots, gpus, time.time()
        return True

    def is_over(self) -> bool:
        """Of one that was found: whether its job has ended. Looks."""
        return not is_alive(self.started.get("job")) and (not self._is_supervised() or self._has_exit())

    def is_gone(self) -> bool:
        """And its supervisor too."""
        return not is_alive(self.started.get("job")) and not self._is_supervised()

    def _is_supervised(self) -> bool:
        return is_alive(self.started.get("supervisor"))

    def _has_exit(self) -> bool:
        if os.path.lexists(self.run.outcome):
            return True
        with contextlib.suppress(OSError, ValueError):
            return "exit_code" in (read_json(self.run.started) or {})
        return False

    def is_unseen(self) -> bool:
        """Whether nothing tells of what comes next: it has to be looked at."""
        if not self.is_found:
            return False
        return not self.signs or (self.phase == RUNNING and not is_alive(self.started.get("job")))

    def drop_signs(self) -> None:
        """Closes the signs that have been given."""
        for fd in list(self.signs):
            if select.select([fd], [], [], 0)[0]:
                self.signs.remove(fd)
                os.close(fd)

    def close(self) -> None:
        """Lets go of everything that belongs to the watch."""
        for fd in self.signs:
            os.close(fd)
        self.signs = []


def find_running(run: RunDir, entry: Dict[str, Any], started: Dict[str, Any]) -> Live:
    """One that another worker, or somebody else, has started."""
    live = Live(run, entry, RUNNING)
    live.is_found = True
    slot = started.get("slot") if isinstance(started.get("slot"), dict) else None
    live.slots = tuple(str(name) for name in (slot or {}).get("names", []))
    live.gpus = tuple(str(gpu) for gpu in (slot or {}).get("gpus", []))
    live.since, live.started, live.is_written = float(started.get("started") or time.time()), started, True
    watch = getattr(os, "pidfd_open", None)  # not in Python 3.8
    for who in ("job", "supervisor"):
        with contextlib.suppress(OSError, TypeError, KeyError):  # it is gone, or the kernel is old
            if watch and is_alive(started[who]):
                live.signs.append(watch(started[who]["pid"]))
    return live
