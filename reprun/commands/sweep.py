"""A sweep, from its file to runs in the queue. The file is the desired state: only what is missing or has failed is started."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from reprun.commands.launch import Tell, ignore
from reprun.commands.launch_many import Ground, Planned, launch_many, take_back
from reprun.commands.states import FOLDER_GONE
from reprun.commands.sweep_open import Opened, Specs
from reprun.commands.sweep_queue import place_in_queue
from reprun.commands.sweep_runs import known_runs, remember_tables, sweep_tables
from reprun.commands.sweep_tries import as_gone, blocked, give_up, new_tries, spares_of, waits_for, with_spares
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.repo.tree_diff import list_tree
from reprun.store.journal import list_open
from reprun.sweeps.expansion import Task, Wish, expand
from reprun.sweeps.identity import Basis, code_of, identity_of
from reprun.sweeps.naming import folder_of
from reprun.sweeps.plan import PENDING, Known, Rules, Runs, Step, Wanted, decide
from reprun.system.clock import iso_now
from reprun.system.files import ensure_dir, link_to, locked, write_json
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Ran:
    """What became of a sweep: a step for each stage of each task, and runs under way that the file does not ask for any more."""

    opened: Opened
    steps: tuple[Step, ...]
    removed: tuple[Known, ...]

    @property
    def started(self) -> list[Step]:
        """The steps whose runs entered the queue."""
        return [step for step in self.steps if step.action == "start"]


def run_sweep(opened: Opened, tell: Tell = ignore) -> Ran:
    """Queues what is missing. Raises the errors of a launch."""
    if not opened.tasks:
        raise UsageError(f"{show(opened.file)} asks for no task", hint="reprun sweep FILE --dry-run")
    folder = ensure_dir(os.path.join(opened.workspace.repository.state_dir, "sweeps"))
    with locked(os.path.join(folder, "lock"), exclusive=True):  # whoever comes second sees what the first has queued
        sweeping = _Sweeping(opened)
        planned = launch_many(opened.workspace, sweeping.lead(), sweeping.choose, tell)
        give_up(opened.workspace, sweeping.gone)  # only now: whoever is killed before that has lost nothing
        remember_tables(opened.workspace, {one.run_id: one.spec.sweep for one in planned})
        _note(opened, sweeping.steps)
        _link(opened, planned)
        return Ran(opened, tuple(sweeping.steps), tuple(sweeping.removed()))


class _Sweeping:
    """A sweep while it is planned."""

    def __init__(self, opened: Opened) -> None:
        self.opened, self.workspace = opened, opened.workspace
        self.specs = Specs(opened)
        self.tables = sweep_tables(self.workspace)
        self.tasks = {task.key: task for task in opened.tasks}
        self.steps: list[Step] = []
        self.known: list[Known] = []
        self.gone: list[Known] = []
        self.open = set(list_open(self.workspace.repository.state_dir))
        self.left = [run_id for run_id in self.open if self._was_left(run_id)]

    def lead(self) -> RunSpec:
        """The spec that stands for all until the snapshot is there."""
        first = self.opened.tasks[0]
        return replace(
            self.specs.spec(first, first.stages[0]), sweep={"lead": True, "file": self.opened.file, "stage": first.stages[0]}
        )

    def choose(self, ground: Ground) -> list[Planned]:
        """What is to be launched on this ground."""
        options, sweep = self.opened.options, self.opened.sweep
        basis = basis_of(self.workspace, ground, (self.opened.file, *sweep.ignore))
        ours = [
            run_id for run_id, table in self.tables.items() if table["task"] in self.tasks or table["file"] == self.opened.file
        ]
        self.known = known_runs(self.workspace, self.tables, ours)
        lost = [*self.left, *(run.run_id for run in self.known if self._never_queued(run))]
        take_back(self.workspace, lost, options.target)
        self.known = [run for run in self.known if run.run_id not in lost]
        for run in self.known:
            if run.run_id in self.open and run.state in PENDING:  # queued, and its launcher was killed before it heard so
                self.workspace.journal(run.run_id).close()
        wanted = [self._wanted(basis, task, stage) for task in self.opened.tasks for stage in task.stages]
        self.gone = blocked(self.known, {(one.task, one.stage) for one in wanted})
        self.known = as_gone(self.known, self.gone)
        runs = Runs(self.known, options.policy)
        rules = Rules(tuple(sweep.stages), options.policy, options.force)

        def earlier(one: Wanted, stage: str) -> Wanted:
            return self._wanted(basis, self.tasks[one.task], stage)

        retries = self.opened.retries
        self.steps = decide(wanted, runs, rules, earlier, new_tries(len(wanted), retries))
        place = place_in_queue(self.opened, self.tables, self.known)
        planned = (self._planned(step, basis, place) for step in self.steps if step.action == "start")
        return [one for first in planned for one in with_spares(first, retries)]

    def _was_left(self, run_id: str) -> bool:
        """Of a sweep that was killed, for the next one holds the lock now: what stood for all, or was to be sealed and is not."""
        journal = self.workspace.journal(run_id)
        spec = (journal.find("begin") or {}).get("spec")
        sweep = spec.get("sweep") if isinstance(spec, dict) else None
        if not isinstance(sweep, dict) or sweep.get("lead") is True:
            return isinstance(sweep, dict)
        return bool(sweep.get("identity")) and run_id not in self.tables and journal.find("sealed") is not None

    def _never_queued(self, run: Known) -> bool:
        """Sealed by a sweep that was killed, or whose target could not queue it. Its target knows nothing of it."""
        is_unknown = run.state == "unstarted" or (run.state == "lost" and FOLDER_GONE in run.words)
        return is_unknown and run.heard and run.run_id in self.open

    def _wanted(self, basis: Basis, task: Task, stage: str) -> Wanted:
        loose = self.opened.loose(task, stage)
        return Wanted(task.key, task.name, stage, identity_of(loose, basis), loose, basis.code)

    def _planned(self, step: Step, basis: Basis, place: dict[str, dict[str, Any]]) -> Planned:
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
        return Planned(step.run_id, replace(spec, sweep=table, queue={**spec.queue, **asked, **after}), entry)

    def removed(self) -> Iterable[Known]:
        """Runs under way that the whole file, whatever part of it was asked for now, does not ask for."""
        try:
            every = expand(self.opened.sweep, Wish(exists=lambda _: False))
        except UsageError:  # too many to list: then all are asked for
            return
        asked = {(task.key, stage) for task in every for stage in task.stages}
        for run in self.known:
            is_ours = self.tables[run.run_id]["file"] == self.opened.file and run.state in PENDING
            if is_ours and (run.task, run.stage) not in asked:
                yield run


def basis_of(workspace: Workspace, ground: Ground, ignored: Sequence[str]) -> Basis:
    """What all tasks have in common, on this ground. The `ignored` files are no code."""
    prepared = ground.prepared
    data = tuple(f"{one.get('path')}\0{one.get('sha256', '')}\0{one.get('size', '')}" for one in prepared["data"])
    lock = str(prepared["locked"].get("lock") or prepared["locked"]["digest"]) if prepared.get("locked") else ""
    return Basis(code_of(list_tree(workspace.repository, ground.snapshot.tree), ignored), lock, data)


def _note(opened: Opened, steps: Sequence[Step]) -> None:
    """Keeps what was decided, and why, for `reprun sweep why`."""
    from reprun.core.digests import sha256

    name = sha256(opened.file.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = os.path.join(opened.workspace.repository.state_dir, "sweeps", f"{name}.json")
    rows = [{**vars(step.wanted), "action": step.action, "reason": step.reason, "run_id": step.run_id} for step in steps]
    write_json(path, {"file": opened.file, "at": iso_now(), "steps": rows})


def _link(opened: Opened, planned: Sequence[Planned]) -> None:
    """The outputs under the names of their tasks. Nothing is found by them."""
    workspace = opened.workspace
    if not workspace.target(opened.options.target).host.is_here:
        return
    from reprun.runner.paths import Home, home

    root = os.path.join(workspace.repository.state_dir, "sweeps", "tasks", os.path.splitext(opened.file)[0].strip("/"))
    for one in (one for one in planned if "retry_of" not in one.spec.queue):
        table = one.spec.sweep
        task = str(table["task"])
        folder = os.path.join(root, folder_of(str(table["name"]) or opened.stem, task))
        link_to(os.path.join(folder, folder_of(str(table["stage"]), task)), Home(home()).run(one.run_id).output)
