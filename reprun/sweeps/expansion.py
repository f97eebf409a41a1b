"""From the choices of a sweep file to its tasks: each set of parameters once, with the stages that are wanted for it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence

from reprun.core.digests import sha256
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.text import show
from reprun.sweeps.drawing import first_trials
from reprun.sweeps.naming import name_of
from reprun.sweeps.resolving import compose, is_allowed, resolve
from reprun.sweeps.shape import Choice, SweepFile, Trial
from reprun.sweeps.studies import Study, studies_of
from reprun.sweeps.values import key_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TASKS = 100_000


@dataclass(frozen=True)
class Task:
    """A set of resolved parameters and what is to be done with it. `chosen` is what the file chose, before aliases and defaults;
    `optional` are parameters that its choice has and that do not apply to it. `trial` is the one that asked for it."""

    params: dict[str, Any]
    name: str
    stages: tuple[str, ...]
    chosen: dict[str, Any]
    optional: tuple[str, ...] = ()
    trial: Trial | None = None

    @property
    def key(self) -> str:
        """The same for the same parameters, and for no others."""
        return digest_of(self.params)


def digest_of(params: dict[str, Any]) -> str:
    """By what a task is known: its parameters."""
    return sha256(key_of(params).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Wish:
    """What was typed: the title, the stages and the number of samples that were asked for; and what a path is.

    `trials` are those that a study has asked for so far, where what has come out of runs decides that.
    """

    title: str = ""
    stages: tuple[str, ...] = ()
    sample: int | None = None
    exists: Callable[[str], bool] = bool
    trials: Callable[[Study], Sequence[Trial]] | None = None


def expand(sweep: SweepFile, wish: Wish = Wish(exists=lambda _: False)) -> list[Task]:
    """The tasks in the order of the file. Raises `UsageError` for a title or a stage that there is not."""
    _check_stages(sweep, wish.stages, "-c")
    tasks: dict[str, Task] = {}
    names: dict[str, str] = {}
    for choice in titled(sweep, wish.title):
        stages = _stages(sweep, choice, wish)
        for chosen, trial in _chosen(sweep, choice, wish):
            params = resolve(sweep, choice, chosen)
            name = name_of(chosen, wish.exists)
            optional = tuple(sorted(choice.names - set(params) - set(sweep.aliases)))
            task = Task(params, name, stages, chosen, optional, trial)
            key = task.key
            if key in tasks:
                both = {*tasks[key].stages, *stages}
                tasks[key] = replace(tasks[key], stages=tuple(one for one in sweep.stages if one in both))
                continue
            if names.setdefault(name, key) != key:
                task = replace(task, name=f"{name}~{key[:8]}")
            tasks[key] = task
            if len(tasks) > MAX_TASKS:
                raise UsageError(f"{choice.where}: these choices make more than {MAX_TASKS} tasks", hint="--sample 100")
    return list(tasks.values())


def why_none(sweep: SweepFile, title: str) -> str:
    """Why there is no task, and where: a list without values, or conditions that no combination fulfils."""
    for choice in titled(sweep, title):
        for axis in choice.axes:
            if axis.span is None and not axis.points:
                return f"{choice.where}: {', '.join(map(show, axis.names))} has no values"
    choice = titled(sweep, title)[0]
    conditions = "; ".join(show(one.words()) for one in (*choice.conditions, *sweep.conditions))
    return f"{choice.where}: no combination of the choices fulfils the conditions: {conditions}"


def _chosen(sweep: SweepFile, choice: Choice, wish: Wish) -> Iterator[tuple[dict[str, Any], Trial | None]]:
    """All that a set of choices amounts to; of a search its trials, each with all seeds."""
    if sweep.search is None:
        yield from ((chosen, None) for chosen in sampled(sweep, choice, wish.sample))
        return
    for study in studies_of(sweep, choice):
        trials = wish.trials(study) if wish.trials else first_trials(sweep, study, sweep.search.at_first(wish.sample))
        for trial in trials:
            for seed in study.seeds:
                yield {**trial.chosen, **seed}, trial


def titled(sweep: SweepFile, title: str) -> Sequence[Choice]:
    """The sets of choices with a title; without one all of them."""
    if not title:
        return sweep.choices
    found = [choice for choice in sweep.choices if choice.title == title]
    if not found:
        known = ", ".join(show(choice.title) for choice in sweep.choices if choice.title) or "none"
        raise UsageError(f"{sweep.what} has no choices with the title {show(title)}", hint=f"its titles: {known}")
    return found


def _stages(sweep: SweepFile, choice: Choice, wish: Wish) -> tuple[str, ...]:
    wanted = wish.stages or choice.stages
    if not wish.stages:
        _check_stages(sweep, choice.stages, f"{choice.where}: _cmd")
    return tuple(name for name in sweep.stages if not wanted or name in wanted)


def _check_stages(sweep: SweepFile, names: Iterable[str], where: str) -> None:
    for name in names:
        if name not in sweep.stages:
            known = ", ".join(map(show, sweep.stages))
            raise UsageError(f"{where}: there is no stage {show(name)} in {sweep.what}", hint=f"its stages: {known}")


def sampled(sweep: SweepFile, choice: Choice, sample: int | None) -> Iterable[dict[str, Any]]:
    """What a set of choices amounts to: everything, or so many of it, drawn, the same ones each time."""
    total = math.prod(len(axis.points) for axis in choice.axes)
    if sample is None:
        if total > MAX_TASKS:
            raise UsageError(f"{choice.where}: these choices make {total} tasks, more than {MAX_TASKS}", hint="--sample 100")
        return _valid(sweep, choice, range(total))
    draw = random.Random(sha256(repr([(axis.names, axis.points) for axis in choice.axes]).encode()).digest())  # noqa: S311
    some = draw.sample(range(total), min(total, max(sample * 20, 10_000)))
    found: dict[int, dict[str, Any]] = {}
    seen: set[str] = set()
    for index in some:
        if len(found) >= sample:
            break
        for chosen in _valid(sweep, choice, [index]):
            key = key_of(chosen)
            if key not in seen:
                seen.add(key)
                found[index] = chosen
    return [found[index] for index in sorted(found)]


def _valid(sweep: SweepFile, choice: Choice, indices: Iterable[int]) -> Iterator[dict[str, Any]]:
    """The combinations of those numbers for which the conditions hold."""
    for index in indices:
        chosen = compose(sweep, choice, _combination(choice, index).__getitem__)
        if is_allowed(sweep, choice, chosen):
            yield chosen


def _combination(choice: Choice, index: int) -> list[tuple[Any, ...]]:
    """One point of each axis; the last axis changes first, as in nested loops."""
    points = []
    for axis in reversed(choice.axes):
        index, rest = divmod(index, len(axis.points))
        points.append(axis.points[rest])
    return points[::-1]
