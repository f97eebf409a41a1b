"""Trials that do not depend on results: quasi-random or random points, the same for the same file.

The quasi-random ones are those of Halton, with the digits of each base permuted at random (Owen, A randomized Halton algorithm
in R, 2017): they fill all parameters evenly, however many trials there will be, conditions and lists of values included.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from reprun.sweeps.axes import Axis
from reprun.sweeps.resolving import compose, is_allowed, resolve
from reprun.sweeps.shape import SweepFile, Trial
from reprun.sweeps.studies import Study
from reprun.sweeps.values import key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PATIENCE = 3000  # points in a row that are known or not allowed, before there are taken to be no others
_FINEST = 2.0**-40


def first_trials(sweep: SweepFile, study: Study, count: int) -> list[Trial]:
    """The first trials of a study, fewer where there are not as many different ones that are allowed."""
    points = islice(fresh_points(sweep, study, set()), count)
    return [Trial(study.name, number, chosen, study.seed) for number, chosen in enumerate(points)]


def fresh_points(sweep: SweepFile, study: Study, taken: set[str]) -> Iterator[dict[str, Any]]:
    """Allowed points in their order, of which no two make the same task; without those `taken`, known by `key_at`."""
    assert sweep.search is not None
    draw = _random if sweep.search.sampler == "random" else _halton
    axes, searched = study.choice.axes, study.searched
    seen, index, vain = set(taken), 0, 0
    while vain < _PATIENCE:
        units = dict(zip((axis.names for axis in searched), draw(study.seed, index, len(searched)), strict=True))
        points = [_point(axis, units.get(axis.names, 0.0)) for axis in axes]
        chosen = compose(sweep, study.choice, points.__getitem__)
        index, vain = index + 1, vain + 1
        if is_allowed(sweep, study.choice, chosen) and (key := key_at(sweep, study, chosen)) not in seen:
            seen.add(key)
            vain = 0
            yield chosen


def key_at(sweep: SweepFile, study: Study, chosen: dict[str, Any]) -> str:
    """One text for all points that resolve to the same parameters."""
    return key_of(resolve(sweep, study.choice, chosen))


def _point(axis: Axis, unit: float) -> tuple[Any, ...]:
    if axis.span is not None:
        return (axis.span.value(unit),)
    return axis.points[min(int(unit * len(axis.points)), len(axis.points) - 1)]


def _random(seed: int, index: int, count: int) -> list[float]:
    draw = random.Random(f"{seed} {index}")  # noqa: S311
    return [draw.random() for _ in range(count)]


def _halton(seed: int, index: int, count: int) -> list[float]:
    found = []
    for base in _primes(count):
        unit, share, rest = 0.0, 1.0 / base, index
        for permuted in _digits(seed, base):
            rest, digit = divmod(rest, base)
            unit += permuted[digit] * share
            share /= base
        found.append(unit)
    return found


@lru_cache(maxsize=4096)
def _digits(seed: int, base: int) -> list[list[int]]:
    """What the digits of a base become, place by place. Sorted by random numbers, as only these are the same in each Python."""
    draw, found, share = random.Random(f"{seed} {base} halton"), [], 1.0  # noqa: S311
    while share > _FINEST:
        order = [draw.random() for _ in range(base)]
        found.append(sorted(range(base), key=order.__getitem__))
        share /= base
    return found


@lru_cache(maxsize=64)
def _primes(count: int) -> tuple[int, ...]:
    found: list[int] = []
    number = 2
    while len(found) < count:
        if all(number % prime for prime in found):
            found.append(number)
        number += 1
    return tuple(found)
