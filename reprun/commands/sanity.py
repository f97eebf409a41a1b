"""Running the sanity experiments of `reprun.toml`: ordinary launches with a limit, judged by what they measured."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reprun.commands.build_spec import LaunchOptions, build_spec
from reprun.commands.launch import Tell, ignore
from reprun.commands.probe import Repeat, run_to_the_end
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.sanity import Judged, judge_sanity
from reprun.core.spec import RunSpec
from reprun.workspace import Workspace

_SECONDS = 600
AFTER = "REPRUN_AFTER"  # where a job finds the outputs of the experiment that it comes after


@dataclass(frozen=True)
class Checked:
    """One sanity experiment that was run, or could not be because the one before it failed: then without a run."""

    name: str
    run_id: str
    wanted: str
    judged: Judged


def run_sanity(workspace: Workspace, names: Sequence[str], target: str, tell: Tell = ignore) -> list[Checked]:
    """Runs the experiments, those that others come after first. Everything that is wrong with the settings is found before."""
    experiments = workspace.settings.sanity
    order = _ordered(experiments, names)
    specs = {name: _spec(workspace, name, experiments[name], target) for name in order}
    runs: dict[str, Repeat] = {}
    found: list[Checked] = []
    for name in order:
        wanted = experiments[name]
        words = (
            f"{wanted['metric']} {wanted['pass']}"
            if "metric" in wanted
            else "a checkpoint"
            if wanted.get("checkpoint")
            else "an end"
        )
        before = wanted.get("after")
        if before and not next(item for item in found if item.name == before).judged.passed:
            found.append(Checked(name, "", words, Judged(False, f"not run: {before} did not pass")))
            continue
        spec = _after(specs[name], runs[before]) if before else specs[name]
        runs[name] = run_to_the_end(workspace, spec, f"the sanity experiment {name}", tell)
        end = runs[name].end
        found.append(Checked(name, runs[name].run_id, words, judge_sanity(wanted, end.state, end.record)))
    return found


def _ordered(experiments: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    if not experiments:
        raise UsageError("reprun.toml declares no sanity experiment", hint="see [sanity] in docs/reference/configuration.md")
    order: dict[str, None] = {}
    for name in names or experiments:
        order.update(dict.fromkeys(reversed(list(_chain(experiments, name)))))
    return list(order)


def _chain(experiments: Mapping[str, Mapping[str, Any]], name: str) -> Iterator[str]:
    """The experiment, the one that it comes after, and so on."""
    seen: list[str] = []
    while name:
        if name not in experiments:
            raise UsageError(f"there is no sanity experiment {name!r}", hint=f"there are: {', '.join(experiments)}")
        if name in seen:
            raise UsageError(f"the sanity experiment {name!r} comes after itself", hint="take one `after` out of reprun.toml")
        seen.append(name)
        yield name
        name = str(experiments[name].get("after", ""))


def _spec(workspace: Workspace, name: str, wanted: Mapping[str, Any], target: str) -> RunSpec:
    options = LaunchOptions(
        tuple(wanted["command"]),
        why=f"sanity: {name}",
        config=os.path.join(workspace.repository.top, wanted["config"]) if "config" in wanted else "",
        sets=tuple(wanted.get("sets", ())),
        seed=wanted.get("seed"),
        target=target,
    )
    limit = {"seconds": _SECONDS, **{key: wanted[key] for key in ("steps", "seconds") if key in wanted}}
    return replace(build_spec(workspace, options), limit=limit)


def _after(spec: RunSpec, run: Repeat) -> RunSpec:
    folder = os.path.join(str(run.manifest.table("target")["run_dir"]), "output")
    return replace(spec, variables={**spec.variables, AFTER: folder})
