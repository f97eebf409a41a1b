"""Doing a recorded run again from its manifest alone, and judging what came of it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reprun.commands.delivery import recall
from reprun.commands.env_capture import learn_capture, read_capture
from reprun.commands.env_wanted import SYSTEM
from reprun.commands.launch import Launched, Tell, ignore, launch
from reprun.commands.records import carried_table, environment_table, spec_from_manifest, variables_table
from reprun.commands.repeats import known_of, probe_remarks
from reprun.commands.states import get_state
from reprun.core.compare import Difference, Side, differences
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.manifest import DamagedError, Manifest
from reprun.core.noise import widened
from reprun.core.outcome import RunState
from reprun.core.reasons import environment_warnings
from reprun.core.spec import Carried, RunSpec
from reprun.core.text import show, show_some
from reprun.core.tolerance import parse_tolerance
from reprun.core.verdict import Verdict, judge
from reprun.repo.refs import get_tree
from reprun.store.rows import Row
from reprun.workspace import Workspace

if TYPE_CHECKING:
    from reprun.targets import Target


@dataclass(frozen=True)
class Plan:
    """A reproduction before it is started: the recorded run and what would be different about the new one."""

    manifest: Manifest
    outcome: RunState
    spec: RunSpec
    differences: list[Difference]


@dataclass(frozen=True)
class Reproduction:
    """A finished reproduction: the new run, its end, and the verdict with what differs."""

    plan: Plan
    run_id: str
    outcome: RunState
    differences: list[Difference]
    verdict: Verdict


def ask_first(workspace: Workspace, row: Row) -> Manifest | None:
    """The manifest of a run that was not launched by this user in this repository; None for one that was.

    Whose it is cannot be told from the manifest, which says what its author likes, but from the journal of the launch.
    """
    kept = workspace.kept(row.run_id)
    return None if workspace.is_ours(kept) else kept.manifest


def target_of(workspace: Workspace, row: Row, asked: str) -> str:
    """Where to reproduce a run: where it is `asked` for, else where a run of this user's own ran, else here.

    Raises `UsageError` when that is described no more.
    """
    if asked or ask_first(workspace, row) is not None:
        return asked or "local"
    try:
        return workspace.target(row.target or "local").name
    except UsageError as error:
        here = f"reprun reproduce {row.run_id} --on local"
        raise UsageError(
            f"{row.run_id} ran on a target that is not in the settings any more: {error.message}", hint=here
        ) from None


def plan_reproduction(workspace: Workspace, row: Row, target: str = "local", trusted: bool = True) -> Plan:
    """Reads and checks the records of a run, and compares its circumstances with those of this moment. Starts nothing.

    With `trusted` unset nothing of this machine is looked at because the manifest names it: its variables could make the
    interpreter that is asked for its packages run anything, and its data could be any file.
    """
    manifest = workspace.manifest(row.run_id)
    if get_tree(workspace.repository, manifest.commit) != manifest.data["code"]["tree"]:
        raise DamagedError(f"the manifest of {row.run_id} names a tree that is not the one of its commit")
    spec = replace(spec_from_manifest(manifest), target=target)
    if trusted:
        spec = replace(spec, carried=_carried_now(workspace, spec, get=False))
    outcome = get_state(workspace, row)
    now = _as_it_would_be(workspace, manifest, spec, trusted)
    return Plan(manifest, outcome, spec, differences(side_of(workspace, manifest.data, outcome.record), now))


def start_reproduction(workspace: Workspace, plan: Plan, tell: Tell = ignore) -> Launched:
    """Launches the new run, the old one its parent. Raises `RefusedError` when a file that it carries is not here."""
    recorded = spec_from_manifest(plan.manifest)
    return launch(workspace, with_carried(workspace, replace(plan.spec, carried=recorded.carried)), tell=tell)


def with_carried(workspace: Workspace, spec: RunSpec) -> RunSpec:
    """The spec with the files that it carries as they are now. Raises `RefusedError` when one is not here."""
    return replace(spec, carried=_carried_now(workspace, spec, get=True))


def require_metrics(plan: Plan, tolerances: Sequence[str]) -> None:
    """Raises `UsageError` for a tolerance of a metric that the original has not: most likely its name is mistyped."""
    from difflib import get_close_matches
    from fnmatch import fnmatchcase

    from reprun.core.measured import metrics_of

    known = list(metrics_of(plan.outcome.record)) if plan.outcome.state == "finished" else []
    for text in tolerances if known else ():
        name = text.rpartition("=")[0].strip()
        if name and name not in known and not any(fnmatchcase(metric, name) for metric in known):
            close = get_close_matches(name, known, n=1, cutoff=0.4) or known
            hint = f"its metrics are {show_some(known)}: --tolerance {shlex.quote(show(close[0]))}={text.rpartition('=')[2]}"
            raise UsageError(f"{plan.manifest.run_id} has no metric {show(name)}", hint=hint)


def finish_reproduction(
    workspace: Workspace, plan: Plan, launched: Launched, end: RunState, tolerances: Sequence[str]
) -> Reproduction:
    """Judges the new run, which has ended with `end`, against the old one."""
    known = known_of(workspace, plan.manifest.data)
    base = workspace.settings.tolerances()
    if "noise" in known and all("=" in text for text in tolerances):  # one for every metric is meant as it is written
        base = widened(base, known["noise"])
    allowed = parse_tolerance(tolerances, base)
    new = workspace.manifest(launched.run_id)
    found = differences(side_of(workspace, plan.manifest.data, plan.outcome.record), side_of(workspace, new.data, end.record))
    doubts = [*environment_warnings(plan.manifest.data, new.data, found), *probe_remarks(known)]
    verdict = judge(judged(plan.outcome), judged(end), allowed, doubts)
    return Reproduction(plan, launched.run_id, end, found, verdict)


def judged(state: RunState) -> dict[str, Any] | None:
    """An outcome as the verdict wants it: with the state as it is known now, and None when there is no record at all."""
    if not state.record:
        return None
    return {**state.record, "state": state.state, "exit_code": state.exit_code}


def side_of(workspace: Workspace, manifest: Mapping[str, Any], outcome: Mapping[str, Any] | None) -> Side:
    """One side of a comparison, its config parsed."""
    from reprun.config.formats import parse

    table = manifest.get("config")
    values = (
        parse(str(table["text"]), str(table["format"]), "the recorded config")
        if isinstance(table, dict) and "text" in table
        else None
    )
    return Side(manifest, outcome or None, values, read_capture(workspace, manifest))


def _carried_now(workspace: Workspace, spec: RunSpec, get: bool) -> tuple[Carried, ...]:
    """The same paths as they are in the dev tree now; a missing one is refused, or without `get` left out."""
    if not spec.carried:
        return ()
    from reprun.repo.carried import find_carried, get_carried

    return (get_carried if get else find_carried)(workspace.repository, [file.path for file in spec.carried])


def _locked_as_it_would_be(
    workspace: Workspace, target: Target, spec: RunSpec, recorded: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """The locked environment, and its digest where the target has it; nothing for a run without one."""
    if spec.lock in ("", SYSTEM):
        return {}, ""
    from reprun.commands.environment import foresee

    return foresee(workspace, target, spec, recorded)


def _as_it_would_be(workspace: Workspace, manifest: Manifest, spec: RunSpec, trusted: bool) -> Side:
    """The records that the new run would get here and now, as far as they can be known without starting it."""
    target = workspace.target(spec.target)
    host, old = target.host, manifest.table("environment")
    locked, there = _locked_as_it_would_be(workspace, target, spec, old)
    known = recall(workspace, host)
    has_tree = host.is_here or (known is not None and known.shared)  # else paths in the tree mean nothing there, as yet
    asked = [path for path in spec.data if has_tree or path.startswith(("/", "~"))] if trusted else []
    answer = host.ask(
        {
            "op": "facts",
            "argv": list(spec.argv) if trusted else ["python3"],
            "pass_env": list(workspace.settings.pass_env),
            "variables": spec.variables if trusted else {},
            "data": asked,
            **({"data_base": workspace.repository.top} if has_tree else {}),
            **({"environment": there} if there else {}),
        }
    )
    data = dict(manifest.data)
    if locked and not there:  # its Python and its variables are known when it is made
        data["environment"] = {**old, **locked}
    else:
        data["environment"] = environment_table({"environment": answer["environment"], "locked": locked})
        learn_capture(workspace, host, data["environment"])
        data["variables"] = {
            **manifest.table("variables"),
            **variables_table(spec, answer["inherited"], answer.get("activated", ())),
        }
    data["target"] = {
        **manifest.table("target"),
        "name": spec.target,
        "hostname": answer["host"]["hostname"],
        "machine_id": answer["host"]["machine_id"],
    }
    if answer["data"] and len(asked) == len(spec.data):
        data["data"] = answer["data"]
    data["carried"] = carried_table(spec)
    return side_of(workspace, data, {"host": answer["host"]})
