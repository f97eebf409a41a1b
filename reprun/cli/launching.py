"""`reprun launch` and `reprun resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprun.cli.complete import complete_config, complete_run, complete_target, one_of
from reprun.cli.envelope import answer
from reprun.cli.mistakes import BehindDashes
from reprun.cli.notes import say_notes
from reprun.cli.options import As_json, Run
from reprun.core.outcome import RunState
from reprun.core.queued import KINDS
from reprun.workspace import open_workspace

Command = Annotated[
    list[str],
    typer.Argument(metavar="-- COMMAND…", help="Placeholders: {config} {output} {seed} {run_id} {worktree}, {any.config.key}."),
]
Name = Annotated[str, typer.Option("--name", help="A name to find the run by; need not be unique.")]
Why = Annotated[str, typer.Option("-m", "--why", help="Why this run: one line for the journal.")]
Config = Annotated[
    str,
    typer.Option(
        "--config",
        metavar="FILE",
        help="YAML, JSON or TOML; the job gets the resolved one as {config}.",
        autocompletion=complete_config,
    ),
]
Sets = Annotated[list[str], typer.Option("--set", metavar="A.B=C", help="Override a config value; +key=value adds a new key.")]
Seed = Annotated[
    int | None, typer.Option("--seed", help="The root seed, 0 to 4294967295. Without it: the config's, or a drawn one, recorded.")
]
On = Annotated[str, typer.Option("--on", metavar="TARGET", help="Where to run.", autocompletion=complete_target)]
Gpus = Annotated[
    str, typer.Option("--gpus", metavar="LIST", help="GPUs for the job: 0,1 or UUIDs, or none. With --queue: how many.")
]
Preflight = Annotated[
    str,
    typer.Option(
        "--preflight",
        metavar="LEVEL",
        help="What is looked at before the start: quick, full or off. Default: as in reprun.toml.",
        autocompletion=one_of("quick", "full", "off"),
    ),
]
Time = Annotated[
    str,
    typer.Option(
        "--time", metavar="TIME", help="How long the job takes at most: 90m, 36h, 2-12:00:00. Default: as earlier runs."
    ),
]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would be committed and run; change nothing.")]
During = Annotated[
    bool, typer.Option("--during-operation", help="In an unfinished merge, rebase or the like: run the files as they are.")
]
Watch = Annotated[bool, typer.Option("--watch-randomness", help="Report random numbers that are drawn without a seed.")]
Queue = Annotated[bool, typer.Option("--queue", help="Wait for a free slot in the queue of the target. See reprun queue.")]
Priority = Annotated[str, typer.Option("--priority", metavar="P", help="With --queue: a number; higher comes first.")]
Kind = Annotated[
    str,
    typer.Option(
        "--kind",
        help="With --queue: explore, baseline, method, tune or ablation, which come in this order.",
        autocompletion=one_of(*KINDS),
    ),
]
After = Annotated[
    list[str], typer.Option("--after", metavar="RUN", help="With --queue: when this run is over.", autocompletion=complete_run)
]
After_ok = Annotated[
    list[str],
    typer.Option(
        "--after-ok",
        metavar="RUN",
        help="With --queue: when this run has finished; never if it failed.",
        autocompletion=complete_run,
    ),
]
If = Annotated[
    str, typer.Option("--if", metavar="'RUN.METRIC > X'", help="With --queue: when that run is over, and only if that came out.")
]
Not_before = Annotated[
    str, typer.Option("--not-before", metavar="TIME", help="With --queue: not before 22:00, +2h or 2026-12-01T08:00.")
]
Retries = Annotated[str, typer.Option("--retries", metavar="N", help="With --queue: how often to try again when it fails.")]
Memory = Annotated[str, typer.Option("--memory", metavar="SIZE", help="With --queue: how much memory must be left for it: 8G.")]
Cpus = Annotated[str, typer.Option("--cpus", metavar="N", help="With --queue: how many CPUs must be left for it.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Follow the log to the end; exit with the run's status.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command(cls=BehindDashes)(launch)
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
    preflight: Preflight = "",
    during_operation: During = False,
    watch_randomness: Watch = False,
    time: Time = "",
    queue: Queue = False,
    priority: Priority = "",
    kind: Kind = "",
    after: After = [],  # noqa: B006
    after_ok: After_ok = [],  # noqa: B006
    condition: If = "",
    not_before: Not_before = "",
    retries: Retries = "",
    memory: Memory = "",
    cpus: Cpus = "",
    dry_run: Dry = False,
    follow: Follow = False,
    json: As_json = False,
) -> int:
    """Commit the tree as it is, check it out read-only, and start the command in a tmux session.

    Your files, index, branch and stash are not touched.

    Examples:

        reprun launch -- python train.py --out {output}

        reprun launch --config conf/base.yaml --set lr=1e-3 --seed 7 --follow -- python train.py --config {config}

        reprun launch --queue --kind baseline --after-ok @last -- python test.py
    """
    from reprun.cli.launch_answer import LaunchRequest, answer_launch
    from reprun.commands.build_spec import LaunchOptions

    options = LaunchOptions(
        tuple(command), name, why, config, tuple(sets), seed, on, gpus, during_operation, preflight, watch_randomness, time,
        queue, priority, kind, tuple(after), tuple(after_ok), condition, not_before, retries, memory, cpus,
    )  # fmt: skip
    return answer_launch(LaunchRequest(options, dry_run, follow))


def resume(run: Run, json: As_json = False) -> int:
    """Carry on with a launch that was interrupted. A run that was started is never started again.

    Example:

        reprun resume @last
    """
    from reprun.cli.launch_answer import launched_data, print_launched
    from reprun.cli.progress import progress
    from reprun.commands.resume import resume as carry_on

    workspace = open_workspace()
    row = workspace.find_run(run)
    with progress() as tell:
        result = carry_on(workspace, row, tell)
    say_notes(workspace)
    if isinstance(result, RunState):
        data = {"run_id": row.run_id, "state": result.state, "state_words": result.words, "resumed": False}
        return answer(data, lambda: print(f"{row.run_id} is {result.words}: nothing to resume"))
    return answer({**launched_data(result), "resumed": True}, lambda: print_launched(result))
