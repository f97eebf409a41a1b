"""What `reprun sweep` says of a search: its space, and how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reprun.cli.top_marks import spark
from reprun.commands.sweep_open import Opened, shown_params
from reprun.commands.sweep_summary import Told
from reprun.commands.sweep_trials import journal_of
from reprun.core.text import show
from reprun.sweeps.axes import Axis
from reprun.sweeps.standing import Standing, best_so_far, standings
from reprun.sweeps.studies import studies_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST = 8  # values of a list that are shown
_BARS = 30  # of the curve of the best value


def space_lines(opened: Opened) -> Iterator[str]:
    """The studies and what they draw from."""
    search = opened.sweep.search
    if search is None:
        return
    goal = f" for {show(opened.sweep.metric)} ({opened.sweep.direction})" if opened.sweep.metric else ""
    for choice in opened.sweep.choices:
        if opened.options.title not in ("", choice.title):
            continue
        for study in studies_of(opened.sweep, choice):
            there = sum(task.trial is not None and task.trial.study == study.name for task in opened.tasks) // len(study.seeds)
            each = f", each with {len(study.seeds)} seeds" if len(study.seeds) > 1 else ""
            what = f"{show(study.name)}: {search.trials} trials{each}, sampler {search.sampler}{goal}, seed {study.seed}"
            rest = ", the others depend on what comes out" if search.is_adaptive else ", the space has no others that are allowed"
            yield f"{what}; {there} are known" + (rest if there < search.wanted(opened.options.sample) else "")
            width = max(len(", ".join(axis.names)) for axis in study.searched)
            for axis in study.searched:
                yield f"  {show(', '.join(axis.names)):{width}}  {_drawn(axis)}"


def _drawn(axis: Axis) -> str:
    when = f", where {show(axis.when.words())}" if axis.when else ""
    if axis.span is None:
        values = [show(", ".join(map(str, point))) for point in axis.points]
        return f"one of {', '.join(values[:_MOST])}{', …' if len(values) > _MOST else ''}{when}"
    kind = ", whole" if axis.span.whole else ""
    kind += f", steps of {axis.span.step:g}" if axis.span.step not in (None, 1.0) else ""
    return f"{axis.span.low:g} to {axis.span.high:g}{', log' if axis.span.log else ''}{kind}{when}"


def standing_lines(opened: Opened) -> Iterator[str]:
    """How each study stands after a pass."""
    search = opened.sweep.search
    for one in standings(opened.told, search.wanted(opened.options.sample), opened.sweep.direction) if search else ():
        counts = f"{one.complete} complete, {one.failed} failed, {one.running} under way"
        best = ""
        if one.best and one.best[-1].value is not None:
            told, name = one.best[-1], show(opened.sweep.metric)
            best = f"; best {name} {told.value:.6g} with {shown_params(told.trial.chosen)} (trial {told.trial.number})"
        yield f"{show(one.study)}: {one.asked} of {one.wanted} trials, {counts}{best}"


def search_data(opened: Opened) -> dict[str, Any] | None:
    """The search for JSON."""
    search = opened.sweep.search
    if search is None:
        return None
    found = standings(opened.told, search.wanted(opened.options.sample), opened.sweep.direction)
    return {
        "sampler": search.sampler,
        "metric": opened.sweep.metric,
        "direction": opened.sweep.direction,
        "journal": journal_of(opened.workspace, opened.file),
        "studies": [one.data() for one in found],
    }


def studies_told(told: Told) -> list[Standing]:
    """How the studies of a summary stand."""
    search, sweep = told.opened.sweep.search, told.opened.sweep
    return standings(told.trials, search.trials, sweep.direction) if search else []


def _thinned(curve: Sequence[float]) -> list[float]:
    """So many of the values as are shown, the first and the last among them."""
    if len(curve) <= _BARS:
        return list(curve)
    return [curve[round(index * (len(curve) - 1) / (_BARS - 1))] for index in range(_BARS)]


def trial_lines(told: Told) -> Iterator[str]:
    """How the best of each study was come by, and what counts."""
    for one in studies_told(told):
        some = [trial for trial in told.trials if trial.trial.study == one.study]
        curve = best_so_far(some, told.opened.sweep.direction)
        ends = f"{curve[0]:.6g} {spark(_thinned(curve), width=_BARS)} {curve[-1]:.6g}" if curve else "none has a value yet"
        yield f"{show(one.study)}: best {show(told.metric)} over {one.complete} trials: {ends}"
        for best in one.best:
            yield f"  trial {best.trial.number:<4} {best.value:<12.6g} {shown_params(best.trial.chosen)}  {best.run_id}"
        if counts := told.counts.get(one.study):
            yield "  importance: " + ", ".join(f"{show(name)} {share:.0%}" for name, share in counts.items())
