"""The commands around a running job: `attach`, `stop`, `wait`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reprun.cli.envelope import answer, say
from reprun.cli.notes import say_unseeded
from reprun.cli.options import As_json, Run, Runs
from reprun.cli.seen import after_seeing
from reprun.commands.states import get_state, require_link, require_own
from reprun.core.errors import RefusedError, UsageError
from reprun.core.outcome import RunState, exit_status
from reprun.workspace import open_workspace


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(attach)
    app.command()(stop)
    app.command()(wait)


def attach(run: Run) -> int:
    """Open the tmux session of a running job. Detach with Ctrl-B D; Ctrl-C goes to the job.

    Example:

        reprun attach @last
    """
    from reprun.commands.attaching import attach_words
    from reprun.system.process import become

    workspace = open_workspace()
    row = workspace.find_run(run)
    state = require_link(workspace, row, get_state(workspace, row))
    require_own(workspace, row)
    if state.state == "queued":
        from reprun.commands.queue_where import with_place

        said = with_place(workspace, state, row).words
        raise RefusedError(f"{row.run_id} is {said}: it has no session yet", hint=f"reprun logs -f {row.run_id}")
    if state.state not in ("running", "starting"):
        raise RefusedError(f"{row.run_id} is {state.words}: there is no session to attach to", hint=f"reprun logs {row.run_id}")
    words = attach_words(workspace, row)
    if not (sys.stdin and sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("attach needs a terminal", hint=f"reprun logs -f {row.run_id}")
    become(words)


def stop(
    run: Run,
    grace: Annotated[float | None, typer.Option("--grace", min=0, help="Seconds between TERM and KILL.")] = None,
    json: As_json = False,
) -> int:
    """Stop a run: TERM, a grace period, then KILL for its whole process group. One that waits in the queue leaves it.

    Example:

        reprun stop @last --grace 30
    """
    from reprun.commands.waiting import leave_queue
    from reprun.commands.waiting import stop as end

    workspace = open_workspace()
    row = workspace.find_run(run)
    before = require_link(workspace, row, get_state(workspace, row))
    if before.state == "queued":
        require_own(workspace, row)
        before = leave_queue(workspace, row)
        if before.state == "canceled":
            workspace.record()
            return answer(_data(row.run_id, before), lambda: print(f"{row.run_id}  {before.words}"))
    if before.state != "running":
        return answer(_data(row.run_id, before), lambda: print(f"{row.run_id} is {before.words}: nothing to stop"))
    require_own(workspace, row)
    state = end(workspace, row, workspace.settings.grace if grace is None else grace)
    workspace.record()
    status = answer(_data(row.run_id, state), lambda: print(f"{row.run_id}  {state.words}"))
    after_seeing(workspace)
    return status


def wait(runs: Runs, json: As_json = False) -> int:
    """Wait for runs to end, and exit with the status of the first that did not succeed.

    Example:

        reprun wait @last && echo done
    """
    from reprun.commands.waiting import wait_for as until_over

    workspace = open_workspace()
    rows = [workspace.find_run(text) for text in runs]
    states = list(until_over(workspace, rows, say).items())
    workspace.record()
    status = next((exit_status(state) for _, state in states if exit_status(state)), 0)

    def human() -> None:
        for run_id, state in states:
            print(f"{run_id}  {state.words}")

    for run_id, state in states:
        say_unseeded(run_id, state.record)
    status = answer([_data(run_id, state) for run_id, state in states], human, status)
    after_seeing(workspace)
    return status


def _data(run_id: str, state: RunState) -> dict[str, object]:
    return {"run_id": run_id, **state.data}
