"""What is to be started of a sweep: what is finished stays, what runs goes on, what is missing or has failed is started."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from reprun.core.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

PENDING = ("queued", "starting", "running")
POLICIES = ("same code", "any")
MOST_LOST = 3  # a task that ends its host each time must not go round
TAKEN_BACK = "taken back for another host"  # the reason of a run that was moved
OTHER_CODE = "with other code"
GIVEN_AWAY = "taken back: its task is another host's by now"


@dataclass(frozen=True)
class Known:
    """A run of a task that there is, with its state as it is now, in words too. `heard`: its host, `target`, has answered."""

    run_id: str
    task: str
    stage: str
    identity: str
    loose: str
    state: str
    words: str
    heard: bool = True
    code: str = ""
    target: str = ""
    parent: str = ""  # the run at which it is a further attempt

    @property
    def chain(self) -> str:
        """One attempt and its further ones have this in common."""
        return self.parent or self.run_id


@dataclass(frozen=True)
class Wanted:
    """A stage of a task that the file asks for."""

    task: str
    name: str
    stage: str
    identity: str
    loose: str
    code: str = ""


@dataclass(frozen=True)
class Step:
    """What becomes of a wanted stage: `start` on a `target`, with the run that it follows; `later`, when there is room for it;
    `skip`, `keep` and `leave`, with the run that there is.

    `waits`: the run that it follows is still to end. `attempts` are further ones at that, which wait themselves. `other` is the
    earlier run of which the reason of a start speaks.
    """

    wanted: Wanted
    action: str
    reason: str
    run_id: str = ""
    builds_on: str = ""
    waits: bool = False
    attempts: tuple[str, ...] = ()
    target: str = ""
    other: str = ""


@dataclass(frozen=True)
class Rules:
    """How a plan is made: the stages of the file in their order, the policy, whether what is finished is done again.

    `since` is the id of the first run that there can be of this wish, where passes are made for it again and again: what has
    failed since then is not tried again by itself, and what was lost `MOST_LOST` times neither. What is on hosts that are `gone`
    is lost.
    """

    stages: tuple[str, ...]
    policy: str = "same code"
    force: bool = False
    since: str = ""
    gone: tuple[str, ...] = ()


class Runs:
    """The runs that there are, by what they are runs of; the newest first."""

    def __init__(self, known: Iterable[Known], policy: str) -> None:
        self.policy = policy
        self._by: dict[str, list[Known]] = {}
        self._by_stage: dict[tuple[str, str], list[Known]] = {}
        for run in sorted(known, key=lambda run: run.run_id, reverse=True):
            if run.identity:  # one of --debug has none: a trial, whatever the policy
                self._by.setdefault(run.identity if policy == "same code" else run.loose, []).append(run)
            self._by_stage.setdefault((run.task, run.stage), []).append(run)

    def of(self, wanted: Wanted) -> list[Known]:
        """The runs that count as that stage of that task."""
        return self._by.get(wanted.identity if self.policy == "same code" else wanted.loose, [])

    def others(self, wanted: Wanted) -> list[Known]:
        """Runs of that task and stage, under whatever code."""
        return self._by_stage.get((wanted.task, wanted.stage), [])


def superseded(known: Iterable[Known]) -> set[str]:
    """Runs that wait though a newer one of the same task is under way or has finished it: their host was believed dead."""
    known = list(known)
    newest: dict[str, str] = {}
    for run in known:
        if run.state in (*PENDING, "finished"):
            newest[run.identity] = max(newest.get(run.identity, ""), run.chain)
    return {run.run_id for run in known if run.state == "queued" and run.heard and run.chain < newest[run.identity]}


def decide(
    wanted: Sequence[Wanted], runs: Runs, rules: Rules, earlier: Callable[[Wanted, str], Wanted], fresh: Sequence[str]
) -> list[Step]:
    """One step for each wanted stage. `earlier` is the same task at another stage; `fresh` are ids for the runs to be started,
    at least one for each."""
    ids = iter(fresh)
    started: dict[tuple[str, str], str] = {}
    steps = []
    for one in wanted:
        action, reason, run = _judge(one, runs, rules, any((one.task, stage) in started for stage in rules.stages))
        if action != "start":
            steps.append(Step(one, action, reason, run))
            continue
        before, waits, attempts = _before(one, runs, rules, started, earlier)
        run_id = next(ids)
        started[one.task, one.stage] = run_id
        steps.append(Step(one, action, reason, run_id, before, waits, attempts, other=run))
    return steps


def _judge(one: Wanted, runs: Runs, rules: Rules, follows: bool = False) -> tuple[str, str, str]:
    """What becomes of one; `follows` an earlier stage that is started now."""
    found = runs.of(one)
    for run in found:
        if run.state == "finished" and not rules.force:  # an older one that waits is a further attempt, which is not needed
            break
        if run.state in PENDING:
            return "keep", f"{run.run_id} is {run.words}", run.run_id
        if not run.heard:
            where = f"{run.target}, which" if run.target else "a host that"
            return "keep", f"what became of {run.run_id} is not known: it is on {where} does not answer", run.run_id
    done = next((run for run in found if run.state == "finished"), None)
    if done is not None and not (rules.force and not _is_since(done, rules)):
        return "skip", f"finished as {done.run_id}", done.run_id
    if done is not None:
        return "start", f"again, as asked: {done.run_id} had finished", ""
    if found:
        left = _left(found, rules) if not follows else ""
        return ("leave", left, found[0].run_id) if left else ("start", f"{found[0].run_id}: {found[0].words}", "")
    others = runs.others(one)
    other = next((run for run in others if run.state == "finished"), None)
    if other is not None:
        return "start", f"{other.run_id} had finished, with {_difference(one, other)}", other.run_id
    if others:
        return "start", f"{others[0].run_id}: {others[0].words}, with {_difference(one, others[0])}", others[0].run_id
    return "start", "it never ran", ""


def _is_since(run: Known, rules: Rules) -> bool:
    return bool(rules.since) and run.run_id >= rules.since


def _is_moved(run: Known) -> bool:
    return run.state == "canceled" and (TAKEN_BACK in run.words or GIVEN_AWAY in run.words)


def _left(found: Sequence[Known], rules: Rules) -> str:
    """Why what has no good end is not started again by itself; empty where it is."""
    since = [run for run in found if _is_since(run, rules)]
    bad = next((run for run in since if run.state != "lost" and not _is_moved(run)), None)
    if bad is not None:
        return f"{bad.run_id}: {bad.words}; reprun sweep starts it again"
    lost = [run for run in since if run.state == "lost"]
    return f"lost {len(lost)} times, last as {lost[0].run_id}; reprun sweep starts it again" if len(lost) >= MOST_LOST else ""


def _difference(one: Wanted, other: Known) -> str:
    """Why a run of the same task and stage is not the same. One of `--debug` is only a trial."""
    if not other.identity:
        return "--debug"
    found = [what for what, is_same in (("code", one.code == other.code), ("command", one.loose == other.loose)) if not is_same]
    return f"other {' and '.join(found or ['data or packages'])}"


def _before(
    one: Wanted, runs: Runs, rules: Rules, started: Mapping[tuple[str, str], str], earlier: Callable[[Wanted, str], Wanted]
) -> tuple[str, bool, tuple[str, ...]]:
    """The run whose output this stage begins with, whether it is still to end, and further attempts at it."""
    for stage in reversed(rules.stages[: rules.stages.index(one.stage)]):
        fresh = started.get((one.task, stage))
        if fresh:
            return fresh, True, ()
        found = [run for run in runs.of(earlier(one, stage)) if run.state in PENDING or run.state == "finished"]
        if found and found[0].state == "finished":
            return found[0].run_id, False, ()
        if found:
            return found[0].run_id, True, tuple(run.run_id for run in found[1:] if run.state in PENDING)
    return "", False, ()
