"""A sweep while it is planned: the runs that there are, what killed ones have left, and a step for each stage that is wanted."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress

from reprun.commands.launch_many import Ground, Planned, take_back
from reprun.commands.retrying import spares_of
from reprun.commands.states import FOLDER_GONE
from reprun.commands.sweep_open import Opened, Specs
from reprun.commands.sweep_queue import place_in_queue
from reprun.commands.sweep_runs import known_runs, sweep_tables
from reprun.commands.sweep_search import Searching
from reprun.commands.sweep_tries import as_given_up, blocked, new_tries, waits_for, with_spares
from reprun.core.errors import UnreachableError, UsageError
from reprun.core.frozen import replace
from reprun.core.outcome import FINAL
from reprun.core.spec import RunSpec
from reprun.repo.tree_diff import list_tree
from reprun.store.journal import list_open
from reprun.sweeps.expansion import Task, Wish, expand
from reprun.sweeps.identity import Basis, identity_of
from reprun.sweeps.plan import PENDING, Known, Rules, Runs, Step, Wanted, decide, superseded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Planning:
    """The tasks, the runs of them, and how one becomes the other. Who plans holds the lock of the sweeps."""

    def __init__(self, opened: Opened) -> None:
        self.opened, self.workspace = opened, opened.workspace
        self.specs, self.first = Specs(opened), opened.tasks[0]
        self.tables = sweep_tables(self.workspace)
        self.search = Searching(opened, self.tables) if opened.sweep.search else None
        if self.search is not None:
            self.opened = opened = self.search.opened
        self.tasks = {task.key: task for task in opened.tasks}
        self.known: list[Known] = []
        self.identities: dict[str, tuple[str, str]] = {}  # of the stages that are wanted now
        self.given_up: list[Known] = []
        self.open = set(list_open(self.workspace.repository.state_dir))
        self.left = {run_id: target for run_id in self.open if (target := self._left_on(run_id))}

    def lead(self, target: str) -> RunSpec:
        """The spec that stands for all on a target until the ground is there."""
        spec = self.specs.spec(self.first, self.first.stages[0])
        return replace(spec, target=target, sweep={"lead": True, "file": self.opened.file, "stage": self.first.stages[0]})

    def look(self, silent: Collection[str] = (), gone: Collection[str] = ()) -> None:
        """Finds the runs that there are as they are now, and takes back what a killed sweep has sealed and not queued. Hosts that
        are `silent` are not asked, and what has not ended on those that are `gone` is lost."""
        ours = [
            run_id for run_id, table in self.tables.items() if table["task"] in self.tasks or table["file"] == self.opened.file
        ]
        known = known_runs(self.workspace, self.tables, ours, silent)
        lost = {**self.left, **{run.run_id: run.target for run in known if self._never_queued(run)}}
        for target in [name for name in dict.fromkeys(lost.values()) if name not in silent]:
            some = [run_id for run_id, where in lost.items() if where == target]
            with suppress(UnreachableError):
                take_back(self.workspace, some, target)
                known = [run for run in known if run.run_id not in some]
        self.left = {}
        self.known = [_as_lost(run, gone) for run in known]
        for run in self.known:
            if run.run_id in self.open and run.state in PENDING:  # queued, and its launcher was killed before it heard so
                self.workspace.journal(run.run_id).close()

    def try_again(self) -> None:
        """What is held because too many failed alike is wanted anew. Once it is queued again, `given_up` are to be taken out."""
        wanted = {(task.key, stage) for task in self.tasks.values() for stage in task.stages}
        self.given_up = blocked(self.known, wanted)
        self.known = as_given_up(self.known, self.given_up)

    def plan(self, basis: Basis, rules: Rules) -> list[Step]:
        """A step for each wanted stage, as if there were room for all; of a search after it was asked what is wanted now."""
        if self.search is None:
            return self._steps(basis, rules)
        self.opened = self.search.ask(self._steps(basis, rules), self._runs(rules))
        fresh = {task.key: task for task in self.opened.tasks if task.key not in self.tasks}
        self.tasks.update(fresh)
        others = {run_id for run_id, table in self.tables.items() if table["task"] in fresh} - {run.run_id for run in self.known}
        self.known += known_runs(self.workspace, self.tables, sorted(others))
        steps = self._steps(basis, rules)
        self.opened = replace(self.opened, told=self.search.tell(steps, self._runs(rules)))
        return steps

    def _runs(self, rules: Rules) -> Runs:
        others = superseded(self.known)
        return Runs([run for run in self.known if run.run_id not in others], rules.policy)

    def _steps(self, basis: Basis, rules: Rules) -> list[Step]:
        wanted = [self._wanted(basis, task, stage) for task in self.opened.tasks for stage in task.stages]
        self.identities = {one.identity: (one.task, one.stage) for one in wanted}
        others = superseded(self.known)
        # By ids it is told what is newer: where passes are made again and again, a clock that is set back must not confuse that.
        after = max([rules.since, *(run.run_id for run in self.known)]) if rules.since else ""
        fresh = new_tries(len(wanted), self.opened.retries, after)
        known = [run for run in self.known if run.run_id not in others]

        def earlier(one: Wanted, stage: str) -> Wanted:
            return self._wanted(basis, self.tasks[one.task], stage)

        while True:
            steps = decide(wanted, Runs(known, rules.policy), rules, earlier, fresh)
            gone = {run.run_id for run in known if run.target in rules.gone and run.state == "finished"}
            missing = {step.builds_on for step in steps if step.action == "start"} & gone
            if not missing:
                return steps
            known = [_without_output(run) if run.run_id in missing else run for run in known]

    def rules(self, since: str = "", gone: Iterable[str] = ()) -> Rules:
        """How a plan is made."""
        options = self.opened.options
        return Rules(tuple(self.opened.sweep.stages), options.policy, options.force, since, tuple(gone))

    def launched_on(self, target: str, steps: Sequence[Step], basis: Basis, fence: bool = False) -> list[Planned]:
        """The runs of those steps, on a target. With a `fence` they wait for a word where it is booted before they begin."""
        place = place_in_queue(self.opened, target, self.tables, self.known)
        place = {stage: {**entry, "fence": True} for stage, entry in place.items()} if fence else place
        planned = (self._planned(step, target, basis, place) for step in steps)
        return [one for first in planned for one in with_spares(first, self.opened.retries)]

    def _left_on(self, run_id: str) -> str:
        """The target of what a killed sweep has left, for the next one holds the lock now: what stood for all, or was to be
        sealed and is not. Else empty."""
        journal = self.workspace.journal(run_id)
        spec = (journal.find("begin") or {}).get("spec")
        sweep = spec.get("sweep") if isinstance(spec, dict) else None
        if not isinstance(spec, dict) or not isinstance(sweep, dict):
            return ""
        is_unsealed = bool(sweep.get("identity")) and run_id not in self.tables and journal.find("sealed") is not None
        return str(spec.get("target") or "local") if sweep.get("lead") is True or is_unsealed else ""

    def _never_queued(self, run: Known) -> bool:
        """Sealed by a sweep that was killed, or whose target could not queue it. Its target knows nothing of it."""
        is_unknown = run.state == "unstarted" or (run.state == "lost" and FOLDER_GONE in run.words)
        return is_unknown and run.heard and run.run_id in self.open

    def _wanted(self, basis: Basis, task: Task, stage: str) -> Wanted:
        loose = self.opened.loose(task, stage)
        return Wanted(task.key, task.name, stage, identity_of(loose, basis), loose, basis.code)

    def _planned(self, step: Step, target: str, basis: Basis, place: dict[str, dict[str, Any]]) -> Planned:
        spec = self.specs.spec(self.tasks[step.wanted.task], step.wanted.stage)
        table = {**spec.sweep, "identity": step.wanted.identity, "code": basis.code}
        if step.builds_on:
            table["builds_on"] = step.builds_on
        is_known = not step.waits or step.builds_on in self.tables
        attempts = step.attempts if is_known else spares_of(step.builds_on, self.opened.retries)
        if attempts:
            table["builds_on_or"] = list(attempts)
        after = waits_for(step.builds_on, attempts) if step.waits else {}
        entry = dict(place[step.wanted.stage])
        asked: dict[str, Any] = {name: entry.pop(name) for name in ("gpus", "limit") if name in entry}
        spec = replace(spec, target=target, sweep=table, queue={**spec.queue, **asked, **after})
        return Planned(step.run_id, spec, entry)

    def removed(self) -> Iterable[Known]:
        """Runs under way that the whole file, whatever part of it was asked for now, does not ask for; and those that still wait
        with other code, data or packages for what is now done with these."""
        try:
            every = expand(self.opened.sweep, Wish(exists=lambda _: False, trials=self.search.known if self.search else None))
        except UsageError:  # too many to list: then all are asked for
            return
        asked = {(task.key, stage) for task in every for stage in task.stages}
        wanted = set(self.identities.values()) if self.opened.options.policy == "same code" else set()
        for run in self.known:
            is_ours = self.tables[run.run_id]["file"] == self.opened.file and run.state in PENDING
            is_outdated = (run.task, run.stage) in wanted and run.state == "queued" and run.identity not in self.identities
            if is_ours and ((run.task, run.stage) not in asked or is_outdated):
                yield run


def _as_lost(run: Known, gone: Collection[str]) -> Known:
    if run.target not in gone or run.state in FINAL:
        return run
    return replace(run, state="lost", words=f"lost ({run.target} is gone)", heard=True)


def _without_output(run: Known) -> Known:
    return replace(run, state="lost", words=f"its output is gone with {run.target}")


def basis_of(opened: Opened, ground: Ground) -> Basis:
    """What all tasks have in common, on this ground."""
    prepared = ground.prepared
    data = tuple(f"{one.get('path')}\0{one.get('sha256', '')}\0{one.get('size', '')}" for one in prepared["data"])
    lock = str(prepared["locked"].get("lock") or prepared["locked"]["digest"]) if prepared.get("locked") else ""
    tree = list_tree(opened.workspace.repository, ground.snapshot.tree)
    return Basis(opened.code(tree), lock, data)
