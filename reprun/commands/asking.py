"""Asking targets about runs: all hosts at once, and each of them once, however many runs there are."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial

from reprun.core.errors import ReprunError, ToolError, UnreachableError, UsageError
from reprun.core.frozen import dataclass, field
from reprun.core.outcome import RunState, state_of
from reprun.core.text import show
from reprun.store.rows import Row
from reprun.system.together import Work
from reprun.targets import Target
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Heard:
    """What a target said of some runs, and which machine said it; or why it said nothing."""

    target: str
    states: dict[str, RunState] = field(default_factory=dict)
    machine_id: str = ""
    hostname: str = ""
    standing: str = ""
    is_here: bool = False
    trouble: ReprunError | None = None


@dataclass(frozen=True)
class _Question:
    """The runs of one REPRUN_HOME of a host; `home` None: the one that is usual there."""

    target: Target
    home: str | None
    run_ids: list[str]


def hear(workspace: Workspace, rows: Iterable[Row]) -> dict[str, Heard]:
    """What the targets of these runs say of them, by run id. Raises only what this machine itself fails with."""
    heard: dict[str, Heard] = {}
    far: dict[str, list[_Question]] = {}
    for question in _questions(workspace, rows, heard):
        if question.target.host.is_here:
            heard |= dict.fromkeys(question.run_ids, _ask(question))
        else:
            far.setdefault(question.target.host.name, []).append(question)
    if far:
        heard |= _hear_far(workspace, far)
    return heard


def _questions(workspace: Workspace, rows: Iterable[Row], heard: dict[str, Heard]) -> list[_Question]:
    """One question for each host and REPRUN_HOME. Runs on targets that nobody describes any more are answered in `heard`."""
    found: dict[tuple[str, str], _Question] = {}
    lost: dict[str, Heard] = {}
    for row in rows:
        name, home = workspace.watched_place_of(row)
        if name not in lost:
            try:
                target = workspace.target(name)
            except UsageError as error:
                lost[name] = Heard(name, trouble=_no_target(name, error))
        if name in lost:
            heard[row.run_id] = lost[name]
            continue
        key = (target.host.name, home or f"\0{name}")
        found.setdefault(key, _Question(target, home, [])).run_ids.append(row.run_id)
    return list(found.values())


def _no_target(name: str, error: UsageError) -> UsageError:
    return UsageError(f"the target {show(name)!r}, on which there are runs, is not in the settings any more", hint=error.hint)


def _hear_far(workspace: Workspace, far: dict[str, list[_Question]]) -> dict[str, Heard]:
    works = {
        host: Work(partial(_ask_one_by_one, asked), max(one.target.patience for one in asked)) for host, asked in far.items()
    }
    done = workspace.together.do(works)
    heard: dict[str, Heard] = {}
    for host, asked in far.items():
        if host in done:
            answers = done[host].get()
        else:
            late = UnreachableError(f"{host} did not answer within {works[host].seconds:g} s")
            answers = [Heard(one.target.name, trouble=late) for one in asked]
        for question, answer in zip(asked, answers, strict=True):
            heard |= dict.fromkeys(question.run_ids, answer)
    return heard


def _ask_one_by_one(asked: Sequence[_Question]) -> list[Heard]:
    """The questions to one host. One that cannot be reached is not tried again for its other questions."""
    answers: list[Heard] = []
    for question in asked:
        before = answers[-1].trouble if answers else None
        if isinstance(before, UnreachableError):
            answers.append(Heard(question.target.name, trouble=before))
            continue
        try:
            answers.append(_ask(question))
        except ReprunError as error:
            answers.append(Heard(question.target.name, trouble=error))
    return answers


def _ask(question: _Question) -> Heard:
    host = question.target.host
    answer = host.ask({"op": "state", "run_ids": question.run_ids, "home": question.home})
    try:
        states = {run_id: state_of(answer["runs"][run_id]) for run_id in question.run_ids}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise ToolError(f"{host.name} gave an answer of another shape", hint="reprun doctor") from None
    machine, name, standing = (str(answer.get(key, "")) for key in ("machine_id", "hostname", "standing"))
    return Heard(question.target.name, states, machine, name, standing, host.is_here)
