"""Keeping the outcomes of runs on other machines in the dev repository, so that they are known when the machine is gone."""

from __future__ import annotations

import json

from reprun.core.errors import ReprunError
from reprun.core.outcome import RunState
from reprun.repo import refs
from reprun.repo.pruning import keep_blob
from reprun.store.rows import Row
from reprun.workspace import Workspace


def keep_outcome(workspace: Workspace, row: Row, state: RunState) -> bool:
    """Writes the outcome under refs/reprun/outcomes; True when the ref is there afterwards. Never fails: it is only looking."""
    if not state.has_outcome or not workspace.journal(row.run_id).exists():
        return False
    ref = refs.OUTCOMES + row.run_id
    try:
        if refs.find_ref(workspace.repository, ref) is None:
            keep_blob(workspace.repository, ref, json.dumps(state.record).encode())
    except ReprunError:
        return False
    return True
