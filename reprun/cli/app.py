"""The application: only the module of the command that is called is imported."""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError  # typer's own copy; it exports no public name for them
from typer.core import TyperGroup

# Each command by the module that holds it, in the order of `reprun --help`.
COMMANDS = {
    "init": "care", "launch": "launching", "preflight": "preflighting",
    "resume": "launching", "reproduce": "comparing", "ls": "looking", "show": "looking",
    "status": "looking", "logs": "looking", "attach": "running", "stop": "running", "wait": "running",
    "queue": "queueing", "top": "idling", "idle": "idling",
    "pull": "fetching", "import": "fetching", "diff": "comparing",
    "sweep": "sweeping", "probe": "repeating", "noise": "repeating", "sanity": "sanity", "env": "environments", "hooks": "hooks",
    "snapshot": "care", "doctor": "care", "gc": "care", "demo": "demo",
}  # fmt: skip

HELP = """Launch experiments from a dirty tree, know months later what ran, do it again.

Examples:

    reprun launch --config conf/base.yaml --set lr=0.1 --seed 7 -- python train.py --config {config} --out {output}

    reprun status

    reprun reproduce @last

RUN is a run id, the beginning of one, a name, or @last, @last~2. Every command that answers something takes --json.
"""


class InOrder(TyperGroup):
    """Lists the commands in the order of the table, and lets Ctrl-C be seen: Typer's `main` makes a bare exit of it."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names, in the order in which one meets them."""
        return [name for name in COMMANDS if name in self.commands]

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Runs the command. Raises `typer.Abort` at Ctrl-C."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Abort from None


def build(wanted: str | None) -> typer.Typer:
    """The application with the command `wanted`, or with all of them."""
    app = typer.Typer(cls=InOrder, help=HELP, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)

    @app.callback()
    def reprun(version: bool = typer.Option(False, "--version", help="Print the version and exit.")) -> None:
        if version:
            from reprun import __version__

            print(f"reprun {__version__}")
            raise typer.Exit

    modules = dict.fromkeys([COMMANDS[wanted]] if wanted in COMMANDS else COMMANDS.values())
    for name in modules:
        importlib.import_module(f"reprun.cli.{name}").register(app)
    return app


def run(words: Sequence[str]) -> int:
    """Builds what the words need and runs it. Raises what the commands raise."""
    command = next((word for word in words if not word.startswith("-")), None)
    try:
        status = build(command)(list(words), standalone_mode=False, prog_name="reprun")
    except NoArgsIsHelpError:
        return 2  # the help was printed
    except ClickException as error:
        from reprun.cli.mistakes import explained

        raise explained(error, _hint(command)) from error
    except typer.Exit as leaving:
        return leaving.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    return status if isinstance(status, int) else 0


def _hint(command: str | None) -> str:
    import difflib

    if command in COMMANDS:
        return f"reprun {command} --help"
    close = difflib.get_close_matches(command or "", COMMANDS, n=1)
    return f"did you mean reprun {close[0]}?" if close else "reprun --help"
