"""The outcomes of runs on other machines, put into the repository by whoever sees them first: those machines may go away then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reprun.core.errors import ReprunError
from reprun.core.outcome import RunState
from reprun.repo import refs
from reprun.repo.pruning import keep_blobs
from reprun.runner.files import to_json
from reprun.store.outcomes import parse_outcome
from reprun.store.rows import Row
from reprun.workspace import Workspace

_OVER = ("finished", "failed", "stopped", "canceled")


def keep_outcomes(workspace: Workspace, seen: Iterable[tuple[Row, RunState]]) -> set[str]:
    """Keeps what hosts have answered, byte for byte as the supervisors wrote it, and notes that the runs were seen to be over.

    Answers with the runs of which the repository has an outcome now. One that is there stays; a git that fails harms nothing:
    the host still has it, and the next look tries again.
    """
    texts = {}
    for row, state in seen:
        if state.state not in _OVER or not state.has_outcome or not workspace.journal(row.run_id).exists():
            continue
        if row.run_id not in workspace.seen:
            workspace.seen[row.run_id] = (row, state)
        text = outcome_text(state)
        if parse_outcome(text, row.run_id) is not None:
            texts[refs.OUTCOMES + row.run_id] = text
    try:
        kept = keep_blobs(workspace.repository, texts) if texts else set()
    except ReprunError:
        return set()
    return {ref.removeprefix(refs.OUTCOMES) for ref in kept}


def put_away_all(workspace: Workspace, rows: Iterable[Row], states: Mapping[str, RunState]) -> None:
    """`put_away` for many, with a git or two for all of them."""
    from reprun.commands.states import put_away

    rows = list(rows)
    kept = keep_outcomes(workspace, [(row, states[row.run_id]) for row in rows if workspace.is_here(row)])
    for row in rows:
        if row.run_id in kept:
            workspace.journal(row.run_id).close()
        else:
            put_away(workspace, row, states[row.run_id])


def outcome_text(state: RunState) -> bytes:
    """outcome.json as the runner writes it: two machines that see the same outcome keep the same object."""
    try:
        return to_json(state.record).encode() + b"\n"
    except ValueError:
        return b""  # numbers that are none: no runner of ours writes that
