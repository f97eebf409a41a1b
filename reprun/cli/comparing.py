"""The commands that compare: `reproduce` and `diff`."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprun.cli.envelope import answer, is_json, say
from reprun.cli.notes import say_notes, say_troubles
from reprun.cli.options import As_json, Run
from reprun.cli.seen import after_seeing
from reprun.core.compare import difference_as_json
from reprun.core.frozen import replace
from reprun.core.text import show
from reprun.core.verdict import verdict_as_json
from reprun.workspace import Workspace, open_workspace

if TYPE_CHECKING:
    from reprun.commands.reproduce import Plan


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(reproduce)
    app.command()(diff)


def reproduce(
    run: Run,
    plan: Annotated[bool, typer.Option("--plan", help="Only show what would differ; start nothing.")] = False,
    tolerance: Annotated[
        list[str], typer.Option("--tolerance", metavar="T", help="1e-3, loss=1e-3, loss=rel:1e-3,abs:1e-6.")
    ] = [],  # noqa: B006
    on: Annotated[
        str, typer.Option("--on", metavar="TARGET", help="Where to run. Default: where a run of yours ran, else here.")
    ] = "",
    pack: Annotated[str, typer.Option("--pack", metavar="FILE", help="Take the packages from what reprun env pack wrote.")] = "",
    queue: Annotated[bool, typer.Option("--queue", help="Wait for a free slot in the queue of the target.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, also when the run comes from somebody else.")] = False,
    json: As_json = False,
) -> int:
    """Do a recorded run again from its manifest alone, and say whether the same came out.

    A run that you did not launch in this repository is shown first, and started when you say yes.
    Exit status 0 for IDENTICAL and EQUIVALENT, 7 for DRIFTED and NOT COMPARABLE.

    Examples:

        reprun reproduce @last --plan

        reprun reproduce @last --tolerance acc=1e-3

        reprun reproduce baseline --yes

        reprun reproduce baseline --pack /archive/baseline-env.tar
    """
    from reprun.cli.progress import progress
    from reprun.commands.mending import mended
    from reprun.commands.reproduce import ask_first, plan_reproduction, require_metrics, target_of
    from reprun.core.tolerance import parse_tolerance

    workspace = open_workspace()
    parse_tolerance(tolerance, workspace.settings.tolerances())  # wrong words are found before any time is spent
    row = workspace.find_run(run)
    if pack:
        from reprun.commands.env_unpack import unpack_for

        with progress() as tell:
            unpack_for(workspace, row, pack, tell)
    stranger = ask_first(workspace, row)
    if stranger is not None and not plan and not yes:
        from reprun.cli.confirming import confirm

        confirm(workspace, stranger)
    if not plan:
        mended(workspace, row.run_id)
    planned = plan_reproduction(workspace, row, target_of(workspace, row, on), trusted=stranger is None or not plan)
    require_metrics(planned, tolerance)
    if queue:
        from reprun.commands.queue_asked import queued_again

        planned = replace(planned, spec=queued_again(workspace, planned.spec))
    say_notes(workspace)
    say_troubles(workspace)
    doubt = (
        ""
        if planned.outcome.state == "finished"
        else f"the original is {planned.outcome.words}: the verdict will be NOT COMPARABLE"
    )
    if plan:
        if stranger is not None:
            say("the run comes from somebody else: its interpreter and its data were not looked at")
        return _answer_plan(planned, doubt)
    if doubt and not is_json():
        say(doubt)
    return _do_again(workspace, planned, tolerance)


def _do_again(workspace: Workspace, planned: Plan, tolerance: list[str]) -> int:
    """Starts the new run, waits for its end, and answers with the verdict."""
    from reprun.cli.progress import progress
    from reprun.commands.reproduce import finish_reproduction, start_reproduction
    from reprun.commands.waiting import wait
    from reprun.store.rows import Row

    if workspace.repository.has_hooks():
        from reprun.cli.hook_asking import settle_hooks

        settle_hooks(workspace)
    with progress() as tell:
        launched = start_reproduction(workspace, planned, tell)
    say_notes(workspace)
    if not is_json():
        does = "is queued to run" if launched.job.state == "queued" else "runs"
        say(f"{launched.run_id} {does} {show(shlex.join(planned.manifest.argv))} at {launched.snapshot.commit[:12]} again")
    with progress() as tell:
        tell("waiting for the end of the run")
        end = wait(workspace, Row(launched.run_id, target=launched.target, run_dir=launched.job.run_dir))
    workspace.record()
    result = finish_reproduction(workspace, planned, launched, end, tolerance)
    data = {
        "run_id": result.run_id, "parent": planned.manifest.run_id, "state": end.state, "state_words": end.words,
        "verdict": verdict_as_json(result.verdict), "differences": [difference_as_json(item) for item in result.differences],
    }  # fmt: skip

    def human() -> None:
        from rich.console import Console

        from reprun.cli.tables_verdict import render_verdict

        render_verdict(Console(), result.verdict, result.differences, planned.manifest.run_id, result.run_id)

    status = answer(data, human, result.verdict.exit_code)
    after_seeing(workspace)
    return status


def _answer_plan(planned: Any, doubt: str) -> int:
    data = {
        "run_id": planned.manifest.run_id,
        "commit": planned.manifest.commit,
        "warning": doubt,
        "differences": [difference_as_json(item) for item in planned.differences],
    }

    def human() -> None:
        from rich.console import Console

        from reprun.cli.tables_verdict import ALIKE, render_differences

        console = Console()
        render_differences(console, planned.differences, planned.manifest.run_id, "now", ALIKE)
        say(doubt or f"reprun reproduce {planned.manifest.run_id}")

    return answer(data, human)


def diff(old: Run, new: Run, json: As_json = False) -> int:
    """Show what differs between two runs: code, config, seeds, environment, host, data, metrics, outputs.

    Example:

        reprun diff @last~1 @last
    """
    from reprun.commands.diff import diff_runs

    workspace = open_workspace()
    result = diff_runs(workspace, workspace.find_run(old), workspace.find_run(new))
    say_notes(workspace)
    say_troubles(workspace)
    files = None if result.files is None else [vars(item) for item in result.files]
    data = {
        "old": result.old,
        "new": result.new,
        "differences": [difference_as_json(item) for item in result.differences],
        "files": files,
    }

    def human() -> None:
        from rich.console import Console

        from reprun.cli.tables_verdict import render_differences

        render_differences(Console(), result.differences, result.old, result.new)
        for item in result.files or []:
            print(f"  {item.kind}  {show(item.path)}")
        if result.files is None:
            say("the files cannot be compared: one of the commits is not in this repository")

    return answer(data, human)
