"""Mistakes on the command line, in our words: the sentence that Typer has for them, and what to type."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence

import typer
from typer._click.exceptions import BadOptionUsage, BadParameter, ClickException, MissingParameter, NoSuchOption
from typer.core import TyperCommand

from reprun.core.errors import UsageError
from reprun.core.text import show

_NUMBER = re.compile(r"'(?P<text>.*)' is not a valid (?P<kind>int|float|integer)( range)?\.", re.DOTALL)
_RANGE = re.compile(r"(?P<text>.*) is not in the range (?P<range>.*)\.", re.DOTALL)
_COMMAND = re.compile(r"No such command '(?P<name>.*?)'\..*", re.DOTALL)
_EXTRA = re.compile(r"Got unexpected extra arguments?\(?s?\)? \((?P<words>.*)\)", re.DOTALL)


class BehindDashes(TyperCommand):
    """A command that takes the command of a job. An option behind its first word could be meant for either: `python -m pkg`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Raises `UsageError` for such an option without `--`."""
        at = self._first_word(args)
        dashes = args.index("--") if "--" in args else len(args)
        option = next((word for word in args[at + 1 : dashes] if word.startswith("-") and len(word) > 1), "")
        if option and not ctx.resilient_parsing:
            right = [*args[:at], "--", *args[at:dashes], *args[dashes + 1 :]]
            raise UsageError(
                f"nobody can tell whether {show(option)} is for reprun or for {show(args[at])}",
                hint=f"put -- before the command: {ctx.command_path} {shlex.join(right)}",
            )
        return super().parse_args(ctx, args)

    def _first_word(self, args: Sequence[str]) -> int:
        """Where the first word is that is no option and no value of one."""
        takes = {name for param in self.params if not getattr(param, "is_flag", True) for name in param.opts}
        at = 0
        while at < len(args) and args[at].startswith("-") and len(args[at]) > 1:
            if args[at] == "--":
                return len(args)
            # In `-fm why` it is the last letter that takes the value; in `-mwhy` the value is there already.
            letters = [args[at]] if args[at].startswith("--") else [f"-{letter}" for letter in args[at][1:]]
            taking = next((number for number, name in enumerate(letters) if name in takes), None)
            at += 2 if taking is not None and taking == len(letters) - 1 else 1
        return at


def explained(error: ClickException, hint: str) -> UsageError:
    """The same mistake as one sentence of ours; `hint` where it does not say of which command it is."""
    text, ctx = error.format_message(), getattr(error, "ctx", None)
    path = ctx.command_path if ctx is not None else "reprun"
    if found := _COMMAND.fullmatch(text):
        alike = difflib.get_close_matches(found["name"], getattr(ctx and ctx.command, "commands", ()), n=1)
        hint = f"did you mean {path} {alike[0]}?" if alike else hint
        return UsageError(f"there is no command {path} {show(found['name'])}", hint=hint)
    hint = f"{path} --help" if ctx is not None else hint
    if isinstance(error, NoSuchOption):
        close = f"did you mean {', '.join(sorted(error.possibilities))}? " if error.possibilities else ""
        return UsageError(f"{path} has no option {show(error.option_name)}", hint=close + hint)
    if isinstance(error, BadOptionUsage):
        return UsageError(f"{show(error.option_name)} needs a value", hint=hint)
    if isinstance(error, MissingParameter) and error.param is not None:
        return _missing(path, error.param.human_readable_name, hint)
    if isinstance(error, BadParameter) and error.param is not None:
        option = max(error.param.opts, key=len)
        if found := _NUMBER.fullmatch(error.message):
            kind = "a number" if found["kind"] == "float" else "a whole number"
            return UsageError(f"{option} must be {kind}, not {show(found['text'])!r}", hint=hint)
        if found := _RANGE.fullmatch(error.message):
            return UsageError(f"{option} must be {_limits(found['range'])}, not {show(found['text'])}", hint=hint)
    if found := _EXTRA.fullmatch(text):
        return UsageError(f"{path} can make nothing of the further word {show(found['words'])}", hint=hint)
    return UsageError(text, hint=hint)


def _missing(path: str, name: str, hint: str) -> UsageError:
    if "COMMAND" in name:
        return UsageError("there is no command to run", hint=f"{path} -- python train.py")
    if name.startswith("RUN"):
        run = "@last~1 @last" if path.endswith(" diff") else "@last"
        return UsageError(f"{path} must know which run", hint=f"{path} {run}")
    return UsageError(f"{path} needs {name.upper()}", hint=hint)


def _limits(text: str) -> str:
    """`x>=0` and `1<=x<=10`, in words."""
    if found := re.fullmatch(r"(.*)<=x<=(.*)", text):
        return f"from {found[1]} to {found[2]}"
    if found := re.fullmatch(r"x(>=|<=)(.*)", text):
        return f"{found[2]} or {'more' if found[1] == '>=' else 'less'}"
    return f"in the range {text}"
