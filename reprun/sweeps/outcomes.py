"""What became of the trials of a search, from the steps that a plan has for their tasks."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from reprun.core.frozen import dataclass, replace
from reprun.core.text import show, show_some
from reprun.sweeps.axes import Axis
from reprun.sweeps.expansion import Task
from reprun.sweeps.plan import Known, Step
from reprun.sweeps.shape import Trial
from reprun.sweeps.studies import Study
from reprun.sweeps.values import is_value, key_of, number_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Metrics = Mapping[str, float]
_MOST = 10**6  # no study has more trials


@dataclass(frozen=True)
class Told:
    """What a study is told of a trial: it is "running", "complete" with its `value`, or "failed", with the reason in `words`.

    `value` is the mean over the seeds; `lacks` says that it finished without the metric, and `run_id` names a run to look at.
    """

    trial: Trial
    state: str
    value: float | None = None
    words: str = ""
    lacks: bool = False
    run_id: str = ""


def merge_trials(trials: Iterable[Trial]) -> dict[str, tuple[Trial, ...]]:
    """The trials of each study, by number. Of those with the same values the first counts; a number that is taken is changed."""
    found: dict[str, dict[int, Trial]] = {}
    seen: set[tuple[str, str]] = set()
    for trial in trials:
        known, key = found.setdefault(trial.study, {}), (trial.study, key_of(trial.chosen))
        if key not in seen:
            seen.add(key)
            number = trial.number if trial.number not in known else max(known) + 1
            known[number] = replace(trial, number=number)
    return {study: tuple(known[number] for number in sorted(known)) for study, known in found.items()}


def find_trial(raw: Any) -> Trial | None:
    """A trial as a manifest or the record has it; None for what is none."""
    if not isinstance(raw, Mapping):
        return None
    study, number, chosen, seed = raw.get("study"), raw.get("trial"), raw.get("chosen"), raw.get("seed")
    if not isinstance(study, str) or not isinstance(number, int) or not isinstance(seed, int):
        return None
    if not isinstance(chosen, Mapping) or not all(isinstance(name, str) and is_value(value) for name, value in chosen.items()):
        return None
    return Trial(study, number, dict(chosen), seed) if 0 <= number < _MOST else None


def data_of(trial: Trial, sampler: str) -> dict[str, Any]:
    """The trial for a manifest or the record."""
    return {"study": trial.study, "trial": trial.number, "sampler": sampler, "seed": trial.seed, "chosen": dict(trial.chosen)}


def point_at(axis: Axis, values: Sequence[Any]) -> int | None:
    """Which point of an axis has these values."""
    keys = (key_of(dict(zip(axis.names, point, strict=True))) for point in axis.points)
    wanted = key_of(dict(zip(axis.names, values, strict=True)))
    return next((index for index, key in enumerate(keys) if key == wanted), None)


def fits(study: Study, trial: Trial) -> bool:
    """Whether the values are of this study. Those of runs that others have made may be anything."""
    known: set[str] = set()
    for axis in study.choice.axes:
        known.update(axis.names)
        there = [name for name in axis.names if name in trial.chosen]
        if not there and axis.when is not None:
            continue
        if len(there) < len(axis.names):
            return False
        values = tuple(trial.chosen[name] for name in axis.names)
        number = number_of(values[0]) if axis.span is not None and not isinstance(values[0], str) else None
        if axis.span is not None and (number is None or not axis.span.low <= number <= axis.span.high):
            return False
        if axis.span is None and point_at(axis, values) is None:
            return False
    return known >= trial.chosen.keys()


@dataclass(frozen=True)
class Facts:
    """What is known of tasks: the `steps` that a plan has for each, in the order of the stages; `bad`, runs without a good end,
    by task and stage; the `metrics` of finished runs."""

    steps: Mapping[str, Sequence[Step]]
    bad: Mapping[tuple[str, str], Known]
    metrics: Mapping[str, Metrics]


def told_of(tasks: Sequence[Task], facts: Facts, metric: str) -> list[Told]:
    """What to tell of the trials that asked for these tasks."""
    trials: dict[tuple[str, int], list[Task]] = {}
    for task in tasks:
        if task.trial is not None:
            trials.setdefault((task.trial.study, task.trial.number), []).append(task)
    return [_told(some, facts, metric) for some in trials.values()]


def _told(tasks: Sequence[Task], facts: Facts, metric: str) -> Told:
    trial = tasks[0].trial
    assert trial is not None
    every = [step for task in tasks for step in facts.steps.get(task.key, ())]
    bad = next((run for step in every if (run := facts.bad.get((step.wanted.task, step.wanted.stage))) is not None), None)
    if any(step.action == "keep" for step in every) or (bad is None and any(step.action != "skip" for step in every)):
        return Told(trial, "running")
    if bad is not None:
        return Told(trial, "failed", words=f"{bad.run_id}: {bad.words}", run_id=bad.run_id)
    values, last = [], ""
    for task in tasks:
        runs = [step.run_id for step in facts.steps.get(task.key, ())]
        found = [facts.metrics[run_id][metric] for run_id in runs if metric in facts.metrics.get(run_id, {})]
        last = runs[-1] if runs else ""
        if not found:
            there = sorted({name for run_id in runs for name in facts.metrics.get(run_id, {})})
            words = f"{last} has no {show(metric)}" + (f", it has {show_some(there)}" if there else "")
            return Told(trial, "failed", words=words, lacks=True, run_id=last)
        if not math.isfinite(found[-1]):
            return Told(trial, "failed", words=f"{last}: {show(metric)} is {found[-1]}", run_id=last)
        values.append(found[-1])
    return Told(trial, "complete", math.fsum(values) / len(values), run_id=last)
