"""What `reprun sweep FILE` would do now, found out without doing it: what would start, what is finished, how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.sweep_open import Opened
from reprun.commands.sweep_places import ask_queues
from reprun.commands.sweep_queue import stage_seconds
from reprun.commands.sweep_runs import known_runs, sweep_tables
from reprun.commands.sweep_tries import as_given_up, blocked
from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass, replace
from reprun.core.measured import items
from reprun.repo.unwritten import find_entries
from reprun.sweeps.plan import Known, Rules, Runs, Step, Wanted, decide

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Foreseen:
    """A step for each stage of each task. `seconds` is how long what would start takes on `slots` slots; None where some stage
    has never run. `notes` is what could not be looked at."""

    steps: tuple[Step, ...]
    seconds: float | None
    slots: int
    notes: tuple[str, ...]


def foresee(opened: Opened) -> Foreseen:
    """What would become of each stage of each task. Data and packages are taken to be as they were: only the target knows."""
    workspace, options, sweep = opened.workspace, opened.options, opened.sweep
    tables = sweep_tables(workspace)
    keys = {task.key for task in opened.tasks}
    known = known_runs(workspace, tables, [one for one, table in tables.items() if table["task"] in keys])
    entries = find_entries(workspace.repository) if known else []
    code = opened.code(entries) if entries else ""
    notes = []
    if known and entries is None:
        notes.append("there are submodules: whether the code is the same is only known with the snapshot")
    if known and options.policy == "same code":
        notes.append("data and packages are taken to be as they were")
    by_key = {task.key: task for task in opened.tasks}

    def wanted(key: str, name: str, stage: str) -> Wanted:
        loose = opened.loose(by_key[key], stage)
        return Wanted(key, name, stage, _mark(code, loose), loose, code)

    every = [wanted(task.key, task.name, stage) for task in opened.tasks for stage in task.stages]
    # Known by code and command here; trials of `--debug` have no identity, and are none.
    known = as_given_up(known, blocked(known, {(one.task, one.stage) for one in every}))
    marked = [
        replace(run, identity=_mark(run.code if entries is not None else code, run.loose) if run.identity else "")
        for run in known
    ]
    steps = decide(
        every, Runs(marked, options.policy), Rules(tuple(sweep.stages), options.policy, options.force),
        lambda one, stage: wanted(one.task, one.name, stage), [""] * len(every),
    )  # fmt: skip
    slots = _slots(opened)
    return Foreseen(tuple(steps), _seconds(opened, steps, tables, known, slots), slots, tuple(notes))


def _mark(code: str, loose: str) -> str:
    return f"{code} {loose}"


def _slots(opened: Opened) -> int:
    """How many of its runs can be under way at once: by the slots of the targets that answer."""
    answers = ask_queues(opened.workspace, opened.targets, {}).values()
    found = sum(len(items(answer.get("slots"))) for answer in answers if not isinstance(answer, ReprunError))
    resources = opened.options.resources or opened.sweep.resources
    return min(found, len(resources) * len(opened.targets)) if resources else found


def _seconds(
    opened: Opened, steps: Sequence[Step], tables: dict[str, dict[str, Any]], known: Sequence[Known], slots: int
) -> float | None:
    """The work by the medians of earlier runs, spread over the slots; no task is faster than its stages one after the other."""
    took = {stage: stage_seconds(opened, stage, tables, known) for stage in {step.wanted.stage for step in steps}}
    chains: dict[str, float] = {}
    for step in steps:
        if step.action != "start":
            continue
        if took[step.wanted.stage] <= 0:
            return None
        chains[step.wanted.task] = chains.get(step.wanted.task, 0.0) + took[step.wanted.stage]
    return max(sum(chains.values()) / max(1, slots), max(chains.values(), default=0.0))
