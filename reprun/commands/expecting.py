"""How long a job will take, as far as that is known: declared, or seen in earlier runs of the same command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

from reprun.core.frozen import dataclass
from reprun.core.measured import is_finite, number
from reprun.core.select import Filter
from reprun.core.spec import RunSpec
from reprun.store.rows import Row
from reprun.workspace import Workspace

_RUNS, _LOOKED_AT = 5, 500  # so many of the last runs are gone by, among so many


@dataclass(frozen=True)
class Expected:
    """Seconds; `run_id` is the run that took them, empty where they were declared."""

    seconds: int
    run_id: str = ""


def expected_time(workspace: Workspace, spec: RunSpec) -> Expected | None:
    """What was declared, else the longest of the last runs of this command that came to their end; None when nothing is known."""
    declared = spec.preflight.get("duration")
    if declared is not None:
        return Expected(int(declared))
    seen = [found for row in _runs_of(workspace, spec.argv) if (found := _time_of(workspace, row)) is not None]
    return max(seen, key=lambda one: one.seconds, default=None)


def _runs_of(workspace: Workspace, argv: Sequence[str]) -> Iterator[Row]:
    """The last ones that finished, without those that were cut short."""
    command, found = shlex.join(argv), 0
    for row in workspace.history().newest(Filter(state="finished", limit=_LOOKED_AT)):
        if row.command != command or workspace.manifest(row.run_id).table("run").get("limit"):
            continue
        yield row
        found += 1
        if found == _RUNS:
            return


def _time_of(workspace: Workspace, row: Row) -> Expected | None:
    state = workspace.shared_outcome(row.run_id)
    seconds = number(state.record.get("seconds")) if state is not None else None
    return Expected(round(float(seconds)), row.run_id) if seconds is not None and is_finite(seconds) and seconds >= 0 else None
