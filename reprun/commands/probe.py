"""The determinism probe: the first steps of an experiment run twice, from one commit with one config and one set of seeds."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.launch import Launched, Tell, ignore, launch
from reprun.commands.records import spec_from_manifest
from reprun.commands.reproduce import with_carried
from reprun.commands.waiting import wait
from reprun.core.culprits import culprits
from reprun.core.experiments import experiment_key
from reprun.core.frozen import dataclass, replace
from reprun.core.manifest import Manifest
from reprun.core.outcome import RunState
from reprun.core.probed import Probed, judge_parting
from reprun.core.spec import RunSpec
from reprun.store.repeats import Repeats
from reprun.store.rows import Row
from reprun.system.clock import iso_now
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Repeat:
    """One run of several of the same experiment, at its end."""

    run_id: str
    row: Row
    manifest: Manifest
    end: RunState

    @property
    def is_whole(self) -> bool:
        """Whether it did what was asked: it came to its end, or to its limit."""
        return self.end.state == "finished" or (self.end.state == "stopped" and bool(self.end.record.get("limit")))


def limited(spec: RunSpec, steps: int, seconds: int) -> RunSpec:
    """The spec for a probe: watched, and no longer than asked for."""
    limit = {"steps": steps, "seconds": seconds}
    return replace(spec, watch_randomness=True, limit=limit, why=spec.why or f"determinism probe, {steps} steps")


def probe(workspace: Workspace, spec: RunSpec, tell: Tell = ignore) -> Probed:
    """Runs the spec twice, one after the other, and compares. What is found is kept with the experiment."""
    runs = [run_to_the_end(workspace, spec, "the first run", tell)]
    bad = next((run for run in runs if not run.is_whole), None)
    if bad is None:
        again = replace(again_from(workspace, runs[0].manifest, spec.target), why=spec.why, parent=runs[0].run_id)
        runs.append(run_to_the_end(workspace, again, "the second run", tell))
        bad = next((run for run in runs if not run.is_whole), None)
    ids = tuple(run.run_id for run in runs)
    if bad is not None:
        return Probed(ids, None, problem=f"{bad.run_id} is {bad.end.words}: reprun logs {bad.run_id}")
    tell("comparing the two runs")
    return _compared(workspace, runs, spec)


def run_to_the_end(workspace: Workspace, spec: RunSpec, what: str, tell: Tell) -> Repeat:
    """One ordinary launch, waited for."""
    launched: Launched = launch(workspace, spec, tell=tell)
    tell(f"{what}, {launched.run_id}, is running")
    row = Row(launched.run_id, target=launched.target, run_dir=launched.job.run_dir)
    end = wait(workspace, row)
    workspace.record()
    return Repeat(launched.run_id, row, workspace.manifest(launched.run_id), end)


def again_from(workspace: Workspace, manifest: Manifest, target: str) -> RunSpec:
    """The spec that does a recorded run again, with the files that it carried."""
    return with_carried(workspace, replace(spec_from_manifest(manifest), target=target))


def _compared(workspace: Workspace, runs: Sequence[Repeat], spec: RunSpec) -> Probed:
    first, second = runs
    ids = (first.run_id, second.run_id)
    ignored = list(workspace.settings.verdict.get("ignore", ()))
    request = {"op": "part", "old": ids[0], "new": ids[1], "ignore": ignored}
    parting = workspace.ask(first.row, **request, steps=spec.limit.get("steps"))
    found = judge_parting(ids, parting)
    why = culprits(parting, first.manifest.data, (first.end.record, second.end.record))
    found = replace(found, culprits=tuple(why))
    if found.deterministic is not None:
        _keep(workspace, first.manifest, found, spec.limit.get("steps", 0))
    return found


def _keep(workspace: Workspace, manifest: Manifest, found: Probed, asked: int) -> None:
    host = {name: manifest.table("target").get(name, "") for name in ("name", "hostname", "gpus")}
    environment = manifest.table("environment").get("digest", "")
    record = {**found.data, "at": iso_now(), "target": host, "environment": environment, "asked": asked}
    Repeats(workspace.repository.state_dir).write(experiment_key(manifest.data), "probe", record)
