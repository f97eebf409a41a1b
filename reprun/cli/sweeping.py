"""The commands `reprun sweep …`."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from reprun.cli.complete import complete_sweep, complete_target, complete_task
from reprun.cli.options import As_json

File = Annotated[
    str,
    typer.Argument(
        metavar="FILE", help="The sweep file: YAML, what runs first, then what is varied.", autocompletion=complete_sweep
    ),
]
Title = Annotated[str, typer.Option("--title", "-t", help="Only the choices with this _title.")]
Stages = Annotated[
    list[str], typer.Option("--command", "-c", metavar="STAGE…", help="Only these stages, whatever _cmd says: -c avg test.")
]
Resources = Annotated[
    list[str], typer.Option("--resource", "-r", metavar="GPUS…", help="GPUs in place of resource in the file: -r 0 1 2,3.")
]
Sample = Annotated[int | None, typer.Option("--sample", min=1, help="So many tasks of each set of choices, the same each time.")]
Dry = Annotated[bool, typer.Option("--dry-run", help="Show what would start, what would not, and why; change nothing.")]
Debug = Annotated[
    bool, typer.Option("--debug", "-d", help="Run the first task only, here and now, with its log on this terminal.")
]
Force = Annotated[bool, typer.Option("--force", "-f", help="Run again what has finished.")]
Since = Annotated[
    str,
    typer.Option(
        "--since-commit",
        metavar="POLICY",
        help='What counts as done: "same code" (the default) or "any", whatever the code, data and packages were.',
    ),
]
On = Annotated[
    str,
    typer.Option(
        "--on", metavar="TARGET[,TARGET]", help="Where to run; several share the tasks.", autocompletion=complete_target
    ),
]
Ahead = Annotated[
    str, typer.Option("--ahead", metavar="N", help="With several targets: so many tasks wait there for each slot, or all.")
]
Kind = Annotated[str, typer.Option("--kind", help="What the runs are for, which sets their priority: see launch --kind.")]
Preflight = Annotated[str, typer.Option("--preflight", metavar="LEVEL", help="quick, full or off, as for launch.")]
Stop = Annotated[
    int | None,
    typer.Option(
        "--stop-after",
        metavar="N",
        min=0,
        help="Hold the rest once N runs failed alike; 0: never. Default: stop_after in the file.",
    ),
]
Retries = Annotated[
    int | None,
    typer.Option("--retries", metavar="N", min=0, max=10, help="Try again what fails, so often. Default: retries in the file."),
]
Gone = Annotated[
    list[str],
    typer.Option(
        "--gone", metavar="TARGET", help="This one is off for good: its unfinished tasks go to the others of the sweep.",
        autocompletion=complete_target,
    ),
]  # fmt: skip
Yes = Annotated[bool, typer.Option("--yes", help="Stop runs under way that the file does not ask for any more.")]

_HELP = """Sweeps: many runs from one file, and what came out of them.

Examples:

    reprun sweep params.yaml --dry-run

    reprun sweep params.yaml

    reprun sweep summary params.yaml

The file is described in docs/reference/sweep-files.md; files of mlrunner are sweep files.
"""
_MANY = {"-c": "-c", "--command": "-c", "-r": "-r", "--resource": "-r"}


class Implied(TyperGroup):
    """`reprun sweep FILE` is `reprun sweep run FILE`, and `-r 0 1 2,3` is `-r 0 -r 1 -r 2,3`, as in mlrunner."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Puts in what is implied."""
        is_misspelled = len(args) > 1 and get_close_matches(args[0], self.commands, 1, 0.75) and not os.path.exists(args[0])
        if args and args[0] not in self.commands and args[0] != "--help" and not is_misspelled:
            args = ["run", *args]
        return super().parse_args(ctx, args[:1] + spread(args[1:]) if args[:1] == ["run"] else args)

    def shell_complete(self, ctx: typer.Context, incomplete: str) -> list[Any]:  # type: ignore[override]
        """Sweep files beside the commands."""
        from typer._click.shell_completion import CompletionItem

        return [*super().shell_complete(ctx, incomplete), *map(CompletionItem, complete_sweep(incomplete))]


def spread(words: list[str]) -> list[str]:
    """Gives each of the values of an option that takes several the option of its own. Before FILE it takes one."""
    found: list[str] = []
    option, has_file, takes = "", False, False
    for word in words:
        if word.startswith("-") and len(word) > 1:
            option = _MANY.get(word, "")
            takes = word in _VALUES
            found.append(word)
        elif takes:
            found.append(word)
            takes = False
        elif option and has_file:
            found += [option, word]
        else:
            has_file, option = True, ""
            found.append(word)
    return found


_VALUES = {
    *_MANY,
    "-t",
    "--title",
    "--sample",
    "--since-commit",
    "--on",
    "--ahead",
    "--gone",
    "--kind",
    "--preflight",
    "--file",
    "--stop-after",
    "--retries",
}


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    group = typer.Typer(cls=Implied, help=_HELP, no_args_is_help=True)
    group.command()(run)
    group.command()(why)
    group.command()(summary)
    group.command()(log)
    group.command()(stop)
    app.add_typer(group, name="sweep")


def run(
    file: File,
    title: Title = "",
    command: Stages = [],  # noqa: B006
    resource: Resources = [],  # noqa: B006
    sample: Sample = None,
    on: On = "",
    ahead: Ahead = "",
    kind: Kind = "",
    preflight: Preflight = "",
    stop_after: Stop = None,
    retries: Retries = None,
    since_commit: Since = "same code",
    dry_run: Dry = False,
    debug: Debug = False,
    force: Force = False,
    gone: Gone = [],  # noqa: B006
    yes: Yes = False,
    json: As_json = False,
) -> int:
    """Queue the tasks of a sweep file: those that are missing or have failed. The word run may be left out.

    A task is a run like any other. What has finished with the same code, parameters, data and packages is skipped; edit the file
    and run it again for the difference. Files written for mlrunner are sweep files.

    Examples:

        reprun sweep params.yaml --dry-run

        reprun sweep params.yaml -t ablation -c train -r 0 1

        reprun sweep params.yaml --on gpu1,gpu2
    """
    if gone:
        from reprun.cli.sweep_keeping import answer_gone

        return answer_gone(_path(file), _listed(gone))
    from reprun.cli.sweep_answer import answer_sweep
    from reprun.commands.sweep_open import SweepOptions, parse_ahead

    options = SweepOptions(
        _path(file),
        title,
        _listed(command),
        _listed(resource, comma=False),
        sample,
        on,
        kind,
        preflight,
        force or debug,
        since_commit,
        parse_ahead(ahead),
        stop_after,
        retries,
    )
    return answer_sweep(options, "dry" if dry_run else "debug" if debug else "", yes, debug)


def why(
    task: Annotated[
        str,
        typer.Argument(
            metavar="TASK",
            help="A task by its name, the beginning of its digest, or one of its runs.",
            autocompletion=complete_task,
        ),
    ],
    json: As_json = False,
) -> int:
    """Say what the last `reprun sweep` did with a task, and why; and which runs of it there are.

    Example:

        reprun sweep why Norm_new-Moment_0.1
    """
    from reprun.cli.sweep_telling import answer_why

    return answer_why(task)


def summary(
    file: File,
    metric: Annotated[str, typer.Option("--metric", help="The metric that counts; default: metric in the file.")] = "",
    direction: Annotated[str, typer.Option("--direction", help="max or min; default: direction in the file.")] = "",
    title: Title = "",
    sample: Sample = None,
    json: As_json = False,
) -> int:
    """Answer what the sweep asked: for each target value the best over the nuisance parameters, with the mean over seeds.

    Examples:

        reprun sweep summary params.yaml --metric accuracy

        reprun sweep summary params.yaml --metric loss --direction min --json
    """
    from reprun.cli.sweep_telling import answer_summary
    from reprun.commands.sweep_open import SweepOptions

    return answer_summary(SweepOptions(_path(file), title, sample=sample), metric, direction)


def log(file: File, json: As_json = False) -> int:
    """Show what was done for a sweep that several hosts share: what went where, who does not answer, what was left.

    Example:

        reprun sweep log params.yaml
    """
    from reprun.cli.sweep_keeping import answer_log

    return answer_log(_path(file))


def stop(
    file: File, yes: Annotated[bool, typer.Option("--yes", help="Stop its runs too.")] = False, json: As_json = False
) -> int:
    """Start nothing more of a sweep, and offer to stop what is under way and to take out of the queue what waits there.

    Example:

        reprun sweep stop params.yaml
    """
    from reprun.cli.sweep_keeping import answer_stop

    return answer_stop(_path(file), yes)


def _path(file: str) -> str:
    """The file as it can be typed again: with a dash in front it would be an option."""
    return f"./{file}" if file.startswith("-") else file


def _listed(values: list[str], comma: bool = True) -> tuple[str, ...]:
    """The values, also as one text with spaces, or with commas where these mean nothing else."""
    return tuple(word for value in values for word in (value.replace(",", " ") if comma else value).split())
