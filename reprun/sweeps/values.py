"""Values of parameters: what counts as a number, when two are the same, how one is written into a command."""

from __future__ import annotations

import math
import re

from reprun.core.canonical import exact

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeGuard

_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
SCALARS = (str, bool, int, float)


def is_value(value: Any) -> TypeGuard[str | bool | int | float]:
    """True for what a parameter can be: a text, a number, true or false."""
    return isinstance(value, SCALARS)


def number_of(value: Any) -> float | None:
    """The value as a number; also of a text such as `1e-3`, which is none to YAML 1.1. None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if len(value) > 310 or not re.fullmatch(_NUMBER, value):
            return None
        value = float(value)
    if not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def text_of(value: Any) -> str:
    """The value as mlrunner writes it into a command, before any quoting."""
    return str(value)


def is_same(one: Any, other: Any) -> bool:
    """Whether a condition takes the two for equal: numbers by their value, truth only as truth, texts to the letter."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    first, second = number_of(one), number_of(other)
    if first is not None and second is not None:
        return first == second
    return str(one) == str(other)


def key_of(params: dict[str, Any]) -> str:
    """One text for a set of parameters, whatever their order: the same for equal sets, and for no others."""
    return "\n".join(f"{exact(name)}: {_exact(value)}" for name, value in sorted(params.items()))


def _exact(value: Any) -> str:
    """`1` and `1.0` are one value, as for mlrunner; true, which that takes for 1 too, is another."""
    is_whole = isinstance(value, float) and math.isfinite(value) and value == int(value)
    return exact(int(value)) if is_whole else exact(value)
