"""The commands that only look: `ls`, `show`, `status`, `logs`. They alter nothing and take no lock that anyone waits for."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reprun.cli.complete import complete_target, one_of
from reprun.cli.envelope import answer, say
from reprun.cli.fitting import Cell, Column, Row
from reprun.cli.notes import say_backup, say_notes, say_troubles
from reprun.cli.options import As_json, Offline, Run
from reprun.cli.progress import progress
from reprun.cli.seen import after_seeing
from reprun.cli.table import print_fitted
from reprun.commands.listing import Listed
from reprun.core.outcome import STATES
from reprun.core.text import show
from reprun.store.rows import values_of
from reprun.workspace import open_workspace

_COLUMNS = (
    Column("run", ("RUN",), 22, 0),
    Column("name", ("NAME",), 14, 5, is_middle=True),
    Column("state", ("STATE",), 11, 2),
    Column("on", ("ON",), 5, 1, is_spare=True),
    Column("commit", ("COMMIT",), 10, 8, is_spare=True),
    Column("metrics", ("METRICS",), 12, 6, is_spare=True),
    Column("command", ("COMMAND",), 12, 7, is_spare=True),
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command("ls")(list_runs)
    app.command()(show_run)
    app.registered_commands[-1].name = "show"
    app.command()(status)
    app.command()(logs)


def list_runs(
    name: Annotated[str, typer.Option("--name", help="Only runs of this name; * and ? match.")] = "",
    state: Annotated[
        str, typer.Option("--state", help="running, finished, failed, stopped, lost, …", autocompletion=one_of(*STATES))
    ] = "",
    commit: Annotated[str, typer.Option("--commit", help="Only runs of this commit (or the beginning of its id).")] = "",
    since: Annotated[str, typer.Option("--since", help="Only runs since: 2h, 3d, 2026-11-01.")] = "",
    on: Annotated[
        str, typer.Option("--on", metavar="TARGET", help="Only runs on this target.", autocompletion=complete_target)
    ] = "",
    where: Annotated[
        list[str], typer.Option("--where", metavar="KEY=VALUE", help="By config value, metric or seed; also != < <= > >=.")
    ] = [],  # noqa: B006
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, max=1_000_000, help="How many at most.")] = 20,
    offline: Offline = False,
    json: As_json = False,
) -> int:
    """List runs, newest first.

    Examples:

        reprun ls --state failed --since 2d

        reprun ls --where lr=0.1 --where 'acc>0.9' --on gpu1
    """
    from reprun.commands.listing import list_runs as find
    from reprun.core.select import Filter, parse_commit, parse_since, parse_state, parse_where

    moment = ""
    if since:
        from reprun.system.clock import now

        moment = parse_since(since, now())
    wanted = Filter(
        name,
        parse_state(state) if state else "",
        parse_commit(commit) if commit else "",
        moment,
        tuple(parse_where(text) for text in where),
        limit,
        on,
    )
    workspace = open_workspace()
    with progress() as tell:
        tell("looking at the runs")
        workspace.tells.append(tell)
        listed = find(workspace, wanted, offline)
    say_troubles(workspace)
    status = answer([_row_data(item) for item in listed], lambda: _print_runs(listed, is_all=wanted == Filter(limit=limit)))
    after_seeing(workspace)
    return status


def show_run(run: Run, json: As_json = False) -> int:
    """Show everything that is recorded of a run.

    Example:

        reprun show @last
    """
    from reprun.commands.listing import show_run as find

    workspace = open_workspace()
    data = find(workspace, workspace.find_run(run))
    say_notes(workspace)
    say_backup(workspace)
    say_troubles(workspace)

    def human() -> None:
        from reprun.cli.showing import print_run

        print_run(data)

    status = answer(data, human)
    after_seeing(workspace)
    return status


def status(offline: Offline = False, json: As_json = False) -> int:
    """Show what runs now, what was lost, and which launches were interrupted. All hosts are asked at once.

    Example:

        reprun status
    """
    from reprun.commands.listing import unfinished_runs

    workspace = open_workspace()
    with progress() as tell:
        tell("looking at the runs")
        workspace.tells.append(tell)
        listed = unfinished_runs(workspace, offline)
    say_backup(workspace)
    say_troubles(workspace)

    def human() -> None:
        if not listed:
            print("nothing is running")
            say("reprun ls lists what has ended")
            return
        _print_runs(listed)

    exit_code = answer([_row_data(item) for item in listed], human)
    after_seeing(workspace)
    return exit_code


def logs(
    run: Run,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on until the run ends.")] = False,
    lines: Annotated[int, typer.Option("-n", "--lines", min=0, help="Only about the last so many lines (0: all).")] = 0,
    stderr: Annotated[bool, typer.Option("--stderr", help="Only the standard error of the job.")] = False,
    stdout: Annotated[bool, typer.Option("--stdout", help="Only the standard output of the job.")] = False,
) -> int:
    """Print the log of a run: what the job wrote to standard output and standard error.

    Example:

        reprun logs -f @last
    """
    from reprun.cli.streaming import print_logs

    workspace = open_workspace()
    row = workspace.find_run(run)
    wanted = [name for name, only in (("stdout", stdout), ("stderr", stderr)) if only] or ["stdout", "stderr"]
    exit_code = print_logs(workspace, row, wanted, follow, lines)
    after_seeing(workspace)
    return exit_code


def _row_data(item: Listed) -> dict[str, Any]:
    row, state = item.row, item.state
    return {
        "run_id": row.run_id, "name": row.name, "why": row.why, "created": row.created, "commit": row.commit_id,
        "branch": row.branch, "parent": row.parent, "target": row.target, "command": row.command, "seed": row.seed,
        **state.data,
        "config": values_of(row.config_json), "metrics": values_of(row.metrics_json),
    }  # fmt: skip


def _print_runs(listed: list[Listed], is_all: bool = True) -> None:
    if not listed:
        say("no runs; reprun launch -- COMMAND starts one" if is_all else "no run is like that; reprun ls lists the newest")
        return
    is_far = any(item.row.target not in ("", "local") for item in listed)  # said where it tells runs apart
    rows = []
    for item in listed:
        row, words = item.row, show(item.state.words)
        cells = {
            "run": (row.run_id,), "name": (show(row.name or "-"),), "state": (words, words.partition(" (")[0]),
            "on": (show(row.target or "local") if is_far else "",), "commit": (row.commit_id[:10] or "-",),
            "metrics": _metrics(item), "command": (show(row.command),),
        }  # fmt: skip
        rows.append(Row(row.run_id, row.target, row.run_id, cells, {}))
    print_fitted(_COLUMNS, rows)


def _metrics(item: Listed) -> Cell:
    """The first three metrics; fewer where there is less room."""
    metrics = values_of(item.row.metrics_json)
    recorded = item.state.record.get("metrics")
    if not metrics and isinstance(recorded, dict):
        metrics = {name: value.get("last") for name, value in recorded.items() if isinstance(value, dict)}
    shown = [
        show(f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}")
        for name, value in list(metrics.items())[:3]
    ]
    return tuple(" ".join(shown[:count]) for count in range(len(shown), 0, -1)) or ("-",)
