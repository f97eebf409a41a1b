"""What is tried by running it before a launch: sanity experiments before long jobs, and whether the experiment is deterministic.

Only loaded where `reprun.toml` asks for it. What is run are ordinary runs of the snapshot and in the environment of the launch,
after all that costs seconds was looked at. What has passed is remembered for that code, command, config and environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reprun.commands.expecting import expected_time
from reprun.commands.probe import limited, probe
from reprun.commands.records import environment_table
from reprun.commands.sanity import Checked, rule_of, run_sanity, sanity_spec, wanted_of
from reprun.core.canonical import plain
from reprun.core.experiments import key_of
from reprun.core.frozen import dataclass, replace
from reprun.core.probed import sentences
from reprun.core.spec import Attempt, RunSpec, Snapshot
from reprun.repo import refs
from reprun.runner.digests import sha256
from reprun.store.repeats import Repeats
from reprun.system.clock import age_of, iso_now
from reprun.workspace import Workspace

STEPS, SECONDS, REMEMBERED = 20, 600, 86400.0
Tell = Callable[[str], None]


def plan_rehearsal(workspace: Workspace, spec: RunSpec) -> RunSpec:
    """The spec with what is to be rehearsed, and with how long the job takes against what its target allows."""
    settings, level = workspace.settings, spec.preflight.get("level", "quick")
    skipped, limit = spec.preflight.get("skip", ()), settings.targets.get(spec.target, {}).get("time_limit")
    before = {
        name: wanted["before"] for name, wanted in settings.sanity.items() if "before" in wanted and "sanity" not in skipped
    }
    probed = {"when": "never", "steps": STEPS, "seconds": SECONDS, **spec.preflight.get("determinism", {})}
    expected = expected_time(workspace, spec) if before or limit else None
    names = [name for name, least in before.items() if level == "full" or least <= (expected.seconds if expected else 0)]
    rehearsal: dict[str, Any] = {"sanity": names} if names else {}
    if probed["when"] in ("always", level) and "determinism" not in skipped:
        rehearsal["determinism"] = {name: probed[name] for name in ("steps", "seconds")}
    time = {"limit": limit, "expected": expected.seconds, "of": expected.run_id} if limit and expected else {}
    if before and not expected and len(names) < len(before):
        workspace.notes.append(
            f"sanity: how long this takes is not known yet, so {', '.join(sorted(before.keys() - set(names)))} was not tried; "
            "--time says it"
        )
    more = {name: value for name, value in (("rehearsal", rehearsal), ("time", time)) if value}
    return replace(spec, preflight={**spec.preflight, **more})


@dataclass(frozen=True)
class Stage:
    """Where a rehearsal takes place: at the attempt that it comes before, on its snapshot and what its target answered. Without
    `may_run` only what is remembered counts."""

    attempt: Attempt
    snapshot: Snapshot
    prepared: Mapping[str, Any]
    may_run: bool = True

    @property
    def environment(self) -> str:
        """The digest of the environment, as manifests have it."""
        return str(environment_table(self.prepared).get("digest", ""))

    def fixed(self, spec: RunSpec) -> RunSpec:
        """The spec as a run of this snapshot, in this environment."""
        snapshot, locked = self.snapshot, self.prepared.get("locked") or {}
        skipped = {name: value for name, value in spec.preflight.items() if name == "skip"}
        conversions = dict(snapshot.conversions.get("record", {}))
        return replace(
            spec,
            commit=snapshot.commit,
            conversions=conversions,
            lock=str(locked.get("lock", "system")),
            preflight=skipped,
            name="",
        )


def rehearse(workspace: Workspace, spec: RunSpec, stage: Stage, tell: Tell) -> dict[str, Any]:
    """What the target answered, with what the rehearsals have shown. A launch whose manifest is sealed has passed them."""
    prepared, wanted = dict(stage.prepared), spec.preflight.get("rehearsal", {})
    if not stage.attempt.first and refs.find_ref(workspace.repository, refs.MANIFESTS + stage.attempt.run_id):
        return prepared
    facts = dict(prepared.get("preflight", {}))
    if wanted.get("sanity"):
        facts["sanity"] = _sanity(workspace, spec, stage, tell)
    if wanted.get("determinism") and all(one["passed"] is not False for one in facts.get("sanity", [])):
        facts["determinism"] = _determinism(workspace, spec, stage, tell)
    return {**prepared, "preflight": facts}


def _sanity(workspace: Workspace, spec: RunSpec, stage: Stage, tell: Tell) -> list[dict[str, Any]]:
    names: Sequence[str] = [name for name in spec.preflight["rehearsal"]["sanity"] if name in workspace.settings.sanity]
    found = {name: _passed_before(workspace, spec, stage, name) for name in names}
    due = [name for name, run_id in found.items() if not run_id]
    facts = [_told(workspace, name, True, "it has passed before", run_id) for name, run_id in found.items() if run_id]
    if not stage.may_run:
        return facts + [_told(workspace, name, None, "", "") for name in due]
    ran: list[Checked] = []
    if due:
        ran = run_sanity(workspace, due, spec.target, tell, lambda one: replace(stage.fixed(one), gpus=spec.gpus))
    return facts + [_told(workspace, one.name, one.judged.passed, one.judged.why, one.run_id) for one in ran]


def _told(workspace: Workspace, name: str, passed: bool | None, why: str, run_id: str) -> dict[str, Any]:
    wanted = wanted_of(workspace.settings.sanity[name])
    return {"name": name, "passed": passed, "why": why, "wanted": wanted, "run_id": run_id}


def _passed_before(workspace: Workspace, spec: RunSpec, stage: Stage, name: str) -> str:
    """The run in which it passed with this code, rule and environment on this target; empty where it has to be run."""
    key = _key(sanity_spec(workspace, name, spec.target), stage.snapshot)
    known = Repeats(workspace.repository.state_dir).read(key).get("sanity", {}).get(name)
    if not isinstance(known, dict) or not _holds(known, spec, stage):
        return ""
    is_same = known.get("rule") == rule_of(workspace.settings.sanity, name) and known.get("target") == spec.target
    return plain(known.get("run_id")) if is_same else ""


def _holds(known: Mapping[str, Any], spec: RunSpec, stage: Stage) -> bool:
    if spec.preflight.get("level") == "full" and stage.may_run:
        return False  # nothing is taken as known then
    age = age_of(plain(known.get("at")))
    return age is not None and age < spec.preflight.get("cache", REMEMBERED) and known.get("environment") == stage.environment


def _determinism(workspace: Workspace, spec: RunSpec, stage: Stage, tell: Tell) -> dict[str, Any]:
    wanted = spec.preflight["rehearsal"]["determinism"]
    key, repeats = _key(spec, stage.snapshot), Repeats(workspace.repository.state_dir)
    known = repeats.read(key).get("probe")
    if known is not None and not (_holds(known, spec, stage) and known.get("asked", 0) >= wanted["steps"]):
        known = None
    if known is None and not stage.may_run:
        return {"deterministic": None, "problem": "it was not probed yet", "runs": [], "steps": 0}
    if known is None:
        asked = replace(stage.fixed(spec), why=f"determinism probe before {stage.attempt.run_id}")
        probed = probe(workspace, limited(asked, wanted["steps"], wanted["seconds"]), tell)
        kept = repeats.read(key).get("probe", {}) if probed.deterministic is not None else {}
        known = {"at": iso_now(), **kept, **probed.data}
    said, culprits = sentences(known), [plain(one) for one in known.get("culprits", [])]
    return {
        "deterministic": known.get("deterministic"), "problem": plain(known.get("problem") or ""), "steps": known.get("steps", 0),
        "at": known["at"],
        "runs": [plain(run) for run in known.get("runs", [])], "said": said[0] if said else "",
        "culprit": culprits[0] if culprits else "",
    }  # fmt: skip


def _key(spec: RunSpec, snapshot: Snapshot) -> str:
    config = sha256(spec.config.text.encode()).hexdigest() if spec.config else None
    return key_of(snapshot.tree, spec.cwd, config, spec.argv)
