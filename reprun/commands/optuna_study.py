"""Optuna, where it is installed: a search in its terms. It is imported only where it is used, and kept quiet."""

from __future__ import annotations

import importlib.util
import os
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from reprun.core.errors import ToolError
from reprun.sweeps.axes import Axis
from reprun.sweeps.outcomes import Told, point_at
from reprun.sweeps.shape import SweepFile
from reprun.sweeps.studies import Study

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_NEEDS = {"tpe": ("optuna",), "gp": ("optuna", "scipy", "torch")}
_PATIENCE = 20  # suggestions in a row that are known or not allowed
_LOCK_SECONDS = 3  # after which a lock that a killed program has left is taken over


def has_optuna() -> bool:
    """Whether Optuna is installed; it is not loaded for that."""
    return importlib.util.find_spec("optuna") is not None


def require_sampler(sampler: str) -> None:
    """Raises `ToolError` when what a sampler needs is not installed."""
    missing = [name for name in _NEEDS.get(sampler, ()) if importlib.util.find_spec(name) is None]
    if missing:
        raise ToolError(
            f"the sampler {sampler} needs {' and '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed",
            hint=how_to_install(missing),
        )


def how_to_install(packages: Sequence[str]) -> str:
    """The command for the way in which reprun was installed."""
    prefix = sys.prefix.replace(os.sep, "/")
    if "/pipx/venvs/" in prefix:
        return f"pipx inject reprun {' '.join(packages)}"
    if "/uv/tools/" in prefix:
        return f"uv tool install reprun {' '.join(f'--with {one}' for one in packages)}"
    wanted = ["'reprun[search]'" if one == "optuna" else one for one in packages]
    return f"{sys.executable} -m pip install {' '.join(wanted)}"


@contextmanager
def quiet() -> Iterator[Any]:
    """Optuna, without what it says to the terminal."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import optuna

        before = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)
        try:
            yield optuna
        finally:
            optuna.logging.set_verbosity(before)


def direction_of(library: Any, sweep: SweepFile) -> Any:
    """Where to search for."""
    directions = library.study.StudyDirection
    return directions.MAXIMIZE if sweep.direction == "max" else directions.MINIMIZE


def distribution_of(library: Any, axis: Axis) -> BaseDistribution | None:
    """The axis as Optuna knows such; None for one that leaves nothing to choose."""
    kinds, span = library.distributions, axis.span
    found: BaseDistribution | None
    if span is None:
        found = kinds.CategoricalDistribution(labels_of(axis)) if len(axis.points) > 1 else None
    elif span.whole:
        found = kinds.IntDistribution(int(span.low), int(span.high), log=span.log, step=int(span.step or 1))
    else:
        found = kinds.FloatDistribution(span.low, span.high, log=span.log, step=span.step)
    return found


def parameter_of(axis: Axis) -> str:
    """What the axis is called there."""
    return "+".join(axis.names)


def labels_of(axis: Axis) -> list[Any]:
    """The points as categories: the values themselves where these can be told apart, else texts."""
    values = [point[0] if len(point) == 1 else ", ".join(map(str, point)) for point in axis.points]
    if len({str(value) for value in values}) == len(values) and len(set(values)) == len(values):
        return values
    return [f"{value} ({index})" for index, value in enumerate(values)]


def trial_of(library: Any, study: Study, told: Told) -> FrozenTrial:
    """The trial as one of Optuna."""
    states = library.trial.TrialState
    state = {"running": states.RUNNING, "complete": states.COMPLETE, "failed": states.FAIL}[told.state]
    params: dict[str, Any] = {}
    distributions: dict[str, Any] = {}
    for axis in study.choice.axes:
        distribution = distribution_of(library, axis)
        if distribution is None or not all(name in told.trial.chosen for name in axis.names):
            continue
        values = tuple(told.trial.chosen[name] for name in axis.names)
        params[parameter_of(axis)] = values[0] if axis.span is not None else labels_of(axis)[point_at(axis, values) or 0]
        distributions[parameter_of(axis)] = distribution
    attrs: dict[str, Any] = {"trial": told.trial.number, **({"run": told.run_id} if told.run_id else {})}
    if told.words:
        attrs["why"] = told.words
    return library.trial.create_trial(  # type: ignore[no-any-return]
        state=state, value=told.value, params=params, distributions=distributions, user_attrs=attrs
    )
