"""What an adaptive search tries next. The study is made from what is known each time it is asked, so there is nothing to lose."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.optuna_study import direction_of, labels_of, parameter_of, quiet, trial_of
from reprun.core.frozen import dataclass
from reprun.sweeps.axes import Axis
from reprun.sweeps.outcomes import Told
from reprun.sweeps.resolving import compose
from reprun.sweeps.shape import SweepFile
from reprun.sweeps.studies import Study

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    import optuna

_PATIENCE = 20  # suggestions in a row that are known or not allowed


@dataclass(frozen=True)
class Ask:
    """A question for the next trial of a study: its number, what is known of the others, and which answers will not do."""

    sweep: SweepFile
    study: Study
    told: Sequence[Told]
    number: int
    refused: Any  # a function of what was chosen


def suggest(ask: Ask) -> dict[str, Any] | None:
    """What to try next; None when all that comes to mind is refused. The same for the same question."""
    with quiet() as library:
        study = library.create_study(direction=direction_of(library, ask.sweep), sampler=_sampler(library, ask))
        study.add_trials([trial_of(library, ask.study, told) for told in ask.told])
        for _ in range(_PATIENCE):
            trial = study.ask()
            chosen = compose(ask.sweep, ask.study.choice, lambda at, trial=trial: _asked(trial, ask.study.choice.axes[at]))  # type: ignore[misc]
            if not ask.refused(chosen):
                return chosen
            study.tell(trial, state=library.trial.TrialState.FAIL)
    return None


def _sampler(library: Any, ask: Ask) -> optuna.samplers.BaseSampler:
    seed = (ask.study.seed * 1_000_003 + ask.number) % 2**32
    assert ask.sweep.search is not None
    if ask.sweep.search.sampler == "gp":
        return library.samplers.GPSampler(seed=seed, n_startup_trials=0)  # type: ignore[no-any-return]
    return library.samplers.TPESampler(  # type: ignore[no-any-return]
        seed=seed, n_startup_trials=0, multivariate=True, group=True, constant_liar=True
    )


def _asked(trial: optuna.Trial, axis: Axis) -> tuple[Any, ...]:
    span, name = axis.span, parameter_of(axis)
    if span is None:
        labels = labels_of(axis)
        return axis.points[labels.index(trial.suggest_categorical(name, labels)) if len(labels) > 1 else 0]
    if span.whole:
        return (trial.suggest_int(name, int(span.low), int(span.high), log=span.log, step=int(span.step or 1)),)
    return (span.neat(trial.suggest_float(name, span.low, span.high, log=span.log, step=span.step)),)
