"""From what a set of choices chose to the parameters of a task: conditions, aliases, defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from reprun.core.errors import UsageError
from reprun.core.text import show
from reprun.sweeps.shape import Choice, SweepFile
from reprun.sweeps.values import is_same, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def compose(sweep: SweepFile, choice: Choice, point: Callable[[int], Sequence[Any]]) -> dict[str, Any]:
    """What is chosen when `point` gives the values of an axis by its number, in the order of the file; without the parameters
    whose condition does not hold, of which `point` is not asked."""
    values: dict[str, Any] = {}
    for index, axis in enumerate(choice.axes):
        if axis.when is None:
            values.update(zip(axis.names, point(index), strict=True))
    for index, axis in enumerate(choice.axes):
        if axis.when is not None and axis.when.holds({**resolve(sweep, choice, values), **values}):
            values.update(zip(axis.names, point(index), strict=True))
    return {name: values[name] for axis in choice.axes for name in axis.names if name in values}


def is_allowed(sweep: SweepFile, choice: Choice, chosen: Mapping[str, Any]) -> bool:
    """Whether the conditions of the set of choices and of the file hold."""
    params = {**resolve(sweep, choice, chosen), **chosen}
    return all(condition.holds(params) for condition in (*choice.conditions, *sweep.conditions))


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
