"""Measuring the noise of an experiment: its manifest run again and again, and how far the metrics move."""

from __future__ import annotations

from typing import Any

from reprun.commands.launch import Tell, ignore
from reprun.commands.probe import Repeat, again_from, run_to_the_end
from reprun.commands.states import get_state
from reprun.core import seeds as seed_rules
from reprun.core.errors import RefusedError, ToolError, UsageError
from reprun.core.experiments import experiment_key
from reprun.core.frozen import asdict, replace
from reprun.core.manifest import Manifest
from reprun.core.measured import metrics_of, number
from reprun.core.noise import spreads, varying_outputs
from reprun.core.spec import RunSpec
from reprun.store.repeats import Repeats
from reprun.store.rows import Row
from reprun.system.clock import iso_now
from reprun.workspace import Workspace


def measure_noise(workspace: Workspace, row: Row, target: str, count: int, vary: bool, tell: Tell = ignore) -> dict[str, Any]:
    """Runs the manifest `count` times, one after the other; the record that is kept for verdicts, unless seeds vary.

    Raises `ToolError` when one of them does not finish: what was measured until then says too little.
    """
    manifest = workspace.manifest(row.run_id)
    config = again_from(workspace, manifest, target).config if vary else None
    if config is not None and {"seed", "seeds"} & set(config.values):
        raise UsageError(
            f"the seed of {row.run_id} stands in its config, so other seeds do not reach the job",
            hint="launch it with --seed, or take the seed out of the config",
        )
    runs: list[Repeat] = []
    for number_of in range(1, count + 1):
        spec = replace(again_from(workspace, manifest, target), why=f"noise of {row.run_id}, {number_of} of {count}")
        spec = _other_seeds(spec, number_of) if vary else spec
        runs.append(run_to_the_end(workspace, spec, f"repeat {number_of} of {count}", tell))
        if runs[-1].end.state != "finished":
            last = runs[-1]
            raise ToolError(
                f"repeat {number_of} of {count}, {last.run_id}, is {last.end.words}: nothing was measured",
                hint=f"reprun logs {last.run_id}",
            )
    return _measured(workspace, row, manifest, runs, vary)


def _other_seeds(spec: RunSpec, number_of: int) -> RunSpec:
    root = seed_rules.derive(spec.seeds.root, f"noise{number_of}")
    return replace(spec, seeds=seed_rules.resolve(root, {}, 0))


def _measured(workspace: Workspace, row: Row, manifest: Manifest, runs: list[Repeat], vary: bool) -> dict[str, Any]:
    outcomes = [run.end.record for run in runs]
    found = spreads(outcomes)
    if not found:
        raise RefusedError(
            f"{row.run_id} records no metrics, so there is nothing to measure",
            hint="let the job write JSON lines to $REPRUN_METRICS, or call reprun_job.log",
        )
    original = metrics_of(get_state(workspace, row).record)
    outside = [
        name
        for name, spread in found.items()
        if name in original
        and not spread.problem
        and abs(float(number(original[name].last) or 0) - spread.mean) > spread.tolerance
    ]
    target = {name: manifest.table("target").get(name, "") for name in ("name", "hostname", "gpus")}
    record = {
        "run_id": row.run_id, "at": iso_now(), "n": len(runs), "vary_seed": vary, "runs": [run.run_id for run in runs],
        "metrics": {name: asdict(spread) for name, spread in found.items()}, "outputs": varying_outputs(outcomes),
        "outside": [] if vary else outside, "target": target,
    }  # fmt: skip
    if not vary:
        Repeats(workspace.repository.state_dir).write(experiment_key(manifest.data), "noise", record)
    return record


def forget_noise(workspace: Workspace, row: Row) -> bool:
    """Takes the measured tolerance back; False when there was none."""
    key = experiment_key(workspace.manifest(row.run_id).data)
    return Repeats(workspace.repository.state_dir).forget(key, "noise")
