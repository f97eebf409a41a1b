"""What came out of a sweep, from the runs that there are. Nothing is started or changed."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Sequence

from reprun.commands.optuna_keeping import find_importances
from reprun.commands.optuna_study import has_optuna
from reprun.commands.sweep_open import Opened
from reprun.commands.sweep_runs import rows_of, sweep_tables
from reprun.core.errors import NotFoundError, UsageError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.outcome import FINAL
from reprun.core.text import show, show_some
from reprun.store.rows import Row
from reprun.sweeps.expansion import digest_of
from reprun.sweeps.outcomes import Told as Trialled
from reprun.sweeps.outcomes import fits
from reprun.sweeps.plan import Runs as Runs
from reprun.sweeps.spans import Span
from reprun.sweeps.standing import trialled
from reprun.sweeps.studies import studies_of
from reprun.sweeps.summary import Result, Summary, summarise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_ENOUGH = 20  # trials, before it is said which parameters count
_GOING = "not ended yet"
_TELLING = (_GOING, "failed", "lost", "stopped", "canceled")


@dataclass(frozen=True)
class Told:
    """The summary, what it is about, and of how many states of the code its runs are; of a search its trials, and how much each
    parameter counts in each study, after the method of that name. `lacking` is how many tasks have no value, by the reason."""

    opened: Opened
    metric: str
    summary: Summary
    codes: int
    results: tuple[Result, ...]
    trials: tuple[Trialled, ...] = ()
    counts: dict[str, dict[str, float]] = field(default_factory=dict)
    lacking: dict[str, int] = field(default_factory=dict)


def summarise_sweep(opened: Opened, metric: str, direction: str) -> Told:
    """The summary of the newest finished runs of each task. Raises `NotFoundError` where no run has the metric."""
    metric, direction = metric or opened.sweep.metric, direction or opened.sweep.direction
    if direction not in ("max", "min"):
        raise UsageError(f"--direction {show(direction)} is neither max nor min", hint="--direction min")
    workspace = opened.workspace
    workspace.record()
    tables = sweep_tables(workspace)
    ran = {str(table["task"]) for table in tables.values()}
    tasks = [task for task in opened.tasks if task.trial is None or task.key in ran]  # of a search what it has asked for
    keys = {task.key for task in tasks}
    ours = [run for run, table in tables.items() if table["task"] in keys and opened.is_of(table)]
    rows = {row.run_id: row for row in rows_of(workspace, ours)}
    done: dict[tuple[str, str], Row] = {}
    for run_id in sorted(rows):
        if rows[run_id].state == "finished":
            done[tables[run_id]["task"], tables[run_id]["stage"]] = rows[run_id]
    if not metric:
        known = sorted({name for row in done.values() for name in _metrics(row)})
        hint = f"--metric NAME; there are {show_some(known)}" if known else "--metric NAME, or metric: NAME in the file"
        raise UsageError("it is not said which metric counts", hint=hint)
    results, codes = [], set()
    for task in tasks:
        value, run_id = None, ""
        for stage in opened.sweep.stages:
            row = done.get((task.key, stage))
            found = _metrics(row).get(metric) if row is not None else None
            if row is not None and isinstance(found, (int, float)) and not isinstance(found, bool):
                value, run_id = float(found), row.run_id
                codes.add(tables[run_id]["code"])
        results.append(Result(task.params, value, run_id))
    lacking = _lacking(results, {run_id: (tables[run_id], row.state) for run_id, row in rows.items()}, metric)
    if all(one.value is None for one in results):
        is_other = any(table["file"] == opened.file and not opened.is_of(table) for table in tables.values())
        raise _nothing(opened, metric, list(done.values()), lacking, is_other)
    found = summarise(results, *_terms(opened, direction))
    opened = replace(opened, sweep=replace(opened.sweep, metric=metric, direction=direction))
    trials = tuple(trialled(zip(tasks, results, strict=True)))
    return Told(opened, metric, found, len(codes), tuple(results), trials, _counts(opened, trials), lacking)


def _nothing(opened: Opened, metric: str, done: Sequence[Row], lacking: dict[str, int], is_other: bool) -> NotFoundError:
    """What to raise where no run has the metric; `is_other`: there are runs of the file with other commands."""
    now = ", with its commands as they are now," if is_other else ""
    known = {name for row in done for name in _metrics(row)}
    message = f"no finished run of {show(opened.file)}{now} has {'a number for ' * (metric in known)}the metric {show(metric)}"
    if metric in known:
        return NotFoundError(message, hint=f"reprun show {next(row.run_id for row in done if metric in _metrics(row))}")
    if known:
        return NotFoundError(message, hint=f"they have {show_some(sorted(known))}")
    waits = lacking.get(_GOING)
    hint = "reprun queue" if waits else f"reprun sweep {shlex.quote(show(opened.options.file))}"
    return NotFoundError(f"{message}: {waits} of {sum(lacking.values())} tasks have not ended" if waits else message, hint=hint)


def _lacking(results: Sequence[Result], runs: dict[str, tuple[dict[str, Any], str]], metric: str) -> dict[str, int]:
    """Why tasks have no value: by the newest run of each of their stages, of which the one that counts most is told."""
    states: dict[str, dict[str, str]] = {}
    for run_id in sorted(runs):
        table, state = runs[run_id]
        stages = states.setdefault(table["task"], {})
        if stages.get(table["stage"]) != _GOING:
            stages[table["stage"]] = state if state in FINAL else _GOING
    found: dict[str, int] = {}
    for one in results:
        if one.value is None or not math.isfinite(one.value):
            there = states.get(digest_of(one.params), {}).values()
            why = next((state for state in _TELLING if state in there), f"finished without {metric}" if there else "never ran")
            found[why] = found.get(why, 0) + 1
    return found


def _terms(opened: Opened, direction: str) -> tuple[dict[str, str], str, dict[str, Span]]:
    """The roles, the direction and the ranges. What a search chooses is a nuisance unless it is said to be something else."""
    if opened.sweep.search is None:
        return opened.sweep.roles, direction, {}
    axes = [axis for choice in opened.sweep.choices for axis in choice.axes if axis.names != ("seed",)]
    roles = {name: "nuisance" for axis in axes for name in axis.names}
    return {**roles, **opened.sweep.roles}, direction, {axis.names[0]: axis.span for axis in axes if axis.span}


def _counts(opened: Opened, trials: Sequence[Trialled]) -> dict[str, dict[str, float]]:
    """How much the parameters count in each study that is large enough, where Optuna is installed to say."""
    if opened.sweep.search is None or not has_optuna():
        return {}
    found = {}
    for study in (study for choice in opened.sweep.choices for study in studies_of(opened.sweep, choice)):
        some = [one for one in trials if one.trial.study == study.name and fits(study, one.trial)]
        if len(some) >= _ENOUGH:
            found[study.name] = find_importances(opened.sweep, study, some)
    return {name: counts for name, counts in found.items() if counts}


def _metrics(row: Row) -> dict[str, Any]:
    try:
        found = json.loads(row.metrics_json)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
