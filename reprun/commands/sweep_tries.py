"""Further attempts at the tasks of a sweep, and tasks that the queue holds because too many failed alike.

A retry is a run of its own that is sealed beforehand and waits behind the one before (see `retrying`). A later stage follows
whichever attempt finishes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reprun.commands.keeping import put_away_all
from reprun.commands.launch_many import Planned, new_runs
from reprun.commands.retrying import spares_of
from reprun.commands.states import look
from reprun.commands.sweep_runs import rows_of
from reprun.commands.waiting import stop
from reprun.core.frozen import replace
from reprun.core.outcome import RunState
from reprun.runner.queue_ends import ALIKE
from reprun.sweeps.plan import Known
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def new_tries(count: int, retries: int, after: str = "") -> list[str]:
    """Ids for so many runs, in the order in which they will be listed, `after` another one: also those of their further attempts
    are distinct."""
    found: list[str] = []
    taken: set[str] = set()
    while len(found) < count:
        for run_id in new_runs(count - len(found), after):
            all_of_it = {run_id, *spares_of(run_id, retries)}
            if taken.isdisjoint(all_of_it):
                taken |= all_of_it
                found.append(run_id)
    return sorted(found)


def with_spares(one: Planned, retries: int) -> Iterable[Planned]:
    """The run, and the further attempts at it."""
    spec = one.spec
    yield replace(one, spec=replace(spec, queue={**spec.queue, "retries": retries})) if retries else one
    before = one.run_id
    for attempt, run_id in enumerate(spares_of(one.run_id, retries), 2):
        queue = {**spec.queue, "attempt": attempt, "retry_of": before}
        why = f"attempt {attempt} at {one.run_id}"
        yield Planned(run_id, replace(spec, queue=queue, why=why, parent=one.run_id), one.entry)
        before = run_id


def waits_for(run_id: str, attempts: Sequence[str]) -> dict[str, Any]:
    """What the queue is told of a stage that follows a run that is still to end."""
    return {"after": [{"run": run_id, "ok": True, **({"or": list(attempts)} if attempts else {})}]}


def blocked(known: Sequence[Known], wanted: set[tuple[str, str]]) -> list[Known]:
    """The runs of wanted stages that are held because their sweep failed alike: `reprun sweep` is another try."""
    return [
        run for run in known if run.heard and run.state == "queued" and ALIKE in run.words and (run.task, run.stage) in wanted
    ]


def as_given_up(known: Sequence[Known], gone: Sequence[Known]) -> list[Known]:
    """The runs as they will be when those are taken out of the queue."""
    ids = {run.run_id for run in gone}
    return [replace(run, state="canceled", words=f"was held ({run.words})") if run.run_id in ids else run for run in known]


def end_all(workspace: Workspace, removed: Sequence[Known], reason: str) -> dict[str, RunState]:
    """Takes the queued ones out of the queue, for the `reason`, then stops the others: a slot that becomes free is for none of
    them. The states afterwards."""
    queued = [run for run in removed if run.state == "queued"]
    give_up(workspace, queued, reason)
    rows = {row.run_id: row for row in rows_of(workspace, [run.run_id for run in removed])}
    states = look(workspace, rows.values())
    put_away_all(workspace, [rows[run_id] for run_id, state in states.items() if state.is_final], states)
    for run_id, state in states.items():
        if not state.is_final:
            states[run_id] = stop(workspace, rows[run_id], workspace.settings.grace)
    return states


def give_up(workspace: Workspace, gone: Sequence[Known], reason: str = "its sweep was run again") -> None:
    """Takes runs out of the queues that they wait in. Raises `UnreachableError`."""
    by_target: dict[str, list[str]] = {}
    for row in rows_of(workspace, [run.run_id for run in gone]):
        by_target.setdefault(workspace.watched_place_of(row)[0], []).append(row.run_id)
    for target, run_ids in by_target.items():
        workspace.target(target).host.ask({"op": "queue", "do": "rm", "runs": run_ids, "reason": reason})
