"""`reprun launch` and `reprun resume`."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from reprun.cli.complete import complete_target
from reprun.cli.envelope import answer, is_json, say
from reprun.cli.options import As_json, Run
from reprun.commands.launch import Launched
from reprun.core.outcome import RunState, exit_status
from reprun.core.text import show
from reprun.workspace import Workspace, open_workspace

Command = Annotated[
    list[str],
    typer.Argument(help="The command, after --. Placeholders: {config} {output} {seed} {run_id} {worktree}, {any.config.key}."),
]
Name = Annotated[str, typer.Option("--name", help="A name to find the run by; need not be unique.")]
Why = Annotated[str, typer.Option("-m", "--why", help="Why this run: one line for the journal.")]
Config = Annotated[
    str, typer.Option("--config", metavar="FILE", help="YAML, JSON or TOML; the job gets the resolved one as {config}.")
]
Sets = Annotated[list[str], typer.Option("--set", metavar="A.B=C", help="Override a config value; +key=value adds a new key.")]
Seed = Annotated[
    int | None, typer.Option("--seed", help="The root seed, 0 to 4294967295. Without it: the config's, or a drawn one, recorded.")
]
On = Annotated[str, typer.Option("--on", metavar="TARGET", help="Where to run.", autocompletion=complete_target)]
Gpus = Annotated[str, typer.Option("--gpus", metavar="LIST", help="GPUs for the job: 0,1 or UUIDs, or none.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would be committed and run; change nothing.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Follow the log to the end; exit with the run's status.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command(context_settings={"ignore_unknown_options": False})(launch)
    app.command()(resume)


def launch(
    command: Command,
    name: Name = "",
    why: Why = "",
    config: Config = "",
    sets: Sets = [],  # noqa: B006  # Typer's way of a repeatable option
    seed: Seed = None,
    on: On = "local",
    gpus: Gpus = "",
    dry_run: Dry = False,
    follow: Follow = False,
    json: As_json = False,
) -> int:
    """Commit the tree as it is, check it out read-only, and start the command in a tmux session.

    Your files, index, branch and stash are not touched.

    Examples:

        reprun launch -- python train.py --out {output}

        reprun launch --config conf/base.yaml --set lr=1e-3 --seed 7 --follow -- python train.py --config {config}
    """
    from reprun.commands.build_spec import LaunchOptions, build_spec
    from reprun.commands.launch import launch as start

    workspace = open_workspace()
    spec = build_spec(workspace, LaunchOptions(tuple(command), name, why, config, tuple(sets), seed, on, gpus))
    if dry_run:
        return _show_plan(workspace, spec)
    launched = start(workspace, spec)
    if not follow:
        return answer(launched_data(launched), lambda: print_launched(launched))
    if not is_json():
        print_launched(launched)
    return follow_to_the_end(workspace, launched)


def resume(run: Run, json: As_json = False) -> int:
    """Carry on with a launch that was interrupted. A run that was started is never started again.

    Example:

        reprun resume @last
    """
    from reprun.commands.resume import resume as carry_on

    workspace = open_workspace()
    row = workspace.find_run(run)
    result = carry_on(workspace, row)
    if isinstance(result, RunState):
        data = {"run_id": row.run_id, "state": result.state, "state_words": result.words, "resumed": False}
        return answer(data, lambda: print(f"{row.run_id} is {result.words}: nothing to resume"))
    return answer({**launched_data(result), "resumed": True}, lambda: print_launched(result))


def launched_data(launched: Launched) -> dict[str, Any]:
    """`data` of the JSON answer of a launch; docs/reference/json.md."""
    return {
        "run_id": launched.run_id,
        "name": launched.name,
        "commit": launched.snapshot.commit,
        "tree": launched.snapshot.tree,
        "ref": launched.snapshot.ref,
        "worktree": launched.worktree.path,
        "store": launched.worktree.store,
        "run_dir": launched.job.run_dir,
        "session": launched.job.session,
        "target": launched.target,
        "attach": list(launched.job.attach),
        "state": launched.job.state,
    }


def print_launched(launched: Launched) -> None:
    """The few lines after a launch: what it is called, what was committed, where its output goes, what to type next."""
    snapshot = launched.snapshot
    counts = ", ".join(
        f"{count} {word}"
        for count, word in ((snapshot.changed, "changed"), (snapshot.added, "new"), (snapshot.deleted, "deleted"))
        if count
    )
    print(f"{launched.run_id}{'  ' + show(launched.name) if launched.name else ''}")
    print(f"  commit    {snapshot.commit[:12]}  {f'snapshot with {counts}' if counts else 'as committed'}")
    print(f"  output    {launched.job.run_dir}/output")
    print(f"  state     {launched.job.state}")
    say(f"reprun logs -f {launched.run_id}   reprun attach {launched.run_id}")


def follow_to_the_end(workspace: Workspace, launched: Launched) -> int:
    """Shows the log as it is written and returns the run's exit status. Ctrl-C ends the following, not the run."""
    from reprun.commands.waiting import follow, wait
    from reprun.store.rows import Row

    row = Row(launched.run_id, target="local")
    try:
        for stream, piece in follow(workspace, row):
            target = sys.stderr.buffer if stream == "stderr" or is_json() else sys.stdout.buffer
            target.write(piece)
            target.flush()
        state = wait(workspace, row)
    except KeyboardInterrupt:
        say(f"\nthe run goes on: reprun logs -f {launched.run_id}, or reprun stop {launched.run_id}")
        raise
    workspace.record()
    data = {**launched_data(launched), "state": state.state, "state_words": state.words, "outcome": state.record}
    return answer(data, lambda: print(f"{launched.run_id}  {state.words}"), exit_status(state))


def _show_plan(workspace: Workspace, spec: Any) -> int:
    from reprun.cli.explaining import explanation_data, print_explanation
    from reprun.commands.records import spec_data
    from reprun.repo.explain import explain_snapshot

    explanation = explain_snapshot(workspace.repository)

    def human() -> None:
        print("would run  " + " ".join(show(word) for word in spec.argv))
        print(f"seeds      {spec.seeds.root} ({spec.seeds.origin})")
        print_explanation(explanation)

    return answer({"spec": spec_data(spec), "snapshot": explanation_data(explanation)}, human)
