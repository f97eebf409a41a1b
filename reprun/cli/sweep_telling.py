"""Answering `reprun sweep why` and `reprun sweep summary`."""

from __future__ import annotations

import shlex

from reprun.cli.envelope import answer, say
from reprun.cli.sweep_searched import studies_told, trial_lines
from reprun.cli.sweep_table import print_answers
from reprun.commands.sweep_open import SweepOptions, open_sweep, shown_params
from reprun.commands.sweep_summary import Told, summarise_sweep
from reprun.commands.sweep_why import find_reasons
from reprun.core.text import show
from reprun.sweeps.summary import Answer
from reprun.workspace import open_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ACTIONS = {"start": "started", "skip": "skipped", "keep": "left alone", "later": "waits here", "leave": "not tried again"}


def answer_why(task: str) -> int:
    """Says why a task was started or not."""
    reasons = find_reasons(open_workspace(), task)

    def human() -> None:
        first = reasons[0]
        print(f"{show(first.name)}  {first.task[:12]}")
        print(f"  {shown_params(first.params)}")
        for one in reasons:
            what = f"{_ACTIONS.get(one.action, one.action)}: {one.reason}" if one.action else "no sweep has decided about it"
            print(f"{show(one.stage):7} {show(what)}" + (f"  ({show(one.file)}, {one.at})" if one.at else ""))
            for run in one.runs:
                where = f", on {show(run.target)}" if run.target != "local" else ""
                print(f"        {run.run_id}  {show(run.words)}{where}")

    data = [
        {**{name: value for name, value in vars(one).items() if name != "runs"}, "runs": [vars(run) for run in one.runs]}
        for one in reasons
    ]
    return answer(data, human)


def answer_summary(options: SweepOptions, metric: str, direction: str) -> int:
    """The summary as a table, and what it says of the search."""
    told = summarise_sweep(open_sweep(open_workspace(), options), metric, direction)
    if fixed := [name for name in told.summary.roles.targets if told.opened.sweep.roles.get(name) == "fixed"]:
        say(f"note: {', '.join(map(show, fixed))} should be fixed and varies: each value has rows of its own")
    if told.codes > 1:
        say(f"note: these runs are of {told.codes} states of the code; reprun sweep {_file(told)} makes them one")
    if told.lacking:
        reasons = ", ".join(f"{count} {show(why)}" for why, count in told.lacking.items())
        say(f"note: tasks without a value: {reasons}; reprun sweep {_file(told)} starts what is missing")
    return answer(_data(told), lambda: _print(told))


def _file(told: Told) -> str:
    return shlex.quote(show(told.opened.options.file))


def _print(told: Told) -> None:
    roles = told.summary.roles
    shown = print_answers(told.summary.answers, roles, told.metric)
    for one in told.summary.answers[:shown]:
        for text in remarks(told, one):
            print(text)
    for line in trial_lines(told):
        print(line)
    for name, share in told.summary.matters.items():
        print(f"{show(name)} explains {share:.0%} of the variation within {_about(roles.targets)}")


def _about(targets: tuple[str, ...]) -> str:
    return f"each {' and '.join(map(show, targets))}" if targets else "the sweep"


def remarks(told: Told, one: Answer) -> list[str]:
    """What is to be known before the number is believed."""
    what = shown_params(one.target) or told.opened.stem
    found = [
        f"{what}: best {show(name)} = {value:g} is at the edge of its range, {low:g} to {high:g}: widen it"
        for name, value, low, high in one.edges
    ]
    if one.best is not None and len(one.best.values) < one.best.wanted:
        found.append(
            f"{what}: of its best setting {len(one.best.values)} of {one.best.wanted} runs have the metric: it may be luck"
        )
    if one.gain is not None and told.summary.roles.nuisances:
        width = one.best.half_width if one.best else None
        if one.gain == 0 or (width is not None and one.gain < width):
            less = f"only {one.gain:.3g} less on average" if one.gain else "as much"
            found.append(f"{what}: the search is saturated: half of it would have found {less}")
        else:
            found.append(f"{what}: the search may go on: half of it would have found {one.gain:.3g} less on average")
    return found


def _data(told: Told) -> dict[str, Any]:
    summary = told.summary
    answers = []
    for one in summary.answers:
        best = one.best
        answers.append(
            {
                "target": one.target,
                "mean": best.mean if best else None,
                "half_width_95": best.half_width if best else None,
                "n": len(best.values) if best else 0,
                "values": list(best.values) if best else [],
                "runs": list(best.runs) if best else [],
                "nuisance": best.nuisance if best else {},
                "settings": one.points,
                "missing": one.missing,
                "edges": [dict(zip(("name", "best", "low", "high"), edge, strict=True)) for edge in one.edges],
                "gain_over_half": one.gain,
                "remarks": remarks(told, one),
            }
        )
    return {
        "file": told.opened.file,
        "metric": told.metric,
        "direction": summary.direction,
        "roles": {"target": summary.roles.targets, "nuisance": summary.roles.nuisances, "seed": summary.roles.seeds},
        "answers": answers,
        "explains": summary.matters,
        "trials": [{**one.data(), "importance": told.counts.get(one.study, {})} for one in studies_told(told)],
        "codes": told.codes,
        "lacking": told.lacking,
    }
