"""Logs, as far as they go and as they grow. A link that breaks is no end: nothing is lost, and nothing comes twice."""

from __future__ import annotations

from collections.abc import Iterator

from reprun.commands.launch import Tell, ignore
from reprun.commands.states import get_state, require_link
from reprun.core.errors import NotFoundError, UnreachableError
from reprun.core.outcome import RunState
from reprun.store.rows import Row
from reprun.system.clock import pause
from reprun.workspace import Workspace

STREAMS = ("stdout", "stderr")
_PIECE = 1 << 18  # bytes of a log in one answer
_PATIENCE = 20  # seconds that a host waits for news before it says that there are none
_FIRST, _SLOWEST = 0.5, 5.0  # seconds between two attempts to reach a host
_FIRST_LOOK, _SLOWEST_LOOK = 0.05, 0.5  # and between two looks at the queue of this machine


def read_log(workspace: Workspace, row: Row, stream: str, offset: int = 0) -> Iterator[bytes]:
    """The log from `offset` (negative: that many bytes before the end) to where it ends now, in pieces."""
    while True:
        answer = workspace.ask(row, op="read", run_id=row.run_id, stream=stream, offset=offset, limit=_PIECE)
        data, offset = answer["data"].encode("latin-1"), int(answer["next"])
        if not data:
            return
        yield data
        if offset >= int(answer["size"]):
            return


def follow(
    workspace: Workspace, row: Row, offsets: dict[str, int] | None = None, tell: Tell = ignore
) -> Iterator[tuple[str, bytes]]:
    """(stream, piece) as the run writes them, until it is over and everything was read.

    `offsets`: the streams that are wanted, and how much of each is known. Once a host has answered it is asked for ever, however
    long it is away; `tell` hears of that once for each time.
    """
    offsets = dict(offsets) if offsets is not None else dict.fromkeys(STREAMS, 0)
    answered, said, delay = False, "", _FIRST
    while True:
        try:
            answer = workspace.ask(
                row, op="follow", run_id=row.run_id, offsets=offsets, limit=_PIECE, seconds=_PATIENCE if answered else 0
            )
        except UnreachableError as error:
            if not answered:
                raise
            if error.message != said:
                tell(f"{error.message}: trying again until it answers; the run does not depend on it (Ctrl-C ends this)")
                said = error.message
            pause(delay)
            delay = min(delay * 1.5, _SLOWEST)
            continue
        answered, said, delay = True, "", _FIRST
        full = False
        for stream, text in answer["news"].items():
            if stream in offsets and text:
                data = text.encode("latin-1")
                offsets[stream] += len(data)
                full = full or len(data) >= _PIECE
                yield stream, data
        if answer["over"] and not full:
            return


def await_start(workspace: Workspace, row: Row, tell: Tell = ignore) -> RunState:
    """Waits as long as the run is in the queue, and answers with its state then; `tell` hears where it stands, each time that it
    moves. Once a host has answered it is asked for ever."""
    state = require_link(workspace, row, get_state(workspace, row), "reprun logs -f")
    from reprun.commands.queue_where import with_place

    said, delay = "", _FIRST_LOOK
    slowest = _SLOWEST_LOOK if workspace.is_here(row) else _SLOWEST
    while state.state == "queued" or (state.link != "ok" and not state.is_final):
        words = f"{row.run_id} is {with_place(workspace, state, row).words}"
        if words != said:
            tell(f"{words}: waiting until it starts (Ctrl-C ends this, and nothing else)")
            said = words
        pause(delay)
        delay = min(delay * 1.3, slowest)
        state = get_state(workspace, row)
        workspace.troubles.clear()  # the words say it
    return state


def require_log(workspace: Workspace, row: Row) -> None:
    """Raises `NotFoundError` when the log of a run cannot be here: it ran elsewhere, or has not started."""
    if workspace.ask(row, op="read", run_id=row.run_id, stream="stdout", offset=0, limit=0)["there"]:
        return
    state = get_state(workspace, row)
    if state.state in ("starting", "running"):
        return  # the job makes its log at this moment
    if state.state == "queued":
        from reprun.commands.queue_where import with_place

        words = with_place(workspace, state, row).words
        raise NotFoundError(f"{row.run_id} is {words}, and has no log yet", hint=f"reprun logs -f {row.run_id}")
    hint = f"reprun resume {row.run_id}" if state.state == "unstarted" else f"reprun show {row.run_id}"
    raise NotFoundError(f"there is no log of {row.run_id} here: it is {state.words}", hint=hint)
