"""Many runs of one snapshot, launched together. The steps are those of `launch`; what they share happens once."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from reprun.commands import steps
from reprun.commands.beginning import begin, warm
from reprun.commands.launch import Tell, ignore
from reprun.commands.launch_groups import group_of
from reprun.commands.preparing import prepare_locked
from reprun.commands.queue_entry import ensure_slots, shared_entry
from reprun.commands.records import Sealed, manifest_data, plan_of, spec_data
from reprun.core.errors import RefusedError, ReprunError, ToolError, UnreachableError, UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.manifest import Manifest
from reprun.core.spec import Attempt, Job, RunSpec, Snapshot
from reprun.core.text import show
from reprun.preflight.clearing import clear
from reprun.repo import refs
from reprun.repo.batch import drop_refs, keep_many
from reprun.store.manifests import Renderer, digest_of
from reprun.system.clock import iso_now, new_run_id
from reprun.system.files import sync_all, write_many
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.commands.launch_hooks import LaunchHooks
    from reprun.targets import Target

_SHOWN = 10  # refusals that are told
AT_ONCE = 1000  # runs in one request


@dataclass(frozen=True)
class Ground:
    """What all runs of a batch stand on: the snapshot, and what the target of the `lead` said of its worktree and environment."""

    snapshot: Snapshot
    prepared: dict[str, Any]
    lead: RunSpec
    hooks: LaunchHooks | None = None


@dataclass(frozen=True)
class Planned:
    """A run that is to be launched with others; `entry` is what the queue is told of it beyond what the launch asks for."""

    run_id: str
    spec: RunSpec
    entry: dict[str, Any]

    @property
    def group(self) -> str:
        """The runs of one group need not be looked at by themselves before they start."""
        return group_of(self.spec)


def launch_many(
    workspace: Workspace, lead: RunSpec, choose: Callable[[Ground], Sequence[Planned]], tell: Tell = ignore
) -> list[Planned]:
    """Queues the runs that `choose` names once the ground is known. `lead` stands for all of them until then; it never starts.

    Raises the errors of its steps. What was sealed and not queued when it fails is carried on by `reprun resume`, or taken back
    by the next sweep.
    """
    with grounded(workspace, lead, tell) as ground:
        planned = list(choose(ground))
        queue_on(workspace, ground, planned, tell)
        return planned


@contextmanager
def grounded(workspace: Workspace, lead: RunSpec, tell: Tell = ignore, snapshot: Snapshot | None = None) -> Iterator[Ground]:
    """What runs like `lead` stand on, on its target, held as long as the block runs; from a `snapshot` that was taken before, or
    from one of now. Raises the errors of a launch."""
    target = workspace.target(lead.target)
    target.host.connect()
    attempt = begin(workspace, lead)
    warm(workspace, target, lead, attempt)
    is_silent = False  # then nobody waits for it once more
    try:
        try:
            ground = _ground(workspace, target, lead, (attempt, snapshot), tell)
        except ReprunError as error:
            is_silent = isinstance(error, UnreachableError)
            _explain(error, "nothing was started")
            raise
        yield ground
    finally:
        with suppress(ReprunError):
            steps.forget(workspace, target, attempt.run_id, asks=not is_silent)
        workspace.journal(attempt.run_id).remove()  # also where the target does not answer: it was never told to start it


def queue_on(workspace: Workspace, ground: Ground, planned: Sequence[Planned], tell: Tell = ignore) -> None:
    """Seals and queues runs on a ground. Raises the errors of a launch."""
    if not planned:
        return
    batch = _Batch(workspace, workspace.target(ground.lead.target), ground.lead, ground, tell)
    try:
        if ground.hooks is not None:
            ground.hooks.await_ends([one.run_id for one in planned])
        batch.seal(planned)
        batch.enqueue(planned)
    except ReprunError as error:
        _explain(error, "what was sealed is queued by the same command" if batch.sealed else "nothing was started")
        raise
    if ground.hooks is not None:
        batch.tell_hooks(ground.hooks, planned)


def _explain(error: ReprunError, what: str) -> None:
    known = isinstance(error, (RefusedError, UsageError))
    error.hint = error.hint if known else "; ".join(part for part in (error.hint, what) if part)


def _ground(workspace: Workspace, target: Target, lead: RunSpec, what: tuple[Attempt, Snapshot | None], tell: Tell) -> Ground:
    attempt, snapshot = what
    hooks = steps.find_hooks(workspace)
    if snapshot is None:
        return Ground(*steps.ensure_prepared(workspace, target, lead, (attempt, hooks), tell), lead, hooks)
    refs.create_ref(workspace.repository, refs.run_ref(attempt.run_id), snapshot.commit)
    workspace.journal(attempt.run_id).write("snapshot", snapshot=vars(snapshot))
    return Ground(snapshot, prepare_locked(workspace, target, lead, (attempt, snapshot), tell), lead, hooks)


class _Batch:
    def __init__(self, workspace: Workspace, target: Target, lead: RunSpec, ground: Ground, tell: Tell) -> None:
        self.workspace, self.target, self.lead, self.ground, self.tell = workspace, target, lead, ground, tell
        self.sealed: dict[str, Sealed] = {}
        self.prepared: dict[str, dict[str, Any]] = {}

    def seal(self, planned: Sequence[Planned]) -> None:
        """Seals the manifests of all, and keeps them and what is needed to carry on, before anything is queued."""
        groups: dict[str, dict[str, Any]] = {group_of(self.lead): self.ground.prepared}
        warned: set[str] = set()
        refused: dict[str, RefusedError] = {}
        render = Renderer().render
        for count, one in enumerate(planned):
            if count % 100 == 0:
                self.tell(f"sealing {count} of {len(planned)} runs")
            prepared = self._prepare(one, groups)
            try:
                cleared = clear(Attempt(one.run_id, first=True), one.spec, prepared)
            except RefusedError as error:
                refused[one.spec.name] = error
                continue
            warned.update(f"{found.check}: {found.message}; {found.hint}" for found in cleared.warnings)
            self.prepared[one.run_id] = prepared
            snapshot = replace(self.ground.snapshot, ref=refs.run_ref(one.run_id))
            data = manifest_data(one.spec, snapshot, prepared, cleared, self.target)
            self.sealed[one.run_id] = Sealed(Manifest(data), render(data), cleared)
        if refused:
            raise _refusal(refused, len(planned))
        self.workspace.notes.extend(sorted(warned))
        self._keep_environments()
        texts = {run_id: sealed.text.encode() for run_id, sealed in self.sealed.items()}
        folder = os.path.join(self.workspace.repository.state_dir, "journal", "open")
        write_many(folder, {f"{one.run_id}.jsonl": self._journal(one, texts[one.run_id]) for one in planned})
        keep_many(
            self.workspace.repository,
            {refs.MANIFESTS + run_id: text for run_id, text in texts.items()},
            {refs.run_ref(run_id): self.ground.snapshot.commit for run_id in texts},
        )
        sync_all()

    def _prepare(self, one: Planned, groups: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """What the target says of a run: asked for the first of a group, and for each where each has a tree of its own."""
        is_own = bool(one.spec.writable or one.spec.carried)
        if one.group not in groups or is_own:
            attempt = Attempt(one.run_id, first=True)
            groups[one.group] = prepare_locked(self.workspace, self.target, one.spec, (attempt, self.ground.snapshot), self.tell)
            return groups[one.group]
        prepared = groups[one.group]
        return {**prepared, "run_dir": os.path.join(os.path.dirname(prepared["run_dir"]), one.run_id)}

    def _keep_environments(self) -> None:
        tables = {str(table.get("capture", "")): table for table in self._environments()}
        for table in tables.values():
            steps.keep_environment(self.workspace, self.target, table)

    def _environments(self) -> Iterable[Mapping[str, Any]]:
        return (sealed.manifest.table("environment") for sealed in self.sealed.values())

    def _journal(self, one: Planned, text: bytes) -> bytes:
        host, at = self.ground.prepared["host"], iso_now()
        lines: list[dict[str, Any]] = [
            {"step": "begin", "created": at, "spec": spec_data(one.spec)},
            {"step": "snapshot", "snapshot": {**vars(self.ground.snapshot), "ref": refs.run_ref(one.run_id)}},
            {"step": "sealed", "ref": refs.MANIFESTS + one.run_id, "digest": digest_of(text)},
            {
                "step": "submit",
                "run_dir": self.prepared[one.run_id]["run_dir"],
                **{name: host[name] for name in ("machine_id", "hostname")},
            },
        ]
        return b"".join(json.dumps({"at": at, **line}).encode() + b"\n" for line in lines)

    def enqueue(self, planned: Sequence[Planned]) -> None:
        """Puts all into the queue of the target, in their order."""
        ensure_slots(self.workspace, self.target)
        entry = shared_entry(self.workspace, self.lead)
        for start in range(0, len(planned), AT_ONCE):
            some = planned[start : start + AT_ONCE]
            self.tell(f"queueing {start} of {len(planned)} runs")
            answer = self.target.host.ask({"op": "enqueue", "entries": [self._entry(one, entry) for one in some]})
            lost = {one.run_id for one in some} - {*answer.get("queued", ()), *answer.get("states", {})}
            if lost:
                raise ToolError(f"the queue did not take {len(lost)} runs", hint=f"reprun resume {min(lost)}")
            for one in some:
                self.workspace.journal(one.run_id).close()
        self._remember(planned)

    def _entry(self, one: Planned, entry: Mapping[str, Any]) -> dict[str, Any]:
        spec, sealed = one.spec, self.sealed[one.run_id]
        return {
            "run_id": one.run_id,
            "manifest": sealed.text,
            "config": {"name": f"config.{spec.config.format}", "text": spec.config.text} if spec.config else None,
            "plan": plan_of(self.workspace, spec, self.prepared[one.run_id], sealed),
            # further attempts are runs of their own
            "queue": {**entry, **spec.queue, **one.entry, "name": spec.name, "retries": 0},
        }

    def tell_hooks(self, hooks: LaunchHooks, planned: Sequence[Planned]) -> None:
        """`post-launch` is told of all of them once, as git tells its hooks of all refs of a push."""
        runs = [
            {
                "run_id": one.run_id,
                "name": one.spec.name,
                **{name: one.spec.sweep.get(name) for name in ("stage", "task", "params")},
            }
            for one in planned
        ]
        job = Job(planned[0].run_id, self.prepared[planned[0].run_id]["run_dir"], "", (), "queued")
        snapshot = replace(self.ground.snapshot, ref=refs.run_ref(job.run_id))
        hooks.after(planned[0].spec, snapshot, job, runs=runs)

    def _remember(self, planned: Sequence[Planned]) -> None:
        from reprun.core.dotted import flatten
        from reprun.store.rows import flat_json, row_of

        rows = []
        for one in planned:
            values = flat_json(flatten(one.spec.config.values)) if one.spec.config else "{}"
            rows.append(row_of(self.sealed[one.run_id].manifest, values))
        self.workspace.note(*rows)
        self.workspace.remember_settings()


def _refusal(refused: Mapping[str, RefusedError], count: int) -> RefusedError:
    """All refusals as one: the same for all runs is said once, else whose it is."""
    first = next(iter(refused.values()))
    if count == 1 or len({error.message for error in refused.values()}) == 1 < len(refused):
        return first
    lines = [f"\n  {show(name)}: {error.message}" for name, error in list(refused.items())[:_SHOWN]]
    more = f"\n  … and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
    what = "1 run is refused" if len(refused) == 1 else f"{len(refused)} runs are refused"
    return RefusedError(f"{what}, so nothing was started:{''.join(lines)}{more}", hint=first.hint)


def take_back(workspace: Workspace, run_ids: Sequence[str], target: str) -> None:
    """Forgets runs that were sealed and never queued: their launcher was killed."""
    if not run_ids:
        return
    host = workspace.target(target).host
    host.ask({"op": "remove", "key": workspace.key, "runs": list(run_ids)})
    known = {name for name, _ in refs.list_refs(workspace.repository, "refs/reprun/")}
    wanted = [prefix + run_id for run_id in run_ids for prefix in (refs.RUNS, refs.MANIFESTS)]
    drop_refs(workspace.repository, [ref for ref in wanted if ref in known])
    for run_id in run_ids:
        workspace.journal(run_id).remove()


def new_runs(count: int, after: str = "") -> list[str]:
    """Ids for so many runs, different ones, in the order in which they will be listed, `after` another one."""
    found: list[str] = []
    while len(found) < count:
        fresh = {new_run_id(after) for _ in range(count - len(found))} - set(found)
        found += sorted(fresh)
    return found
