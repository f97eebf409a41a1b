"""The outcome of a run on another machine, put into the repository by whoever sees it first: that machine may go away then."""

from __future__ import annotations

import json

from reprun.core.errors import ReprunError
from reprun.core.outcome import RunState
from reprun.repo import refs
from reprun.repo.pruning import keep_blob
from reprun.store.outcomes import parse_outcome
from reprun.store.rows import Row
from reprun.workspace import Workspace

_OVER = ("finished", "failed", "stopped")


def keep_outcome(workspace: Workspace, row: Row, state: RunState) -> bool:
    """Keeps what the host has answered, byte for byte as the supervisor wrote it, and notes that the run was seen to be over.

    True when the repository has an outcome of this run now. One that is there stays; a git that fails harms nothing: the host
    still has it, and the next look tries again.
    """
    if state.state not in _OVER or not state.has_outcome or not workspace.journal(row.run_id).exists():
        return False
    if row.run_id not in workspace.seen:
        workspace.seen[row.run_id] = (row, state)
    text = outcome_text(state)
    if parse_outcome(text, row.run_id) is None:
        return False
    try:
        if refs.find_ref(workspace.repository, refs.OUTCOMES + row.run_id) is None:
            keep_blob(workspace.repository, refs.OUTCOMES + row.run_id, text)
    except ReprunError:
        return False
    return True


def outcome_text(state: RunState) -> bytes:
    """outcome.json as the runner writes it: two machines that see the same outcome keep the same object."""
    return json.dumps(state.record, indent=1, ensure_ascii=True).encode() + b"\n"
