"""What `reprun top` looks at, and what its keys do. All of it are questions to one host, one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

from reprun.commands.queue_care import Queued, Queues
from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass, field
from reprun.core.measured import items, mapping
from reprun.core.queue_plan import estimate_starts
from reprun.system.clock import now_seconds

_GRACE = 10.0


@dataclass(frozen=True)
class Look:
    """A host at one moment: its queue, `runs` by id with how far they are, and `gpus` by UUID;
    `now` on its clock."""

    queue: Queued
    answer: dict[str, Any]
    now: float
    runs: Mapping[str, Any] = field(default_factory=dict)
    gpus: Mapping[str, Any] = field(default_factory=dict)


class Source:
    """Where the looks come from."""

    def __init__(self, queues: Queues, on: str) -> None:
        self.queues, self.on = queues, on
        self.target = queues.target(on)
        self._link = Lock()  # a host is asked one thing at a time

    def look(self) -> Look:
        """The host as it is now. Raises `UnreachableError`."""
        answer = self._ask(op="top")
        now = float(answer.get("time") or now_seconds())
        found = Queued(self.on, answer, {})
        is_open = not answer.get("paused") and not answer.get("draining")
        starts = estimate_starts(found.entries, found.slots, now) if is_open else {}
        gpus = {str(mapping(gpu).get("uuid")): mapping(gpu) for gpu in items(answer.get("gpus"))}
        return Look(Queued(self.on, answer, starts), answer, now, mapping(answer.get("runs")), gpus)

    def stop(self, run_id: str) -> str:
        """Ends a run, or takes it out of the queue; answers with its state afterwards."""
        said = self._ask(op="queue", do="rm", runs=[run_id])
        if run_id in items(said.get("removed")):
            return "canceled"
        grace = self.queues.settings.grace
        return str(self._ask(op="stop", run_id=run_id, grace=_GRACE if grace is None else grace).get("state"))

    def raise_up(self, run_id: str) -> None:
        """Puts a run in front of all others. Raises `RefusedError` for one that does not wait."""
        if run_id not in items(self._ask(op="queue", do="move", runs=[run_id], to="top").get("changed")):
            raise RefusedError(f"{run_id} does not wait in the queue")

    def log(self, run_id: str, offsets: dict[str, int]) -> tuple[str, bool]:
        """What the logs of a run have beyond the offsets, which are moved on; and whether it is over."""
        answer = self._ask(op="follow", run_id=run_id, offsets=offsets, limit=1 << 16, seconds=0)
        text = b""
        for stream, piece in mapping(answer.get("news")).items():
            data = str(piece).encode("latin-1")
            offsets[str(stream)] = offsets.get(str(stream), 0) + len(data)
            text += data
        return text.decode("utf-8", "backslashreplace"), bool(answer.get("over")) and not text

    def state(self, run_id: str) -> dict[str, Any]:
        """The state of a run with its record."""
        return dict(mapping(mapping(self._ask(op="state", run_ids=[run_id]).get("runs")).get(run_id)))

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._link:
            return self.target.host.ask(request)
