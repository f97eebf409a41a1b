"""What `reprun top` looks at, and what its keys do: questions to a host, one after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from threading import Lock
from typing import Any

from reprun.commands.queue_care import Queued, Queues
from reprun.core.errors import RefusedError, ReprunError, ToolError, UnreachableError
from reprun.core.frozen import dataclass, field
from reprun.core.measured import items, mapping, number
from reprun.core.queue_plan import on_our_clock, starts_of
from reprun.system.clock import now_seconds
from reprun.system.together import Together, Work

_GRACE = 10.0
_PIECE = 1 << 16  # bytes of a log that are asked for at once


@dataclass(frozen=True)
class Look:
    """A host at one moment: its queue, `runs` by id with how far they are, and `gpus` by UUID;
    `now` on its clock."""

    queue: Queued
    answer: dict[str, Any]
    now: float
    runs: Mapping[str, Any] = field(default_factory=dict)
    gpus: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Read:
    """How far the logs of a run were read, by stream; empty before the first time."""

    offsets: dict[str, int] = field(default_factory=dict)


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
        answer = on_our_clock(answer, now)
        gpus = {str(mapping(gpu).get("uuid")): mapping(gpu) for gpu in items(answer.get("gpus"))}
        return Look(Queued(self.on, answer, starts_of(answer)), answer, now, mapping(answer.get("runs")), gpus)

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

    def change(self, do: str, run_id: str) -> None:
        """Holds a waiting run, or releases it. Raises `RefusedError` for one that does not wait."""
        if run_id not in items(self._ask(op="queue", do=do, runs=[run_id]).get("changed")):
            raise RefusedError(f"{run_id} does not wait in the queue")

    def whole(self, do: str) -> None:
        """Pauses the queue, or lets it go on."""
        self._ask(op="queue", do=do)

    def log(self, run_id: str, read: Read) -> tuple[str, bool]:
        """What the logs of a run have that was not read yet, from their last part on; and whether nothing comes any more."""
        if not read.offsets:
            read.offsets = {stream: self._begin(run_id, stream) for stream in ("stdout", "stderr")}
        answer = self._ask(op="follow", run_id=run_id, offsets=read.offsets, limit=_PIECE, seconds=0)
        text = b""
        for stream, piece in mapping(answer.get("news")).items():
            data = str(piece).encode("latin-1", "replace")
            read.offsets[str(stream)] = read.offsets.get(str(stream), 0) + len(data)
            text += data
        is_over = bool(answer.get("over")) and not text and self._state(run_id).get("state") != "queued"
        return text.decode("utf-8", "backslashreplace"), is_over

    def details(self, run_id: str) -> dict[str, Any]:
        """The `state` of a run with its record, its `manifest` where this repository has launched it, the end of its `log`."""
        return {"state": self._state(run_id), "manifest": self._manifest(run_id), "log": self.log(run_id, Read())[0]}

    def _state(self, run_id: str) -> Mapping[str, Any]:
        return mapping(mapping(self._ask(op="state", run_ids=[run_id]).get("runs")).get(run_id))

    def _manifest(self, run_id: str) -> Mapping[str, Any]:
        workspace = self.queues.workspace
        try:
            return {} if workspace is None else workspace.manifest(run_id).data
        except ReprunError:
            return {}

    def _begin(self, run_id: str, stream: str) -> int:
        """Where the last part of a log begins, at the beginning of a line as a rule."""
        tail = self._ask(op="read", run_id=run_id, stream=stream, offset=-_PIECE, limit=_PIECE)
        data, end = str(tail.get("data") or ""), number(tail.get("next")) or 0
        is_whole = end <= _PIECE or "\n" not in data
        return int(end) - len(data if is_whole else data.partition("\n")[2])

    def _ask(self, **request: Any) -> dict[str, Any]:
        with self._link:
            return self.target.host.ask(request)


def look_at_all(sources: Sequence[Source]) -> list[tuple[Source, Look | None, ReprunError | None]]:
    """All of them at once. One that cannot be reached says so and holds up nobody."""
    if len(sources) == 1:
        return [(sources[0], *_looked(sources[0]))]
    works = {source.on: Work(partial(_looked, source), source.target.patience) for source in sources}
    done = Together().do(works)
    late = UnreachableError("it did not answer in time")
    return [(source, *(done[source.on].get() if source.on in done else (None, late))) for source in sources]


def _looked(source: Source) -> tuple[Look | None, ReprunError | None]:
    try:
        return source.look(), None
    except (UnreachableError, ToolError) as error:
        return None, error
