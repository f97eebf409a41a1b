"""A set of choices: one document of a sweep file after the first."""

from __future__ import annotations

from collections.abc import Collection

from reprun.core.documents import Document
from reprun.core.errors import UsageError
from reprun.core.frozen import replace
from reprun.core.text import show
from reprun.sweeps.axes import Axis, axis_of, seeds_axis, zipped
from reprun.sweeps.conditions import Condition, parse_condition
from reprun.sweeps.shape import Choice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OURS = ("zip", "when", "seeds", "constraints")  # unless the file has a parameter of that name


def find_choice(document: Document, used: Collection[str], what: str, searched: bool = False) -> Choice:
    """The choice that a document describes; `used` are the parameters of templates and defaults. With `searched` its ranges are
    drawn from."""
    axes: list[Axis] = []
    conditions: list[Condition] = []
    title = ""
    stages: tuple[str, ...] = ()
    for key, raw in document.values.items():
        where = f"{what}, line {document.line_of(key)}"
        word = key if key in _OURS and key not in used else ""
        if key == "_title":
            title = str(raw)
        elif key == "_cmd":
            stages = _names(raw, where)
        elif word == "zip":
            axes.extend(zipped(raw, where))
        elif word == "seeds":
            axes.append(seeds_axis(raw, where))
        elif word:
            conditions.extend(conditions_of(raw, where))
        else:
            axes.append(axis_of(key, raw, where, searched))
    choice = Choice(tuple(axes), title, stages, tuple(conditions), f"{what}, line {document.line}")
    _check_once(choice)
    return choice


def seeds_choice(choice: Choice, raw: Any, where: str) -> Choice:
    """The choice for each of the seeds, unless it chooses seeds itself."""
    if "seed" in choice.names:
        return choice
    return replace(choice, axes=(*choice.axes, seeds_axis(raw, where)))


def conditions_of(raw: Any, where: str) -> tuple[Condition, ...]:
    """The conditions of `when` or `constraints`: one, or a list."""
    if raw is None:
        return ()
    return tuple(parse_condition(one, where) for one in (raw if isinstance(raw, list) else [raw]))


def _names(raw: Any, where: str) -> tuple[str, ...]:
    names = raw if isinstance(raw, list) else [raw]
    if not names or not all(isinstance(name, str) for name in names):
        raise UsageError(f"{where}: _cmd is no list of stages", hint="_cmd: [train]")
    return tuple(names)


def _check_once(choice: Choice) -> None:
    seen: set[str] = set()
    for axis in choice.axes:
        for name in axis.names:
            if name in seen:
                raise UsageError(f"{choice.where}: {show(name)} is chosen twice", hint="keep one of them")
            seen.add(name)
