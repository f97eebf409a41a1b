"""The commands that repeat an experiment to learn how far it can be relied on: `probe` and `noise`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reprun.cli.envelope import answer, say
from reprun.cli.launching import Config, Gpus, Name, On, Seed, Sets
from reprun.cli.mistakes import BehindDashes
from reprun.cli.notes import say_notes
from reprun.cli.options import As_json, Run
from reprun.cli.progress import progress
from reprun.core.errors import NotFoundError, UsageError, VerdictError
from reprun.core.text import show
from reprun.workspace import open_workspace

Command = Annotated[list[str], typer.Argument(metavar="[-- COMMAND…]", help="As for launch.")]
Of = Annotated[str, typer.Option("--of", metavar="RUN", help="Probe a recorded run: its commit, config, seeds and command.")]
Steps = Annotated[int, typer.Option("-n", "--steps", min=1, max=1_000_000, help="How many steps of metrics are compared.")]
Seconds = Annotated[int, typer.Option("--seconds", min=1, help="How long each of the two runs may take.")]


Yes = Annotated[bool, typer.Option("--yes", help="Do not ask, also when the run comes from somebody else.")]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command(cls=BehindDashes)(probe)
    app.command()(noise)


def probe(
    command: Command = [],  # noqa: B006  # Typer's way of an argument that may be missing
    of: Of = "",
    steps: Steps = 20,
    seconds: Seconds = 600,
    name: Name = "",
    config: Config = "",
    sets: Sets = [],  # noqa: B006
    seed: Seed = None,
    on: On = "local",
    gpus: Gpus = "",
    yes: Yes = False,
    json: As_json = False,
) -> int:
    """Run the first steps twice with the same seeds, and say whether they are equal to the last bit.

    Two ordinary runs, one after the other, whose randomness is watched. Metrics and outputs are compared; the answer names the
    first place where they part and the usual culprits. Exit status 0 for DETERMINISTIC, 7 otherwise.

    Examples:

        reprun probe -n 50 --config conf/base.yaml -- python train.py --config {config}

        reprun probe --of @last
    """
    from reprun.commands.build_spec import LaunchOptions, build_spec
    from reprun.commands.probe import again_from, limited
    from reprun.commands.probe import probe as run_twice
    from reprun.commands.reproduce import ask_first, target_of

    workspace = open_workspace()
    if of and command:
        raise UsageError("--of names a run, and there is a command too", hint="reprun probe --of @last")
    if of:
        row = workspace.find_run(of)
        stranger = ask_first(workspace, row)
        if stranger is not None and not yes:
            from reprun.cli.confirming import confirm

            confirm(workspace, stranger, f"reprun probe --of {row.run_id} --yes")
        spec = again_from(workspace, workspace.manifest(row.run_id), target_of(workspace, row, "" if on == "local" else on))
    else:
        if not command:
            raise UsageError("there is no command to run", hint="reprun probe -- python train.py")
        spec = build_spec(workspace, LaunchOptions(tuple(command), name, "", config, tuple(sets), seed, on, gpus))
    with progress() as tell:
        found = run_twice(workspace, limited(spec, steps, seconds), tell)
    say_notes(workspace)
    data = found.data

    def human() -> None:
        from rich.console import Console
        from rich.text import Text

        from reprun.cli.tables_verdict import render_bullet
        from reprun.core.probed import sentences

        colour = {True: "green", False: "red", None: "yellow"}[found.deterministic]
        line = Text.assemble((f" {found.word} ", f"bold reverse {colour}"), "  ", *" and ".join(found.runs))
        console = Console()
        console.print(line, highlight=False)
        for text in (*sentences(data), *found.culprits):
            render_bullet(console, text)
        if found.deterministic is False:
            say(f"reprun diff {' '.join(found.runs)}")

    return answer(data, human, 0 if found.deterministic else VerdictError.exit_code)


def noise(
    run: Run,
    count: Annotated[int, typer.Option("-n", "--repeats", min=2, max=1000, help="How many times the run is repeated.")] = 5,
    vary_seed: Annotated[bool, typer.Option("--vary-seed", help="Another seed each time: the spread over seeds.")] = False,
    show_known: Annotated[bool, typer.Option("--show", help="Only show what was measured before.")] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget what was measured: verdicts are exact again.")] = False,
    on: Annotated[str, typer.Option("--on", metavar="TARGET", help="Where to run. Default: where the run ran.")] = "",
    yes: Yes = False,
    json: As_json = False,
) -> int:
    """Repeat a run with the same seeds and measure how far its metrics move; verdicts allow that from then on.

    The tolerance is kept in this repository, for all runs with the same code, command and config.

    Examples:

        reprun noise baseline -n 5

        reprun noise baseline --show
    """
    from reprun.commands.noise import forget_noise, measure_noise
    from reprun.commands.repeats import known_of
    from reprun.commands.reproduce import ask_first, target_of

    workspace = open_workspace()
    row = workspace.find_run(run)
    if forget:
        was = forget_noise(workspace, row)
        text = "its measured noise is forgotten" if was else "no noise was measured"
        return answer({"run_id": row.run_id, "forgotten": was}, lambda: print(f"{row.run_id}: {text}"))
    if show_known:
        record = known_of(workspace, workspace.manifest(row.run_id).data).get("noise")
        if record is None:
            raise NotFoundError(f"the noise of {row.run_id} was not measured", hint=f"reprun noise {row.run_id}")
        return answer(record, lambda: _print_noise(record))
    stranger = ask_first(workspace, row)
    if stranger is not None and not yes:
        from reprun.cli.confirming import confirm

        confirm(workspace, stranger, f"reprun noise {row.run_id} --yes")
    with progress() as tell:
        measured = measure_noise(workspace, row, target_of(workspace, row, on), count, vary_seed, tell)
    say_notes(workspace)
    return answer(measured, lambda: _print_noise(measured))


def _print_noise(record: dict[str, Any]) -> None:
    from reprun.cli.table import print_table
    from reprun.core.canonical import plain
    from reprun.core.measured import items, mapping
    from reprun.core.noise import as_settings

    rows = []
    for name, entry in mapping(record.get("metrics")).items():
        numbers = [_short(mapping(entry).get(key)) for key in ("mean", "deviation", "least", "most", "tolerance")]
        problem = plain(mapping(entry).get("problem"))
        cells = ["-"] * 5 if problem else numbers
        rows.append((name, plain(mapping(entry).get("n")), *cells, problem))
    head = ("METRIC", "N", "MEAN", "DEVIATION", "MIN", "MAX", "TOLERANCE", "")
    print_table(head, rows, flexible=0)
    for path in items(record.get("outputs"))[:5]:
        print(f"output {show(plain(path))} is another one each time: verdicts do not look at it")
    for name in items(record.get("outside"))[:5]:
        say(f"note: {show(plain(name))} of the original lies outside of what the repeats gave; reprun diff tells what differs")
    if record.get("vary_seed"):
        say("over seeds: verdicts do not use this")
    elif any(mapping(entry).get("tolerance") for entry in mapping(record.get("metrics")).values()):
        say(f"verdicts of reprun reproduce allow this from now on, here. For everybody, in reprun.toml:\n{as_settings(record)}")
    else:
        say("every repeat gave the same numbers: verdicts stay exact")


def _short(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, (int, float)) else "-"
