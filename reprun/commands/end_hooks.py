"""`post-run`: told of each run of this repository once, by the first command that sees its end."""

from __future__ import annotations

import os
from collections.abc import Sequence

from reprun.commands.hook_context import ground_of, repository_data, run_of_manifest
from reprun.commands.launch import Tell, ignore
from reprun.commands.launch_hooks import say_failure, why_not
from reprun.commands.states import get_state
from reprun.core.asides import add_aside
from reprun.core.errors import RefusedError, ReprunError
from reprun.core.hooking import render_context
from reprun.core.outcome import RunState
from reprun.hooks.finding import Hook, find_hooks
from reprun.hooks.marks import Marks
from reprun.hooks.running import joined, run_hook, running
from reprun.hooks.trust import Trust
from reprun.runner.queue_conditions import NEEDLESS
from reprun.store.rows import Row
from reprun.system.clock import ticks
from reprun.system.limited import Ended
from reprun.workspace import Workspace

NAME = "post-run"
_PATIENCE = 15.0  # seconds: who looks at a sweep that has ended does not wait for the hooks of all its runs


def run_end_hooks(workspace: Workspace, tell: Tell = ignore) -> None:
    """Runs the hook for all runs that this command knows to be over. Never fails: what goes wrong is said."""
    try:
        hooks = find_hooks(ground_of(workspace), NAME)
        if not hooks or NAME in running():
            return
        marks, trust = Marks(workspace.repository.state_dir), Trust(workspace.repository.state_dir)
        over = _find_over(workspace, hooks, marks)
        for hook in hooks if over else ():
            if hook.trouble or not hook.is_executable or trust.distrust(hook):
                wait = "1 run waits" if len(over) == 1 else f"{len(over)} runs wait"
                add_aside(f"{why_not(hook, trust)}; {wait} for it")
                return
        until = ticks() + _PATIENCE
        for count, (run_id, state) in enumerate(over.items()):
            if ticks() > until:
                add_aside(f"{len(over) - count} more runs are over: the next command runs the {NAME} hook of them")
                return
            if state.state == "canceled" and state.reason.endswith(NEEDLESS):  # an attempt that was never to be made
                marks.settle(run_id)
                continue
            if marks.claim(run_id, NAME):
                tell(f"running the {NAME} hook of {run_id}")
                _run(workspace, hooks, run_id, state)
            _settle(marks, run_id)
    except (ReprunError, OSError) as error:
        add_aside(f"the {NAME} hook was not run: {error}")


def run_for(workspace: Workspace, hooks: Sequence[Hook], run_id: str, state: RunState | None) -> list[Ended]:
    """Runs hooks of one name about a run that is sealed, and notes what became of them."""
    name, seconds = hooks[0].name, workspace.settings.hook_rules().timeout
    run = run_of_manifest(workspace.manifest(run_id), state)
    context = render_context(name, "dev", run, repository=repository_data(workspace))
    repository = workspace.repository
    ends = [run_hook(hook, repository.top, repository.git.where, context, seconds) for hook in hooks]
    Marks(repository.state_dir).write(run_id, name, joined(ends), sha256=",".join(hook.digest for hook in hooks))
    return ends


def run_by_hand(workspace: Workspace, hooks: Sequence[Hook], row: Row) -> Ended:
    """Runs hooks of one name because somebody wants it, however often they were run. Raises `RefusedError` for one that must not
    run."""
    trust = Trust(workspace.repository.state_dir)
    for hook in hooks:
        if hook.trouble or not hook.is_executable:
            raise RefusedError(why_not(hook, trust), hint="reprun hooks ls")
        trust.require(hook)
    is_end = hooks[0].name == NAME
    ended = joined(run_for(workspace, hooks, row.run_id, get_state(workspace, row) if is_end else None))
    if is_end:
        Marks(workspace.repository.state_dir).settle(row.run_id)
    return ended


def _run(workspace: Workspace, hooks: Sequence[Hook], run_id: str, state: RunState) -> None:
    try:
        ends = run_for(workspace, hooks, run_id, state)
    except (ReprunError, OSError) as error:
        Marks(workspace.repository.state_dir).write(run_id, NAME, None, why=str(error))
        add_aside(f"the {NAME} hook of {run_id} was not run: {error}")
        return
    for hook, ended in zip(hooks, ends, strict=True):
        say_failure(hook, ended, workspace.settings.hook_rules().timeout, f" of {run_id}")


def _find_over(workspace: Workspace, hooks: Sequence[Hook], marks: Marks) -> dict[str, RunState]:
    """The runs whose end is known and for which nothing is noted yet: those that were launched with the hook in place, and those
    that have ended since it is there."""
    awaited = marks.awaited()
    unknown = [run_id for run_id in awaited if run_id not in workspace.ended]
    over = {run_id: state for run_id, state in workspace.shared_outcomes(unknown).items() if state.is_final}
    since = min((os.stat(hook.path).st_ctime for hook in hooks if os.path.exists(hook.path)), default=float("inf"))
    for run_id, state in workspace.ended.items():
        if run_id in awaited or (_ended_at(state) >= since and _is_new(workspace, marks, run_id)):
            over[run_id] = state
    return dict(
        sorted(over.items(), key=lambda pair: (pair[0] not in workspace.ended, pair[0]))
    )  # what was looked at comes first


def _ended_at(state: RunState) -> float:
    ended = state.record.get("ended")
    return float(ended) if isinstance(ended, (int, float)) else 0.0


def _is_new(workspace: Workspace, marks: Marks, run_id: str) -> bool:
    return workspace.journal(run_id).exists() and not marks.read(run_id, NAME)


def _settle(marks: Marks, run_id: str) -> None:
    """Waits no longer for a run whose hook was run. One that was killed in the middle is not run again: it may have done its
    work."""
    state = marks.read(run_id, NAME).get("state")
    if state == "interrupted":
        add_aside(f"the {NAME} hook of {run_id} was interrupted: reprun hooks run {NAME} {run_id}")
    if state not in (None, "running"):
        marks.settle(run_id)
