"""Tolerances: how far a metric may move before a reproduction has drifted, and what is not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from fractions import Fraction

from reprun.core.errors import UsageError
from reprun.core.measured import Number, is_finite, same

_HINT = "write 1e-3 (relative, every metric), loss=1e-3, loss=abs:0.01 or loss=rel:1e-3,abs:1e-6"
_KINDS = {"rel": "relative", "abs": "absolute"}


@dataclass(frozen=True)
class Tolerance:
    """Allows `|a-b| <= max(absolute, relative * |a|)`, where `a` is the original's value.

    `source` says where it comes from if nobody declared it.

    Raises `UsageError` for a negative, infinite or NaN tolerance.
    """

    relative: float = 0.0
    absolute: float = 0.0
    source: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        for kind, value in (("relative", self.relative), ("absolute", self.absolute)):
            if not (is_finite(value) and value >= 0):
                raise UsageError(f"a {kind} tolerance must be 0 or more and finite, not {value}", hint=_HINT)

    def allows(self, old: Number | None, new: Number | None) -> bool:
        """True when `new` lies close enough to `old`. NaN and infinities are close to themselves only."""
        if same(old, new):
            return True
        if old is None or new is None or not (is_finite(old) and is_finite(new)):
            return False  # an infinite original would otherwise allow everything
        limit = max(Fraction(self.absolute), Fraction(self.relative) * abs(Fraction(old)))
        return abs(Fraction(old) - Fraction(new)) <= limit


EXACT = Tolerance()


@dataclass(frozen=True)
class Tolerances:
    """The tolerance of every metric, and what is not looked at.

    `metrics` maps names or globs to tolerances: an exact name wins over globs, the last matching glob over
    the others, any of them over `default`. `ignore` holds globs of metric names and output paths; `*` also
    matches `/`.
    """

    default: Tolerance = EXACT
    metrics: dict[str, Tolerance] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()

    @property
    def declared(self) -> bool:
        """True when some metric may move. Only then may outputs differ: numbers in them may move as well."""
        return any(one != EXACT for one in (self.default, *self.metrics.values()))

    def of(self, metric: str) -> Tolerance:
        """The tolerance that holds for a metric."""
        if metric in self.metrics:
            return self.metrics[metric]
        matching = [one for glob, one in self.metrics.items() if fnmatchcase(metric, glob)]
        return matching[-1] if matching else self.default

    def ignores(self, name: str) -> bool:
        """True for a metric or an output that is not looked at."""
        return _matches(name, self.ignore)


def parse_tolerance(texts: Sequence[str], base: Tolerances) -> Tolerances:
    """`base` with the tolerances of the options: `1e-3`, `abs:0.01`, `loss=1e-3`, `loss=rel:1e-3,abs:1e-6`.

    A bare number is relative. Each text replaces the whole tolerance of what it names; `0` takes one back.
    Raises `UsageError` for anything else, and for a negative or infinite number.
    """
    default, metrics = base.default, dict(base.metrics)
    for text in texts:
        name, equals, value = text.rpartition("=")
        tolerance = _parse_value(text, value)
        if not equals:
            default = tolerance
        elif name.strip():
            metrics.pop(name.strip(), None)  # put last, so that it wins over a glob of the project's file
            metrics[name.strip()] = tolerance
        else:
            raise _nonsense(text, "the name of the metric is empty")
    return replace(base, default=default, metrics=metrics)


def _parse_value(text: str, value: str) -> Tolerance:
    parts: dict[str, float] = {}
    for part in value.split(","):
        kind, colon, digits = part.strip().rpartition(":")
        if not colon:
            kind = "rel"
        if kind not in _KINDS:
            raise _nonsense(text, f"{kind!r} is neither rel nor abs")
        if _KINDS[kind] in parts:
            raise _nonsense(text, f"{kind} is given twice")
        parts[_KINDS[kind]] = _parse_number(text, digits)
    return Tolerance(parts.get("relative", 0.0), parts.get("absolute", 0.0))


def _parse_number(text: str, digits: str) -> float:
    try:
        value = float(digits) if digits.isascii() and "_" not in digits else None
    except ValueError:
        value = None
    if value is None:
        raise _nonsense(text, f"{digits!r} is not a number")
    if not (is_finite(value) and value >= 0):
        raise _nonsense(text, "a tolerance is 0 or more and finite")
    return value


def _nonsense(text: str, why: str) -> UsageError:
    return UsageError(f"--tolerance {text}: {why}", hint=_HINT)


def _matches(name: str, globs: Iterable[str]) -> bool:
    # A metric may be called `loss[0]`, which as a glob would not match itself.
    return any(name == glob or fnmatchcase(name, glob) for glob in globs)
