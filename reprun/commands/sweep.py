"""A sweep, from its file to runs in the queue. The file is the desired state: only what is missing or has failed is started."""

from __future__ import annotations

import os
from collections.abc import Sequence

from reprun.commands.launch import Tell, ignore
from reprun.commands.launch_many import Ground, Planned, launch_many
from reprun.commands.sweep_open import Opened
from reprun.commands.sweep_pin import end_pin, live_pin
from reprun.commands.sweep_planning import Planning, basis_of
from reprun.commands.sweep_runs import remember_tables
from reprun.commands.sweep_tries import give_up
from reprun.core.frozen import dataclass, field
from reprun.sweeps.naming import folder_of
from reprun.sweeps.plan import Known, Step
from reprun.system.clock import iso_now
from reprun.system.files import ensure_dir, link_to, locked, write_json
from reprun.workspace import Workspace

WAITING = "waiting for another sweep of this repository"


@dataclass(frozen=True)
class Ran:
    """What became of a sweep: a step for each stage of each task, and runs under way that the file does not ask for any more.
    `left_out` are hosts that got nothing, with the reason."""

    opened: Opened
    steps: tuple[Step, ...]
    removed: tuple[Known, ...] = ()
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def started(self) -> list[Step]:
        """The steps whose runs entered the queue."""
        return [step for step in self.steps if step.action == "start"]


def run_sweep(opened: Opened, tell: Tell = ignore) -> Ran:
    """Queues what is missing. Raises the errors of a launch."""
    if not opened.tasks:
        raise opened.nothing()
    tell(WAITING)
    with locked(lock_of(opened.workspace), exclusive=True):  # whoever comes second sees what the first has queued
        target, planning = opened.targets[0], Planning(opened)
        steps: list[Step] = []

        def choose(ground: Ground) -> list[Planned]:
            basis = basis_of(opened, ground)
            planning.look()
            planning.try_again()
            steps.extend(planning.plan(basis, planning.rules()))
            return planning.launched_on(target, [step for step in steps if step.action == "start"], basis)

        planned = launch_many(opened.workspace, planning.lead(target), choose, tell)
        give_up(opened.workspace, planning.given_up)  # only now: whoever is killed before that has lost nothing
        keep_record(opened, steps, planned)
        before = live_pin(opened.workspace.repository, opened.file)
        if before is not None:  # what several hosts have shared until now is wanted here
            end_pin(opened.workspace.repository, before, "replaced")
        return Ran(planning.opened, tuple(steps), tuple(planning.removed()))


def lock_of(workspace: Workspace) -> str:
    """The file that is locked while a sweep plans and queues."""
    return os.path.join(ensure_dir(os.path.join(workspace.repository.state_dir, "sweeps")), "lock")


def keep_record(opened: Opened, steps: Sequence[Step], planned: Sequence[Planned]) -> None:
    """What was decided and launched, for those who ask later."""
    remember_tables(opened.workspace, {one.run_id: one.spec.sweep for one in planned})
    _note(opened, steps)
    _link(opened, planned)


def _note(opened: Opened, steps: Sequence[Step]) -> None:
    """Keeps what was decided, and why, for `reprun sweep why`."""
    from reprun.core.digests import sha256

    name = sha256(opened.file.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    path = os.path.join(opened.workspace.repository.state_dir, "sweeps", f"{name}.json")
    rows = [
        {**vars(step.wanted), "action": step.action, "reason": step.reason, "run_id": step.run_id, "target": step.target}
        for step in steps
    ]
    write_json(path, {"file": opened.file, "at": iso_now(), "steps": rows})


def _link(opened: Opened, planned: Sequence[Planned]) -> None:
    """The outputs under the names of their tasks. Nothing is found by them."""
    workspace = opened.workspace
    planned = [one for one in planned if workspace.target(one.spec.target).host.is_here]
    if not planned:
        return
    from reprun.runner.paths import Home, home

    root = os.path.join(workspace.repository.state_dir, "sweeps", "tasks", os.path.splitext(opened.file)[0].strip("/"))
    for one in (one for one in planned if "retry_of" not in one.spec.queue):
        table = one.spec.sweep
        task = str(table["task"])
        folder = os.path.join(root, folder_of(str(table["name"]) or opened.stem, task))
        link_to(os.path.join(folder, folder_of(str(table["stage"]), task)), Home(home()).run(one.run_id).output)
