"""The answer of a sweep: for each target value the best over the nuisance parameters, as a mean over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from reprun.core.frozen import dataclass
from reprun.sweeps.spans import Span
from reprun.sweeps.student import interval
from reprun.sweeps.values import key_of, number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Params = dict[str, "Any"]
_EDGE = 0.05  # of a range


@dataclass(frozen=True)
class Result:
    """A task with the value that came out of it, None while there is none."""

    params: Params
    value: float | None
    run_id: str = ""


@dataclass(frozen=True)
class Roles:
    """Which of the parameters that vary are `targets`, `nuisances`, and averaged over (`seeds`)."""

    targets: tuple[str, ...]
    nuisances: tuple[str, ...]
    seeds: tuple[str, ...]


@dataclass(frozen=True)
class Point:
    """The values over the seeds for one setting of target and nuisance parameters."""

    target: Params
    nuisance: Params
    values: tuple[float, ...]
    wanted: int
    runs: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """The mean over the seeds."""
        return math.fsum(self.values) / len(self.values)

    @property
    def half_width(self) -> float | None:
        """Half the width of the 95 % interval of the mean."""
        return interval(self.values)


@dataclass(frozen=True)
class Answer:
    """What a sweep says of one target value: the `best` point, and how the search for it went.

    `edges` are the nuisance parameters whose best value is the first or last that was tried, with their range. `gain` is by how
    much the best beats what half of the search would have found, on average; None where nothing was searched.
    """

    target: Params
    best: Point | None
    points: int
    missing: int
    edges: tuple[tuple[str, float, float, float], ...] = ()
    gain: float | None = None


@dataclass(frozen=True)
class Summary:
    """All answers, best first, and the share of the variation that each nuisance parameter explains."""

    roles: Roles
    answers: tuple[Answer, ...]
    matters: dict[str, float]
    direction: str


def roles_of(results: Sequence[Result], given: Mapping[str, str]) -> Roles:
    """The roles of what varies. What has none is a target, or where targets are named a nuisance: nothing but seeds is ever
    pooled, so what is said to be fixed and varies all the same is told apart like a target."""
    varied = [name for name in _names(results) if len({_text(one.params, name) for one in results}) > 1]
    seeds = tuple(name for name in varied if given.get(name, "seed" if name == "seed" else "") == "seed")
    usual = "nuisance" if "target" in given.values() else "target"
    nuisances = tuple(name for name in varied if name not in seeds and given.get(name, usual) == "nuisance")
    return Roles(tuple(name for name in varied if name not in seeds + nuisances), nuisances, seeds)


def summarise(
    results: Sequence[Result], given: Mapping[str, str], direction: str, spans: Mapping[str, Span] | None = None
) -> Summary:
    """The answers for all target values that there are. `spans` are the ranges of parameters that were drawn from such."""
    spans = spans or {}
    roles = roles_of(results, given)
    groups: dict[str, list[Result]] = {}
    for one in results:
        groups.setdefault(key_of(_part(one.params, roles.targets)), []).append(one)
    answers = [_answer(group, roles, direction, spans) for group in groups.values()]
    answers.sort(key=lambda one: _rank(one.best, direction))
    shares = {name: _share(groups.values(), roles, name, spans.get(name)) for name in roles.nuisances}
    matters = {name: share for name, share in shares.items() if share is not None}
    return Summary(roles, tuple(answers), dict(sorted(matters.items(), key=lambda pair: -pair[1])), direction)


def _rank(best: Point | None, direction: str) -> float:
    return math.inf if best is None else -best.mean if direction == "max" else best.mean


def _names(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(name for one in results for name in one.params))


def _text(params: Params, name: str) -> str:
    return key_of({name: params[name]}) if name in params else ""


def _part(params: Params, names: Iterable[str]) -> Params:
    return {name: params[name] for name in names if name in params}


def points_of(group: Sequence[Result], roles: Roles) -> list[Point]:
    """The settings of the nuisance parameters with their values over the seeds, those without any value too."""
    settings: dict[str, list[Result]] = {}
    for one in group:
        settings.setdefault(key_of(_part(one.params, roles.nuisances)), []).append(one)
    found = []
    for some in settings.values():
        there = [(one.value, one.run_id) for one in some if one.value is not None and math.isfinite(one.value)]
        target, nuisance = (_part(some[0].params, names) for names in (roles.targets, roles.nuisances))
        found.append(Point(target, nuisance, tuple(value for value, _ in there), len(some), tuple(run for _, run in there)))
    return found


def _answer(group: Sequence[Result], roles: Roles, direction: str, spans: Mapping[str, Span]) -> Answer:
    every = points_of(group, roles)
    there = [point for point in every if point.values]
    missing = sum(point.wanted - len(point.values) for point in every)
    target = _part(group[0].params, roles.targets)
    if not there:
        return Answer(target, None, len(every), missing)
    best = min(there, key=lambda point: _rank(point, direction))
    as_good = [point for point in there if point.mean == best.mean]
    decided = [name for name in roles.nuisances if len({_text(point.nuisance, name) for point in as_good}) == 1]
    edges = tuple(edge for name in decided if (edge := _edge(name, best, every, spans.get(name))) is not None)
    return Answer(target, best, len(every), missing, edges, _gain([point.mean for point in there], direction))


def _edge(name: str, best: Point, points: Sequence[Point], span: Span | None) -> tuple[str, float, float, float] | None:
    """The parameter with its best value and its range, if the best is at an end of it; of a `span`, in its last twentieth.
    What was tried without a result, or is still to be, belongs to the range."""
    if span is not None:
        number = number_of(best.nuisance.get(name))
        is_coarse = span.count is not None and span.count <= 1 / _EDGE
        if number is None or (_EDGE < span.place(number) < 1 - _EDGE) or (is_coarse and number not in (span.low, span.high)):
            return None
        return (name, number, span.low, span.high)
    tried = {number for point in points if (number := number_of(point.nuisance.get(name))) is not None}
    value = number_of(best.nuisance.get(name))
    if value is None or len(tried) < 2 or value not in (min(tried), max(tried)):
        return None
    return (name, value, min(tried), max(tried))


def _gain(means: Sequence[float], direction: str) -> float | None:
    """The best, less what the best of half of them is on average: the expected maximum of a sample without replacement."""
    if len(means) < 2:
        return None
    signed = sorted(mean if direction == "max" else -mean for mean in means)
    total, half = len(signed), len(signed) // 2
    weights = [0.0] * total  # how likely the value of that rank is the best of the half: C(rank, half - 1) / C(total, half)
    weights[-1] = half / total
    for rank in range(total - 1, half - 1, -1):
        weights[rank - 1] = weights[rank] * (rank - half + 1) / rank
    return signed[-1] - math.fsum(weight * value for weight, value in zip(weights, signed, strict=True))


def _share(groups: Iterable[Sequence[Result]], roles: Roles, name: str, span: Span | None) -> float | None:
    """The share of the variation within target values that goes with this parameter: η², the sums of squares pooled. What was
    drawn from a range is taken together by quarters of it."""
    between = total = 0.0
    for group in groups:
        points = [point for point in points_of(group, roles) if point.values]
        if len(points) < 2:
            continue
        mean = math.fsum(point.mean for point in points) / len(points)
        total += math.fsum((point.mean - mean) ** 2 for point in points)
        levels: dict[str, list[float]] = {}
        for point in points:
            number = number_of(point.nuisance.get(name)) if span is not None else None
            level = str(int(4 * min(span.place(number), 0.999))) if span and number is not None else _text(point.nuisance, name)
            levels.setdefault(level, []).append(point.mean)
        between += math.fsum(len(level) * (math.fsum(level) / len(level) - mean) ** 2 for level in levels.values())
    return between / total if total > 0 else None
