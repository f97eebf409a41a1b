"""Answering `reprun sweep FILE`: the tasks shown, queued, or the first of them run here."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence

from reprun.cli.confirming import can_ask, says_yes
from reprun.cli.envelope import answer, is_json, say
from reprun.cli.notes import say_notes
from reprun.cli.progress import progress
from reprun.cli.sweep_searched import search_data, space_lines, standing_lines
from reprun.cli.table import print_table
from reprun.commands.sweep import Ran, run_sweep
from reprun.commands.sweep_open import Opened, Specs, SweepOptions, open_sweep, shown_params
from reprun.core.errors import UsageError
from reprun.core.frozen import replace
from reprun.core.outcome import exit_status
from reprun.core.text import human_seconds, show
from reprun.sweeps.plan import OTHER_CODE, POLICIES, Known, Step
from reprun.sweeps.sharing import words_of
from reprun.workspace import Workspace, open_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.commands.sweep_foresee import Foreseen

_TRIED = 100  # tasks whose specs a dry run makes, to find what is wrong


def answer_sweep(options: SweepOptions, how: str, yes: bool, first: bool = False) -> int:
    """Queues the sweep; or shows it (`how` is "dry"; with `first` its first task), or runs its first task here ("debug")."""
    if options.policy not in POLICIES:
        raise UsageError(
            f"--since-commit {show(options.policy)} is no policy", hint=" or ".join(f"--since-commit '{one}'" for one in POLICIES)
        )
    workspace = open_workspace()
    with progress() as tell:
        tell("reading the sweep file")
        opened = open_sweep(workspace, options)
    for note in opened.sweep.notes:
        say(f"note: {note}")
    if unused := opened.unused():
        say(f"note: unused parameters: {', '.join(map(show, unused))}; no template has them, they only tell tasks apart")
    if how == "dry":
        return _show(replace(opened, tasks=opened.tasks[:1]) if first else opened)
    if workspace.repository.has_hooks():
        from reprun.cli.hook_asking import settle_hooks

        settle_hooks(workspace)
    if how == "debug":
        return _debug(opened)
    ran, keeper = _run(opened)
    say_notes(workspace)
    for remark in ran.opened.remarks:
        say(f"note: {remark}")
    stopped = _removed(workspace, ran, yes)
    return answer({**_data(ran, stopped), "keeper": keeper}, lambda: _print(ran, keeper))


def _run(opened: Opened) -> tuple[Ran, str]:
    """Makes the one pass that is enough, or the first of many. What the keeper does then: "" for none, "started" or "told"."""
    from reprun.commands.sweep_pass import first_pass, needs_keeper

    with progress() as tell:
        if not needs_keeper(opened):
            return run_sweep(opened, tell), ""
        passed = first_pass(opened, tell)
    if passed.is_over:
        return passed.ran, ""
    from reprun.commands.sweep_keep import ensure_keeper

    return passed.ran, "started" if ensure_keeper(opened.workspace, passed.pin) else "told"


def _show(opened: Opened) -> int:
    if not opened.tasks:
        say(f"note: {opened.nothing().message}")
    else:
        specs = Specs(opened)
        for task in opened.tasks[:_TRIED]:
            for stage in task.stages:
                specs.spec(task, stage)
    from reprun.commands.sweep_foresee import foresee

    with progress() as tell:
        tell("comparing with earlier runs")
        found = foresee(opened)
    for note in found.notes:
        say(f"note: {note}")
    _explain(found.steps, opened.file)
    tasks = {task.key: task for task in opened.tasks}
    rows = [(tasks[step.wanted.task], step, opened.command(tasks[step.wanted.task], step.wanted.stage)) for step in found.steps]

    def human() -> None:
        counts = f"{_count(len(opened.tasks), 'task')}, {_count(len(rows), 'run')}"
        for line in space_lines(opened):
            print(line)
        print(f"{counts}; output/NAME stands for the output folder of each run")
        for task, step, command in rows:
            print(f"{step.action:6}{show(step.wanted.stage):7} {show(task.name) or opened.stem}  ({show(step.reason)})")
            if step.action == "start":
                print(f"        {show(command.shown)}")
        print(_outlook(found))

    data = [
        {
            "task": task.key, "name": task.name, "stage": step.wanted.stage, "params": task.params, "command": command.shown,
            "argv": list(command.argv), "action": step.action, "reason": step.reason, "run_id": step.run_id,
            "trial": task.trial.number if task.trial else None,
        }
        for task, step, command in rows
    ]  # fmt: skip
    more = {"seconds": found.seconds, "slots": found.slots, "unused": opened.unused(), "search": search_data(opened)}
    return answer({"tasks": len(opened.tasks), "runs": data, **more, "notes": [*opened.sweep.notes, *found.notes]}, human)


def _explain(steps: Sequence[Step], file: str) -> None:
    """What a person can do who did not mean to change the code."""
    changed = next((step for step in steps if step.action == "start" and OTHER_CODE in step.reason), None)
    if changed is not None:
        ran = f"; reprun diff {changed.other} {changed.run_id} says what changed" if changed.run_id else ""
        say(f"note: other code starts everything again{ran}; --since-commit any takes what has finished")
        say(f"note: what is no code: ignore: [PATH] in {show(file)}")


def _outlook(found: Foreseen) -> str:
    counts = {action: sum(step.action == action for step in found.steps) for action in ("start", "skip", "keep")}
    text = f"{_count(counts['start'], 'run')} would start, {counts['skip']} finished before, {counts['keep']} under way"
    if not counts["start"]:
        return text
    if found.seconds is None:
        return f"{text}; how long it takes is not known: no run of some stage has finished yet"
    on = f" on {_count(found.slots, 'slot')}" if found.slots else ""
    return f"{text}; that takes about {human_seconds(found.seconds)}{on}, by the runs before"


def _debug(opened: Opened) -> int:
    """The first task, stage by stage, in the foreground, up to the first stage that fails."""
    from reprun.cli.launch_answer import follow_launched, print_launched
    from reprun.cli.seen import after_seeing
    from reprun.commands.launch import launch

    if not opened.tasks:
        raise opened.nothing()
    task, specs, before, status = opened.tasks[0], Specs(opened), "", 0
    runs: list[dict[str, Any]] = []
    say(": ".join(filter(None, (show(task.name) or opened.stem, shown_params(task.params)))))
    for stage in task.stages:
        spec = specs.spec(task, stage)
        table = {**spec.sweep, **({"builds_on": before} if before else {})}
        with progress() as tell:
            launched = launch(opened.workspace, replace(spec, queue={}, sweep=table), tell=tell)
        say_notes(opened.workspace)
        if not is_json():
            print_launched(launched)
        state, data = follow_launched(opened.workspace, launched)
        runs.append({"stage": stage, **data})
        if not is_json():
            print(f"{launched.run_id}  {state.words}", flush=True)
        before, status = launched.run_id, exit_status(state)
        if status:
            break
    whole = {"file": opened.file, "task": task.key, "name": task.name, "params": task.params, "runs": runs}
    answer(whole, lambda: None, status)
    after_seeing(opened.workspace)
    return status


def _removed(workspace: Workspace, ran: Ran, yes: bool) -> list[str]:
    """Offers to stop what the file does not ask for any more. Without a yes it goes on."""
    wanted = {(step.wanted.task, step.wanted.stage) for step in ran.steps}
    for run in ran.removed:
        is_outdated = (run.task, run.stage) in wanted
        why = "wants it with other code, data or packages now" if is_outdated else "does not ask for it any more"
        say(f"{run.run_id} is {run.words}, and {show(ran.opened.file)} {why}")
    return offer_to_stop(workspace, ran.removed, yes, shlex.join(["reprun", "sweep", *ran.opened.options.words(), "--yes"]))


def offer_to_stop(
    workspace: Workspace, runs: Sequence[Known], yes: bool, command: str, reason: str = "its sweep does not ask for it any more"
) -> list[str]:
    """Stops runs under way, or takes them out of their queue for the `reason`, if somebody says yes; `command` says it without
    being asked."""
    if not runs:
        return []
    from reprun.commands.sweep_tries import end_all

    waiting = sum(run.state == "queued" for run in runs)
    going = len(runs) - waiting
    parts = [f"stop {_count(going, 'run')}"] * bool(going) + [f"take {_count(waiting, 'run')} out of the queue"] * bool(waiting)
    what = " and ".join(parts)
    if not yes and not (can_ask() and says_yes(f"{what}?")):
        say(f"they go on; to {what}: {command}")
        return []
    states = end_all(workspace, runs, reason)
    for run_id, state in states.items():
        say(f"{run_id}  {state.words}")
    return [run_id for run_id, state in states.items() if state.is_final]


def _print(ran: Ran, keeper: str) -> None:
    shared = len(ran.opened.targets) > 1
    head = ("", "STAGE", "TASK", "WHY", *(("ON",) if shared else ()), "RUN")
    trials = {task.key: f"trial {task.trial.number}: " for task in ran.opened.tasks if task.trial}
    rows = [
        (
            step.action, step.wanted.stage, step.wanted.name or ran.opened.stem,
            trials.get(step.wanted.task, "") + step.reason.removesuffix(f" as {step.run_id}"),  # it stands at the end
            *((step.target or "-",) if shared else ()), step.run_id,
        )
        for step in ran.steps
    ]  # fmt: skip
    many = len(rows) > 60
    print_table(head, rows[:40] if many else rows, flexible=2, is_middle=True)
    if many:
        print(f"… and {len(rows) - 40} more")
    counts = {action: sum(step.action == action for step in ran.steps) for action in ("start", "skip", "keep", "later")}
    later = f", {counts['later']} wait for a slot" if keeper else ""
    print(f"{_count(counts['start'], 'run')} queued, {counts['skip']} finished before, {counts['keep']} under way{later}")
    if len(ran.opened.targets) > 1 and ran.started:
        print(words_of(Counter(step.target for step in ran.started)))
    for line in standing_lines(ran.opened):
        print(line)
    _explain(ran.steps, ran.opened.file)
    for name, why in ran.left_out.items():
        say(f"{show(name)} gets nothing: {show(why)}")
    if keeper:
        again = "a process" if keeper == "started" else "the process that is at it"
        say(f"{again} on this machine sees to the rest; what it does: reprun sweep log {show(ran.opened.options.file)}")
    sample = f" --sample {ran.opened.options.sample}" if ran.opened.options.sample else ""
    summary = f"reprun sweep summary {shlex.quote(ran.opened.options.file)}{sample}"
    if counts["start"] or counts["keep"] or keeper:
        say(f"reprun queue   reprun top   {summary}")
    else:
        say(summary)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _data(ran: Ran, stopped: list[str]) -> dict[str, Any]:
    steps = [
        {
            "action": step.action, "reason": step.reason, "run_id": step.run_id, "builds_on": step.builds_on,
            "task": step.wanted.task, "name": step.wanted.name, "stage": step.wanted.stage, "identity": step.wanted.identity,
            "target": step.target or ran.opened.options.target,
        }
        for step in ran.steps
    ]  # fmt: skip
    removed: list[Known] = list(ran.removed)
    return {
        "file": ran.opened.file,
        "steps": steps,
        "removed": [run.run_id for run in removed],
        "stopped": stopped,
        "left_out": ran.left_out,
        "search": search_data(ran.opened),
    }
