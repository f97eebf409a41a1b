"""What can be done to the queue. What keeps a run from starting is done in its folder first, so that it holds whatever becomes of
the table."""

from __future__ import annotations

import contextlib
import os

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, write_atomic
from reprun.runner.paths import Home
from reprun.runner.privacy import check_home
from reprun.runner.queue_db import Table, with_table
from reprun.runner.queue_entry import RUN_ID
from reprun.runner.queue_fence import confirm
from reprun.runner.queue_hold import cancel, hold, release
from reprun.runner.queue_idle import idle
from reprun.runner.queue_order import place
from reprun.runner.queue_slots import set_slots
from reprun.runner.queue_view import list_all, news
from reprun.runner.queue_wake import find_worker, paused_file, poke, wake
from reprun.runner.state import find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List


def act(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The op `queue`: what is asked for is in `do`. Raises `RunnerError`."""
    what = str(request.get("do", "ls"))
    if what in _LOOKS:
        if not os.path.lexists(home.queue()):
            return _LOOKS[what](home, None, request)
        return with_table(home, lambda table: _LOOKS[what](home, table, request))
    if what not in _DEEDS:
        raise RunnerError("usage", "the queue cannot do %r" % what, "reprun queue --help")
    check_home(home)
    ensure_dir(home.queue())
    for run_id in request.get("runs", []):
        if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
            raise RunnerError("usage", "%r is no run" % (run_id,), "reprun queue ls")
    return _DEEDS[what](home, request)


def withdraw(home: Home, run_ids: List[str], reason: str) -> Dict[str, Dict[str, Any]]:
    """Cancels queued runs; the state of each. What has started goes on."""
    states = {run_id: cancel(home.run(run_id), reason) for run_id in run_ids}
    gone = [run_id for run_id, state in states.items() if state["state"] == "canceled"]
    with_table(home, lambda table: _set(table, gone, "dropped", reason))
    poke(home)
    return states


def _set(table: Table, run_ids: List[str], state: str, reason: str) -> None:
    with table.writing() as db:
        for run_id in run_ids:
            done = db.execute(
                "UPDATE entries SET state = ?, reason = ?, changed = ? WHERE run_id = ? AND state IN ('queued', 'held', 'taken')",
                (state, reason, table.change(), run_id),
            )
            if done.rowcount:
                table.note("released" if state == "queued" else state, run_id, why=reason)


def _states(home: Home, run_ids: List[str]) -> Dict[str, Dict[str, Any]]:
    return {run_id: find_state(home.run(run_id)) for run_id in run_ids}


def _queued(states: Dict[str, Dict[str, Any]]) -> List[str]:
    return [run_id for run_id, state in states.items() if state["state"] == "queued"]


def _answer(states: Dict[str, Dict[str, Any]], changed: List[str]) -> Dict[str, Any]:
    """`unknown` are those that are not queued; `states` says what they are."""
    return {"changed": changed, "unknown": [one for one in states if one not in changed], "states": states}


def _rm(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    states = _states(home, request["runs"])
    states.update(withdraw(home, _queued(states), request.get("reason") or "removed"))
    removed = [one for one, state in states.items() if state["state"] == "canceled"]
    kept = {one: "it is %s" % state["state"] for one, state in states.items() if one not in removed}
    return {"removed": removed, "kept": kept}


def _hold(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    states, reason = _states(home, request["runs"]), request.get("reason") or "held"
    for run_id in _queued(states):
        states[run_id] = hold(home.run(run_id), reason)
    held = _queued(states)
    with_table(home, lambda table: _set(table, held, "held", reason))
    poke(home)
    return _answer(states, held)


def _release(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    wanted = _queued(_states(home, request["runs"]))
    with_table(home, lambda table: confirm(home, table, wanted))
    for run_id in wanted:
        release(home.run(run_id))
    with_table(home, lambda table: _forgive(table, wanted))
    wake(home)
    return _answer(_states(home, request["runs"]), wanted)


def _forgive(table: Table, run_ids: List[str]) -> None:
    """Failures of before do not count any more for the sweeps of what is released."""
    _set(table, run_ids, "queued", "")
    sql = "UPDATE entries SET signature = '' WHERE sweep = ? AND project = ? AND signature <> ''"
    with table.writing() as db:
        for pair in {
            (row["sweep"], row["project"]) for one in run_ids for row in table.rows("run_id = ? AND sweep <> ''", (one,))
        }:
            db.execute(sql, pair)


def _move(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    moved = with_table(home, lambda table: place(table, request["runs"], request.get("priority"), request.get("to")))
    poke(home)
    return {**_answer(_states(home, request["runs"]), list(moved)), "priorities": moved}


def _pause(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    write_atomic(paused_file(home), str(request["do"]).encode())
    with_table(home, lambda table: _note(table, str(request["do"])))
    poke(home)
    return _worker(home)


def _resume(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(paused_file(home))
    count = with_table(home, lambda table: _note(table, "resume"))
    if count or find_worker(home) or os.listdir(ensure_dir(os.path.join(home.queue(), "entering"))):
        wake(home)
    return _worker(home)


def _note(table: Table, what: str) -> int:
    with table.writing():
        table.note(what)
    return len(table.rows("state IN ('queued', 'taken')"))


def _slots(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    found = with_table(home, lambda table: set_slots(table, request.get("slots"), request.get("cpu_slots") or 0))
    poke(home)
    return {"slots": [{"name": slot.name, "gpus": list(slot.gpus)} for slot in found]}


def _worker(home: Home) -> Dict[str, Any]:
    found = find_worker(home)
    return {"worker": {"pid": found["process"]["pid"] if found else 0, "state": "running" if found else "none"}}


_LOOKS: Dict[str, Callable[[Home, Any, Dict[str, Any]], Dict[str, Any]]] = {"ls": list_all, "idle": idle, "events": news}
_DEEDS: Dict[str, Callable[[Home, Dict[str, Any]], Dict[str, Any]]] = {
    "rm": _rm, "hold": _hold, "release": _release, "move": _move, "pause": _pause, "drain": _pause, "resume": _resume,
    "slots": _slots,
}  # fmt: skip
