"""From the choices of a sweep file to its tasks: each set of parameters once, with the stages that are wanted for it."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from reprun.core.digests import sha256
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.text import show
from reprun.sweeps.naming import name_of
from reprun.sweeps.shape import Choice, SweepFile
from reprun.sweeps.values import is_same, key_of, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TASKS = 100_000


@dataclass(frozen=True)
class Task:
    """A set of resolved parameters and what is to be done with it. `chosen` is what the file chose, before aliases and defaults;
    `optional` are parameters that its choice has and that do not apply to it."""

    params: dict[str, Any]
    name: str
    stages: tuple[str, ...]
    chosen: dict[str, Any]
    optional: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same parameters, and for no others."""
        return sha256(key_of(self.params).encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Wish:
    """What was typed: the title, the stages and the number of samples that were asked for; and what a path is."""

    title: str = ""
    stages: tuple[str, ...] = ()
    sample: int | None = None
    exists: Callable[[str], bool] = bool


def expand(sweep: SweepFile, wish: Wish = Wish(exists=lambda _: False)) -> list[Task]:
    """The tasks in the order of the file. Raises `UsageError` for a title or a stage that there is not."""
    _check_stages(sweep, wish.stages, "-c")
    tasks: dict[str, Task] = {}
    names: dict[str, str] = {}
    for choice in _titled(sweep, wish.title):
        stages = _stages(sweep, choice, wish)
        for chosen in sampled(sweep, choice, wish.sample):
            params = resolve(sweep, choice, chosen)
            name = name_of(chosen, wish.exists)
            optional = tuple(sorted(choice.names - set(params) - set(sweep.aliases)))
            task = Task(params, name, stages, chosen, optional)
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


def _titled(sweep: SweepFile, title: str) -> Sequence[Choice]:
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


def resolve(sweep: SweepFile, choice: Choice, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of a task: what an alias stands for wins over what is chosen beside it, and all of it over defaults."""
    defaults = {name: value for name, value in sweep.defaults.items() if name not in choice.names or name not in sweep.aliases}
    params = {name: value for name, value in chosen.items() if name not in sweep.aliases}
    for name, value in chosen.items():
        if name in sweep.aliases:
            params |= _aliased(sweep, name, value, choice.where)
    for name, value in defaults.items():
        if name not in sweep.aliases:
            params.setdefault(name, value)
    for name, value in defaults.items():
        if name in sweep.aliases:
            for target, meant in _aliased(sweep, name, value, f"{sweep.what}: default").items():
                params.setdefault(target, meant)
    return params


def _aliased(sweep: SweepFile, name: str, value: Any, where: str) -> dict[str, Any]:
    alias = sweep.aliases[name]
    if alias.targets:
        return dict.fromkeys(alias.targets, value)
    case = alias.cases.get(text_of(value), next((one for key, one in alias.cases.items() if _chooses(value, key)), None))
    if case is None:
        known = ", ".join(map(show, alias.cases))
        raise UsageError(f"{where}: {show(text_of(value))} is no case of the alias {show(name)}", hint=f"its cases: {known}")
    return case


def _chooses(value: Any, key: str) -> bool:
    """Keys are texts, whatever YAML would make of them as values: `yes`, `0.10`."""
    if isinstance(value, bool):
        return key.lower() in (("true", "yes", "on") if value else ("false", "no", "off"))
    return is_same(value, key)


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
        chosen = _apply(sweep, choice, _combination(choice, index))
        params = {**resolve(sweep, choice, chosen), **chosen}
        if all(condition.holds(params) for condition in (*choice.conditions, *sweep.conditions)):
            yield chosen


def _combination(choice: Choice, index: int) -> list[tuple[Any, ...]]:
    """One point of each axis; the last axis changes first, as in nested loops."""
    points = []
    for axis in reversed(choice.axes):
        index, rest = divmod(index, len(axis.points))
        points.append(axis.points[rest])
    return points[::-1]


def _apply(sweep: SweepFile, choice: Choice, points: Sequence[tuple[Any, ...]]) -> dict[str, Any]:
    """The parameters of a combination, without those whose condition does not hold, in the order of the file."""
    pairs = list(zip(choice.axes, points, strict=True))
    values = {name: value for axis, point in pairs if axis.when is None for name, value in zip(axis.names, point, strict=True)}
    for axis, point in pairs:
        if axis.when is not None and axis.when.holds({**resolve(sweep, choice, values), **values}):
            values.update(zip(axis.names, point, strict=True))
    return {name: values[name] for axis, _ in pairs for name in axis.names if name in values}
