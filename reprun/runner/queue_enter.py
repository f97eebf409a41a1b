"""Runs enter the queue: their folders first, which say everything, then the table, in one transaction, then the worker is told.

Whoever is killed in between has left a note of which runs were to enter; the worker looks for such notes.
"""

from __future__ import annotations

import contextlib
import os
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, list_names, locked, read_json, try_locked, write_atomic, write_json
from reprun.runner.paths import Home, RunDir
from reprun.runner.privacy import check_home
from reprun.runner.queue_db import Table, add, with_table
from reprun.runner.queue_entry import RUN_ID, parse_entry
from reprun.runner.queue_fence import with_boot
from reprun.runner.queue_rebuild import find_entry, read_held
from reprun.runner.queue_wake import wake
from reprun.runner.state import find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Sequence, Tuple

# As `ls` counts: also what is held, or held ready.
_SOONER = (
    "SELECT count(*) FROM entries WHERE (state IN ('queued', 'held') OR state = 'taken' AND began = 0)"
    " AND (priority > ? OR priority = ? AND rank < ?)"
)
_MANY = 8  # so many runs are synced one by one; of more, the whole file system is


def enter_one(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """What `start` does for a launch that is queued: the state, the `position` in the queue, whether a `worker` listens."""
    answer = enqueue(home, {"entries": [request]})
    state = find_state(home.run(request["run_id"]))
    return {**state, "position": answer["positions"].get(request["run_id"], 0), "worker": answer["worker"]}


def enqueue(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Many at once: the runs that are `queued` now, the `states` of those that are not, and `positions`."""
    check_home(home)
    wanted = [(_checked(one["run_id"]), _entry(one["queue"]), one) for one in request["entries"]]
    states: Dict[str, Any] = {}
    with _noted(home, [run_id for run_id, _, _ in wanted]):
        entries = []
        for run_id, entry, one in wanted:
            state = _write(home.run(run_id), entry, one, durable=len(wanted) <= _MANY)
            if state is None:
                entries.append((run_id, entry))
            else:
                states[run_id] = state
        if len(wanted) > _MANY:
            sync_disk(home.root)
        positions = with_table(home, lambda table: _add(table, entries)) if entries else {}
    return {"queued": [run_id for run_id, _ in entries], "states": states, "positions": positions, "worker": wake(home)}


def _checked(run_id: Any) -> str:
    if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
        raise RunnerError("usage", "%r is no run" % (run_id,))
    return run_id


def _entry(data: Any) -> Dict[str, Any]:
    entry = parse_entry(data)
    entry.setdefault("created", time.time())
    return with_boot(entry)


def _write(run: RunDir, entry: Dict[str, Any], one: Dict[str, Any], durable: bool) -> "Dict[str, Any] | None":
    """Writes what a launch writes; the plan last, for it makes the run a queued one. The state of a run that needs none of it."""
    try:
        os.mkdir(run.path, 0o700)
    except FileNotFoundError:
        ensure_dir(run.path)
    except FileExistsError:
        state = find_state(run)
        if state["state"] == "queued":
            return None
        if state["state"] != "unstarted":
            return state
    write_atomic(run.manifest, one["manifest"].encode(), durable=durable)
    if one.get("config"):
        path = os.path.join(run.path, os.path.basename(one["config"]["name"]))
        write_atomic(path, one["config"]["text"].encode(), durable=durable)
    write_json(run.launch, {**one["plan"], "queue": entry}, durable=durable)
    return None


def _add(table: Table, entries: "Sequence[Tuple[str, Dict[str, Any]]]") -> Dict[str, int]:
    with table.writing() as db:
        for run_id in add(table, entries):
            table.note("queued", run_id)
        positions = {}
        for run_id, _ in entries[:_MANY]:
            row = db.execute("SELECT priority, rank FROM entries WHERE run_id = ? AND state = 'queued'", (run_id,)).fetchone()
            if row is not None:
                values = (row["priority"], row["priority"], row["rank"])
                positions[run_id] = int(db.execute(_SOONER, values).fetchone()[0]) + 1
        return positions


@contextlib.contextmanager
def _noted(home: Home, run_ids: List[str]) -> Iterator[None]:
    folder = ensure_dir(os.path.join(home.queue(), "entering"))
    path = os.path.join(folder, "%d-%d.json" % (os.getpid(), time.monotonic_ns()))
    with _locked_note(path):  # as long as this process is at it
        write_json(path + ".list", {"runs": run_ids}, durable=False)
        yield
        _remove(path + ".list")
        _remove(path)


@contextlib.contextmanager
def _locked_note(path: str) -> Iterator[None]:
    while True:
        with locked(path, exclusive=True):
            if os.path.lexists(path):
                yield
                return
            # A worker came between making and locking it, and has removed it as a leftover.


def take_up(home: Home, table: Table) -> int:
    """Enters what somebody who was killed, or met a full disk, had begun to enter; how many there were."""
    folder, count = os.path.join(home.queue(), "entering"), 0
    for name in list_names(folder):
        path = os.path.join(folder, name)
        if not name.endswith(".json"):
            if not os.path.lexists(os.path.join(folder, name.partition(".json.")[0] + ".json")):  # else it may just be written
                _remove(path)
            continue
        if os.path.isdir(path):  # nobody of ours has made it
            continue
        with try_locked(path) as is_left:
            if is_left:
                count += _take_up(home, table, path + ".list")
                _remove(path + ".list")
                _remove(path)
    return count


def _take_up(home: Home, table: Table, path: str) -> int:
    try:
        noted = (read_json(path) or {}).get("runs")
    except (ValueError, AttributeError):
        noted = None
    count = 0
    with table.writing():
        for run_id in noted if isinstance(noted, list) else ():
            if not isinstance(run_id, str) or not RUN_ID.fullmatch(run_id):
                continue
            run = home.run(run_id)
            if find_state(run)["state"] == "queued":
                found = find_entry(run)
                if found is not None:
                    count += len(add(table, [(run_id, found[1])], found[0], read_held(run) or ""))
    return count


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def sync_disk(folder: str) -> None:
    """Everything written to the file system of the folder is durable then: one wait instead of thousands."""
    import ctypes

    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if ctypes.CDLL(None, use_errno=True).syncfs(fd) != 0:
            os.sync()
    except (OSError, AttributeError):
        os.sync()
    finally:
        os.close(fd)
