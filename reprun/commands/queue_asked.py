"""What a launch asks of the queue: read and resolved before anything happens. The answer is part of the spec."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from reprun.commands.states import get_state, require_link
from reprun.config.fields import size
from reprun.core import queued
from reprun.core.errors import NotFoundError, RefusedError, UsageError
from reprun.core.frozen import replace
from reprun.core.measured import mapping, metrics_of
from reprun.core.outcome import RunState
from reprun.core.spec import RunSpec
from reprun.core.text import show, show_some
from reprun.runner.queue_conditions import metric_of
from reprun.store.rows import Row
from reprun.system.clock import local_now

if TYPE_CHECKING:
    from reprun.commands.build_spec import LaunchOptions
    from reprun.workspace import Workspace

# The options that mean something only in the queue, by their names in `LaunchOptions`.
OPTIONS = {
    "priority": "--priority", "kind": "--kind", "after": "--after", "after_ok": "--after-ok", "condition": "--if",
    "not_before": "--not-before", "retries": "--retries", "memory": "--memory", "cpus": "--cpus",
}  # fmt: skip


def refuse_without_queue(options: LaunchOptions) -> None:
    """Raises `UsageError` for the first option that waits for something, in a launch that does not wait."""
    option = next((word for name, word in OPTIONS.items() if getattr(options, name)), "")
    raise UsageError(
        f"{option} is for a run in the queue, and this launch starts at once", hint=f"reprun launch --queue {option} …"
    )


def asked_of(workspace: Workspace, options: LaunchOptions) -> dict[str, Any]:
    """What is asked of the queue; what is not asked for is left out, but for `kind`. Raises `UsageError`, `NotFoundError` or
    `RefusedError` for what cannot come true."""
    kind = queued.parse_kind(options.kind) if options.kind else str(workspace.settings.queue.get("kind", ""))
    asked: dict[str, Any] = {"kind": kind}
    if options.priority:
        asked["priority"] = queued.parse_priority(options.priority)
    if options.not_before:
        asked["not_before"] = queued.parse_not_before(options.not_before, local_now())
    if options.retries:
        asked["retries"] = queued.parse_count("--retries", options.retries, 0, queued.MOST_RETRIES)
    if options.memory:
        asked["memory"] = _memory(options.memory)
    if options.cpus:
        asked["cpus"] = queued.parse_count("--cpus", options.cpus, 1, 100_000)
    if options.gpus:
        asked["gpus"] = _gpus(options.gpus)
    if workspace.settings.queue.get("limit"):
        asked["limit"] = workspace.settings.queue["limit"]
    after = _Before(workspace, options.target).all(options)
    if after:
        asked["after"] = after
    if options.condition:
        asked |= _condition(workspace, options)
    return asked


def queued_again(workspace: Workspace, spec: RunSpec) -> RunSpec:
    """The spec of a recorded run for the queue: as many GPUs as it was given by name; the slot says which."""
    gpus = {"": 0, "none": -1}.get(spec.gpus, len(spec.gpus.split(",")))
    asked = {"kind": str(workspace.settings.queue.get("kind", ""))} | ({"gpus": gpus} if gpus else {})
    return replace(spec, gpus="none" if spec.gpus == "none" else "", queue=asked)


def _memory(text: str) -> int:
    where = f"--memory {show(text)}"
    try:
        found = size(where, int(text) if text.isascii() and text.isdigit() and len(text) < 19 else text)
    except UsageError:
        found = 0
    if not 0 < found < 1 << 62:
        raise UsageError(f"{where} is not a size", hint="for example --memory 8G")
    return found


def _gpus(text: str) -> int:
    """How many; a slot says which. -1 is none at all."""
    if text == "none":
        return -1
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= 1024 and len(text) < 5):
        raise UsageError(
            f"--gpus {show(text)} names GPUs, and in the queue the slot does that", hint="say how many: --gpus 1, or --gpus none"
        )
    return int(text)


class _Before:
    """The runs that a queued run waits for, as they are now."""

    def __init__(self, workspace: Workspace, target: str) -> None:
        self.workspace, self.target = workspace, target

    def all(self, options: LaunchOptions) -> list[dict[str, Any]]:
        """`{"run", "ok"}` of those that are not over yet. Raises `RefusedError` for one that cannot be waited for."""
        found: dict[str, dict[str, Any]] = {}
        for texts, ok in ((options.after, False), (options.after_ok, True)):
            for text in texts:
                row = self.workspace.find_run(text)
                states = self.attempts(row)
                if self.is_awaited(row, states, ok):
                    self.require_same_host(row, "--after-ok" if ok else "--after")
                    found[row.run_id] = {"run": row.run_id, "ok": ok, **or_of(states)}
        return list(found.values())

    def attempts(self, row: Row) -> dict[str, RunState]:
        """A run as it is now, and the runs that stand in for it if it fails."""
        from reprun.commands.retrying import attempts_at

        history, found = self.workspace.history(), {row.run_id: self.state(row)}
        for run_id in attempts_at(self.workspace, row.run_id)[1:]:
            spare = history.find(run_id)
            if spare is not None:
                found[run_id] = self.state(spare)
        return found

    def is_awaited(self, row: Row, states: dict[str, RunState], ok: bool) -> bool:
        """False for a run that has ended as it should."""
        if ok and any(state.state == "finished" for state in states.values()):
            return False
        if all(state.is_final for state in states.values()):
            if ok:
                raise RefusedError(
                    f"--after-ok {row.run_id}: it is {states[row.run_id].words}, so this run would never start",
                    hint=f"reprun reproduce {row.run_id}, or --after for a start however it ends",
                )
            return False
        return True

    def state(self, row: Row) -> RunState:
        """How it is now. Raises `UnreachableError` where that cannot be known."""
        return require_link(self.workspace, row, get_state(self.workspace, row))

    def require_same_host(self, row: Row, option: str) -> None:
        """The queue of a host sees the runs of that host, and no others."""
        place = self.workspace.place_of(row)[0]
        if self.workspace.target(place).host.place != self.workspace.target(self.target).host.place:
            raise RefusedError(
                f"{option} {row.run_id}: it is on {show(place)}, where the queue of {show(self.target)} cannot see its end",
                hint=f"reprun wait {row.run_id}, then launch; or --on {show(place)}",
            )


def or_of(states: Mapping[str, RunState]) -> dict[str, list[str]]:
    """The further attempts at a run, as the queue is told of them."""
    return {"or": list(states)[1:]} if len(states) > 1 else {}


def spoken_for(states: Iterable[RunState]) -> RunState:
    """Of the attempts at a run the one that speaks for it: that which finished, else one that is not over, else the last that
    ran. The worker judges in the same way."""
    states = list(states)
    ran = [state for state in states if state.state != "canceled"] or states
    finished = [state for state in states if state.state == "finished"]
    return (finished or [state for state in ran if not state.is_final] or ran[-1:])[0]


def _condition(workspace: Workspace, options: LaunchOptions) -> dict[str, Any]:
    """`{"if": …}`; nothing where the run is over and the condition holds."""
    wanted = queued.parse_condition(options.condition)
    row, metric = _run_and_metric(workspace, wanted.left)
    before = _Before(workspace, options.target)
    states = before.attempts(row)
    state = spoken_for(states.values())
    if not state.is_final:
        before.require_same_host(row, "--if")
        return {"if": {"run": row.run_id, "metric": metric, "op": wanted.op, "value": wanted.value, **or_of(states)}}
    shown = f"{row.run_id}.{show(metric)} {wanted.op} {wanted.value:g}"
    known = metrics_of(state.record)
    last = metric_of(mapping(state.record), metric)
    if last is None:
        names = f"reprun show {row.run_id}; it has {show_some(sorted(known))}" if known else f"reprun show {row.run_id}"
        raise RefusedError(f"--if {shown}: it is {state.words} and has no such metric, so this run would never start", hint=names)
    if not wanted.holds(last):
        raise RefusedError(
            f"--if {shown}: it has ended with {last:.6g}, so this run would never start", hint=f"reprun show {row.run_id}"
        )
    return {}


def _run_and_metric(workspace: Workspace, left: str) -> tuple[Row, str]:
    first: NotFoundError | None = None
    for run, metric in queued.splits(left):
        try:
            return workspace.find_run(run), metric
        except NotFoundError as error:
            first = first or error
    raise first or UsageError(f"--if {show(left)} names no run and metric", hint="write it as --if 'baseline.accuracy > 0.9'")
