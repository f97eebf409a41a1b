"""Placeholders in a command: `{output}`, `{seed}`, `{optimizer.lr}`. Filled word by word; no shell ever sees the result."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from reprun.core.dotted import find
from reprun.core.errors import UsageError
from reprun.core.text import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESERVED = ("config", "output", "seed", "run_id", "worktree")
_KNOWN = " ".join(f"{{{name}}}" for name in RESERVED)
# `{{x}}` is a literal `{x}`; `${x}` belongs to a shell; braces that hold anything but a dotted name (JSON, sets) are text.
_NAME = r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*"
_TOKEN = rf"\{{\{{(?P<literal>{_NAME})\}}\}}|(?<!\$)\{{(?P<name>{_NAME})\}}"


def names_in(argv: Sequence[str]) -> set[str]:
    """The placeholder names that occur in the command."""
    return {match["name"] for word in argv if "{" in word for match in re.finditer(_TOKEN, word) if match["name"] is not None}


def check(argv: Sequence[str], config: Mapping[str, Any] | None) -> None:
    """Raises `UsageError` for a placeholder that nothing can fill, before anything happens."""
    for name in sorted(names_in(argv)):
        if name == "config" and config is None:
            raise UsageError("{config} is in the command but there is no config", hint="add --config FILE or --set key=value")
        if name in RESERVED:
            continue
        found, value = find(config or {}, name)
        if not found:
            known = [*RESERVED, *(config or {})]
            import difflib  # only on the way to an error

            close = difflib.get_close_matches(name, [str(key) for key in known], n=1)
            hint = f"did you mean {{{close[0]}}}? " if close else ""
            raise UsageError(
                f"unknown placeholder {{{show(name)}}} in the command",
                hint=f"{hint}write {{{{{show(name)}}}}} for the literal text; known: {_KNOWN} and the keys of the config",
            )
        if isinstance(value, (dict, list)):
            raise UsageError(
                f"the placeholder {{{name}}} names a whole section of the config", hint="name one value, as in {optimizer.lr}"
            )


def fill(argv: Sequence[str], values: Mapping[str, str], config: Mapping[str, Any] | None) -> list[str]:
    """The command with every placeholder replaced; `values` holds the reserved ones. Call `check` first."""

    def replace(match: re.Match[str]) -> str:
        name = match["name"]
        if name is None:
            return "{" + match["literal"] + "}"
        return values[name] if name in RESERVED else scalar(find(config or {}, name)[1])

    return [re.sub(_TOKEN, replace, word) if "{" in word else word for word in argv]


def scalar(value: Any) -> str:
    """A config value as a command line argument: `true`, `null`, `0.001`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
