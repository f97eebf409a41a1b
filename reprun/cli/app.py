"""The application: only the module of the command that is called is imported."""

from __future__ import annotations

import errno
import importlib
import sys
from collections.abc import Sequence

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError  # typer's own copy; it exports no public name for them
from typer.core import TyperGroup

from reprun.cli import envelope
from reprun.core.errors import ReprunError

# Each command by the module that holds it, in the order of `reprun --help`.
COMMANDS = {
    "init": "care", "launch": "launching", "resume": "launching", "reproduce": "comparing", "ls": "looking", "show": "looking",
    "status": "looking", "logs": "looking", "attach": "running", "stop": "running", "wait": "running", "diff": "comparing",
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
    """Lists the commands in the order of the table."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """The names, in the order in which one meets them."""
        return [name for name in COMMANDS if name in self.commands]


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
    """Runs the application; every way of failing becomes a sentence, a hint and a documented exit status."""
    command = next((word for word in words if not word.startswith("-")), None)
    envelope.begin(command or "", "--json" in (words[: words.index("--")] if "--" in words else words))
    try:
        status = build(command)(list(words), standalone_mode=False, prog_name="reprun")
        return status if isinstance(status, int) else 0
    except ReprunError as error:
        return envelope.failed(
            error.exit_code, error.message, error.hint or (_wrong_words(command) if error.exit_code == 2 else "reprun doctor")
        )
    except typer.Exit as leaving:
        return leaving.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return envelope.failed(130, "interrupted", "what was started goes on: reprun status")
    except BrokenPipeError:
        return 0
    except SystemExit as leaving:  # what click makes of a reader that went away
        return 0 if leaving.code == 1 else int(leaving.code or 0)
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO, errno.EDQUOT):
            return envelope.unwritable(error)
        return _unexpected(error, command)
    except Exception as error:
        return _unexpected(error, command)


def _unexpected(error: Exception, command: str | None) -> int:
    if isinstance(error, NoArgsIsHelpError):
        return 2  # the help was printed
    if isinstance(error, ClickException):
        return envelope.failed(2, error.format_message(), _wrong_words(command))
    path = envelope.write_report(error, sys.argv)
    return envelope.failed(70, f"a fault of reprun itself: {type(error).__name__}: {error}", f"please report it with {path}")


def _wrong_words(command: str | None) -> str:
    import difflib

    if command in COMMANDS:
        return f"reprun {command} --help"
    close = difflib.get_close_matches(command or "", COMMANDS, n=1)
    return f"did you mean reprun {close[0]}?" if close else "reprun --help"
