"""Running the sanity experiments of `reprun.toml`: ordinary launches with a limit, judged by what they measured."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reprun.commands.build_spec import LaunchOptions, build_spec
from reprun.commands.launch import Tell, ignore
from reprun.commands.probe import Repeat, run_to_the_end
from reprun.core.errors import RefusedError, UsageError
from reprun.core.experiments import experiment_key
from reprun.core.frozen import dataclass, replace
from reprun.core.sanity import Judged, judge_sanity
from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.store.repeats import Repeats
from reprun.system.clock import iso_now
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


def _as_it_is(spec: RunSpec) -> RunSpec:
    return spec


def run_sanity(
    workspace: Workspace, names: Sequence[str], target: str, tell: Tell = ignore, fixed: Callable[[RunSpec], RunSpec] = _as_it_is
) -> list[Checked]:
    """Runs the experiments, those that others come after first. Everything that is wrong with the settings is found before.

    `fixed` says what else holds for each run, such as its commit.
    """
    experiments = workspace.settings.sanity
    order = _ordered(experiments, names)
    specs = {name: fixed(sanity_spec(workspace, name, target)) for name in order}
    runs: dict[str, Repeat] = {}
    found: list[Checked] = []
    for name in order:
        wanted = experiments[name]
        before = wanted.get("after")
        if before and not next(item for item in found if item.name == before).judged.passed:
            found.append(Checked(name, "", wanted_of(wanted), Judged(False, f"not run: {before} did not pass")))
            continue
        spec = _after(specs[name], runs[before]) if before else specs[name]
        try:
            runs[name] = run_to_the_end(workspace, spec, f"the sanity experiment {name}", tell)
        except (RefusedError, UsageError) as error:
            error.message = f"the sanity experiment {show(name)} was not started: {error.message}"
            raise
        end = runs[name].end
        found.append(Checked(name, runs[name].run_id, wanted_of(wanted), judge_sanity(wanted, end.state, end.record)))
        _keep(workspace, found[-1], runs[name])
    return found


def wanted_of(wanted: Mapping[str, Any]) -> str:
    """What an experiment has to show, in a few words."""
    if "metric" in wanted:
        return f"{wanted['metric']} {wanted['pass']}"
    return "a checkpoint" if wanted.get("checkpoint") else "an end"


def rule_of(experiments: Mapping[str, Mapping[str, Any]], name: str) -> str:
    """All that `reprun.toml` says of an experiment and of those that it comes after: what it showed holds for that only."""
    return json.dumps([experiments[one] for one in _chain(experiments, name)], sort_keys=True)


def _keep(workspace: Workspace, checked: Checked, run: Repeat) -> None:
    """Remembers what has passed, for launches of the same code; what has not is tried again each time."""
    manifest, repeats = run.manifest, Repeats(workspace.repository.state_dir)
    key = experiment_key(manifest.data)
    known = dict(repeats.read(key).get("sanity", {}))
    known.pop(checked.name, None)
    if checked.judged.passed:
        known[checked.name] = {
            "run_id": checked.run_id, "why": checked.judged.why, "at": iso_now(),
            "target": manifest.table("target").get("name", ""), "rule": rule_of(workspace.settings.sanity, checked.name),
            "environment": manifest.table("environment").get("digest", ""),
        }  # fmt: skip
    repeats.write(key, "sanity", known)


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


def sanity_spec(workspace: Workspace, name: str, target: str) -> RunSpec:
    """The run of an experiment, from the top of the repository wherever it is asked for."""
    wanted = workspace.settings.sanity[name]
    options = LaunchOptions(
        tuple(wanted["command"]),
        why=f"sanity: {name}",
        config=os.path.join(workspace.repository.top, wanted["config"]) if "config" in wanted else "",
        sets=tuple(wanted.get("sets", ())),
        seed=wanted.get("seed"),
        target=target,
    )
    limit: dict[str, int] = {"seconds": _SECONDS, **{key: wanted[key] for key in ("steps", "seconds") if key in wanted}}
    return replace(build_spec(workspace, options), cwd="", limit=limit)


def _after(spec: RunSpec, run: Repeat) -> RunSpec:
    folder = os.path.join(str(run.manifest.table("target")["run_dir"]), "output")
    return replace(spec, variables={**spec.variables, AFTER: folder})
