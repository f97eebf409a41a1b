"""`[results] auto_pull`: what a run has left is brought when the run is seen to be over, once."""

from __future__ import annotations

import os

from reprun.commands.launch import Tell, ignore
from reprun.core.errors import ReprunError
from reprun.core.outcome import RunState
from reprun.core.text import human_bytes, show
from reprun.store.rows import Row
from reprun.workspace import Workspace


def pull_seen(workspace: Workspace, tell: Tell = ignore) -> list[str]:
    """Brings the files of all runs that this command has seen to be over; what is said of it, a sentence for each."""
    said = [auto_pull(workspace, row, state, tell) for row, state in workspace.seen.values()]
    workspace.seen.clear()
    return [sentence for sentence in said if sentence]


def auto_pull(workspace: Workspace, row: Row, state: RunState, tell: Tell = ignore) -> str:
    """Brings the files of one run when that is wished and was not done before. Never fails: what is wrong is said, and the next
    look tries again."""
    patterns = workspace.settings.auto_pull
    if not patterns or not state.has_outcome or not state.is_final:
        return ""
    from reprun.commands.pulling import pull
    from reprun.results.choosing import Wish
    from reprun.system.files import write_atomic

    mark = os.path.join(workspace.repository.state_dir, "pulled", row.run_id)
    try:
        if os.path.lexists(mark) or workspace.is_here(row):
            return ""
        done = pull(workspace, row, Wish(tuple(patterns), workspace.settings.auto_pull_max), tell=tell)
        if done.problems:
            item, why = done.problems[0]
            return f"{show(item.output)} of {row.run_id} could not be brought: {why}; reprun pull {row.run_id} tries again"
        write_atomic(mark, show(done.folder).encode() + b"\n", durable=False)
    except (ReprunError, OSError) as error:
        return f"the files of {row.run_id} could not be brought: {error}; reprun pull {row.run_id} tries again"
    if not done.brought:
        return ""  # somebody was quicker
    size = human_bytes(sum(item.size for item in done.brought))
    late = [item for item, why in done.left if "--max-size" in why]
    more = f"; {len(late)} larger ones wait for reprun pull {row.run_id}" if late else ""
    return f"brought {len(done.brought)} files of {row.run_id} ({size}) to {show(done.folder)}{more}"
