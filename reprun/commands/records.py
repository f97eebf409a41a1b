"""From a run to its records and back: the manifest, the plan for the supervisor, the spec in the journal."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from reprun import __version__
from reprun.commands.env_wanted import SYSTEM
from reprun.core import seeds as seed_rules
from reprun.core.frozen import asdict, dataclass, fields
from reprun.core.manifest import SCHEMA_VERSION, Manifest
from reprun.core.placeholders import fill
from reprun.core.seeds import Seeds
from reprun.core.spec import Carried, ConfigRecord, RunSpec, Snapshot
from reprun.core.text import is_recordable, show
from reprun.env.system import system_record
from reprun.runner.digests import sha256
from reprun.runner.variables import is_private, is_secret
from reprun.system.clock import iso_now
from reprun.system.files import umask

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.preflight.base import Cleared
    from reprun.targets import Target
    from reprun.workspace import Workspace

BEGUN = "begun"  # where an answer to `prepare` holds the `Ahead` whose manifest stands, see commands/ahead.py


@dataclass(frozen=True)
class Sealed:
    """A manifest that is written and final, its exact text, and the proof that preflight passed."""

    manifest: Manifest
    text: str
    cleared: Cleared


def manifest_data(
    spec: RunSpec, snapshot: Snapshot, prepared: Mapping[str, Any], cleared: Cleared, target: Target
) -> dict[str, Any]:
    """The manifest as nested tables; docs/reference/manifest.md says what each field means."""
    host, inherited = prepared["host"], prepared["inherited"]
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "run_id": cleared.attempt.run_id,
        "name": spec.name,
        "why": spec.why,
        "created": iso_now(),
        "parent": spec.parent,
        "reprun_version": __version__,
        "command": {"argv": list(spec.argv), "cwd": spec.cwd},
        "code": _code_table(snapshot, prepared),
        "seeds": {"root": spec.seeds.root, "origin": spec.seeds.origin, "named": spec.seeds.named},
        "environment": environment_table(prepared),
        "variables": {
            **variables_table(spec, inherited, prepared.get("activated", ())),
            "configured": sorted(spec.variables),
        },
        "target": {
            "name": target.name,
            "host": target.host.name,
            "scheduler": target.scheduler.name,
            "gpus": spec.gpus,
            "run_dir": prepared["run_dir"],
            "hostname": host["hostname"],
            "machine_id": host["machine_id"],
        },
        "run": _run_table(spec, cleared),
    }
    more = {
        "preflight": preflight_table(cleared),
        "config": _config_table(spec.config) if spec.config else {},
        # the name of a file may be no text, which TOML cannot hold
        "allowed": [{**item, "path": os.fsencode(item["path"]).decode("utf-8", "backslashreplace")} for item in snapshot.allowed],
        "data": prepared["data"],
        "carried": carried_table(spec),
        "sweep": dict(spec.sweep),
    }
    return {**data, **{name: table for name, table in more.items() if table}}


def _code_table(snapshot: Snapshot, prepared: Mapping[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = {
        "commit": snapshot.commit,
        "tree": snapshot.tree,
        "parent": snapshot.parent,
        "branch": snapshot.branch,
        "dirty": snapshot.dirty,
        "ref": snapshot.ref,
        "changed": snapshot.changed,
        "added": snapshot.added,
        "deleted": snapshot.deleted,
    }
    more = {
        "operation": snapshot.operation,
        "submodules": snapshot.submodules,
        "conversions": _conversions_table(snapshot, prepared),
    }
    return {**table, **{name: value for name, value in more.items() if value}}


def _run_table(spec: RunSpec, cleared: Cleared) -> dict[str, Any]:
    table = {"writable": list(spec.writable), "hash_limit": spec.hash_limit, "preflight": list(cleared.checks)}
    more = {"watch_randomness": spec.watch_randomness, "limit": dict(spec.limit), "queue": dict(spec.queue)}
    return {**table, **{name: value for name, value in more.items() if value}}


def environment_table(prepared: Mapping[str, Any]) -> dict[str, Any]:
    """The locked environment with what the job's Python says of itself; without a lock only that."""
    seen = system_record(prepared["environment"])
    locked = prepared.get("locked")
    project = {"project": str(prepared["project"])} if prepared.get("project") else {}
    if not locked:
        return {**seen, **project}
    return {**{key: value for key, value in seen.items() if key not in ("packages", "capture")}, **locked, **project}


def preflight_table(cleared: Cleared) -> dict[str, Any]:
    """What there is to say of the checks beyond their names: the level, warnings, digests of reports."""
    found: dict[str, Any] = {} if cleared.level == "quick" else {"level": cleared.level}
    if cleared.warnings:
        found["warnings"] = [f"{finding.check}: {finding.message}" for finding in cleared.warnings]
    if cleared.digests:
        found["reports"] = dict(cleared.digests)
    return {**found, **cleared.rehearsed}


def _conversions_table(snapshot: Snapshot, prepared: Mapping[str, Any]) -> dict[str, Any]:
    """How git's objects became the files that ran, and the files for which it was accepted that they are not the dev tree's."""
    differ = sorted({*snapshot.conversions.get("differ", ()), *prepared["differ"]})
    return {**snapshot.conversions.get("record", {}), **({"differ": [show(path) for path in differ]} if differ else {})}


def variables_table(spec: RunSpec, inherited: Mapping[str, str], activated: Sequence[str] = ()) -> dict[str, Any]:
    """`values`, with what the config sets and the host gives, and `secret`, the names whose values are not written down.

    What is `activated` comes out of packages that everybody can have, and is written down. What is no text (a HOME that is not in
    UTF-8) is named only, like a secret.
    """
    open_ones = {*spec.variables, *(name for name in activated if not is_secret(name))}
    private = {name for name in inherited if is_private(name) and name not in open_ones}
    private |= {name for name, value in inherited.items() if not is_recordable(value)}
    values = {name: value for name, value in sorted({**inherited, **spec.variables}.items()) if name not in private}
    if spec.gpus:
        values.update(gpu_variables(spec))
    return {"values": values, "secret": sorted({*spec.secrets, *private})}


def gpu_variables(spec: RunSpec) -> dict[str, str]:
    """What shows a job the GPUs that it was given. CUDA counts the fastest first unless told to count as nvidia-smi."""
    visible = {"CUDA_VISIBLE_DEVICES": "" if spec.gpus == "none" else spec.gpus}
    counted = any(part.isdigit() for part in spec.gpus.split(","))
    return {**visible, **({"CUDA_DEVICE_ORDER": spec.variables.get("CUDA_DEVICE_ORDER", "PCI_BUS_ID")} if counted else {})}


def carried_table(spec: RunSpec) -> list[dict[str, Any]]:
    """The carried files as they are recorded: path, sha256 and size."""
    return [asdict(file) for file in spec.carried]


def _config_table(config: ConfigRecord) -> dict[str, Any]:
    digest = sha256(config.text.encode()).hexdigest()
    return {"source": config.source, "format": config.format, "sets": list(config.sets), "sha256": digest, "text": config.text}


def plan_of(workspace: Workspace, spec: RunSpec, prepared: Mapping[str, Any], sealed: Sealed) -> dict[str, Any]:
    """What the supervisor needs: the command with its placeholders filled, the whole environment, where to look at the end."""
    run_dir, run_id = prepared["run_dir"], sealed.manifest.run_id
    config = os.path.join(run_dir, f"config.{spec.config.format}") if spec.config else ""
    output = os.path.join(run_dir, "output")
    worktree = prepared["worktree"]
    values = {"config": config, "output": output, "seed": str(spec.seeds.root), "run_id": run_id, "worktree": worktree["path"]}
    env = job_environment(workspace, spec, prepared, sealed)
    env |= {"REPRUN_RUN_ID": run_id, "REPRUN_OUTPUT": output, "REPRUN_CONFIG": config}
    env["REPRUN_METRICS"] = os.path.join(run_dir, "metrics.jsonl")
    env["REPRUN_EVENTS"] = os.path.join(run_dir, "events.jsonl")
    if "steps" in spec.limit:
        env["REPRUN_MAX_STEPS"] = str(spec.limit["steps"])
    return {
        "argv": fill(spec.argv, values, spec.config.values if spec.config else None),
        "cwd": prepared["cwd"],
        "env": env,
        "umask": umask(),
        "worktree": worktree,
        "environment": str(prepared["locked"]["digest"]) if prepared.get("locked") else "",
        "hash_limit": spec.hash_limit,
        "watch": spec.watch_randomness,
        "limit": spec.limit,
        **_inherited(spec, run_dir),
        "publish": workspace.repository.common_dir if sealed.manifest.table("target").get("host") == "local" else "",
        **(_hook(workspace, sealed.manifest) if workspace.settings.hooks.get("post_run_on_host") else {}),
    }


def _inherited(spec: RunSpec, run_dir: str) -> dict[str, Any]:
    """The output of the stage before, with which that of a stage begins; of several attempts at it those of all."""
    earlier, others = spec.sweep.get("builds_on"), spec.sweep.get("builds_on_or", ())
    outputs = [os.path.join(os.path.dirname(run_dir), run_id, "output") for run_id in (earlier, *others) if run_id]
    return {"inherit": outputs if others else outputs[0]} if earlier else {}


def _hook(workspace: Workspace, manifest: Manifest) -> dict[str, Any]:
    from reprun.commands.host_hook import host_hook

    return host_hook(workspace, manifest)


def job_environment(workspace: Workspace, spec: RunSpec, prepared: Mapping[str, Any], sealed: Sealed) -> dict[str, str]:
    """The variables as the sealed manifest has them, whatever this shell says now; the secret ones it can only name."""
    table = sealed.manifest.table("variables")
    now = {**prepared["inherited"], **workspace.settings.env}
    secret = {name: now[name] for name in table["secret"] if name in now}
    env = {**seed_rules.variables(spec.seeds), **table["values"], **secret}
    env["PYTHONPYCACHEPREFIX"] = prepared["pycache"]  # the worktree is read-only, and stays as git wrote it
    return env


def spec_data(spec: RunSpec) -> dict[str, Any]:
    """The spec as JSON for the journal."""
    data = asdict(spec)
    if spec.config:
        del data["config"]["values"]  # its text says it all
    return data


def spec_from_data(data: Mapping[str, Any]) -> RunSpec:
    """The spec that the journal holds."""
    known = {field.name: data[field.name] for field in fields(RunSpec) if field.name in data}
    known["seeds"] = Seeds(**known["seeds"])
    known["config"] = _config(known["config"]) if known.get("config") else None
    for name in ("argv", "secrets", "writable", "data"):
        known[name] = tuple(known[name])
    known["carried"] = _carried(known.get("carried", []))
    return RunSpec(**known)


def spec_from_manifest(manifest: Manifest) -> RunSpec:
    """The spec that does a recorded run again: same commit, command, config, seeds and configured variables."""
    seeds, run, variables = manifest.table("seeds"), manifest.table("run"), manifest.table("variables")
    values = variables.get("values", {})
    return RunSpec(
        argv=manifest.argv,
        cwd=str(manifest.table("command").get("cwd", "")),
        seeds=Seeds(seeds["root"], str(seeds.get("origin", "")), dict(seeds["named"])),
        config=_config(manifest.table("config")) if manifest.table("config") else None,
        gpus=str(manifest.table("target").get("gpus", "")),
        variables={name: str(values[name]) for name in variables.get("configured", []) if name in values},
        secrets=tuple(variables.get("secret", [])),
        writable=tuple(run.get("writable", [])),
        carried=_carried(manifest.data.get("carried", [])),
        data=tuple(entry["path"] for entry in manifest.data.get("data", [])),
        hash_limit=int(run.get("hash_limit", 1 << 30)),
        watch_randomness=run.get("watch_randomness") is True,
        limit=dict(run.get("limit", {})),
        parent=manifest.run_id,
        commit=manifest.commit,
        conversions={name: value for name, value in manifest.data["code"].get("conversions", {}).items() if name != "differ"},
        lock=str(manifest.table("environment").get("lock", SYSTEM)),
        preflight={name: value for name, value in manifest.table("preflight").items() if name == "level"},
        sweep=manifest.table("sweep"),
    )


def _carried(entries: Sequence[Mapping[str, Any]]) -> tuple[Carried, ...]:
    return tuple(Carried(str(entry["path"]), str(entry["sha256"]), int(entry["size"])) for entry in entries)


def _config(table: Mapping[str, Any]) -> ConfigRecord:
    from reprun.config.formats import parse

    text, fmt = str(table["text"]), str(table["format"])
    return ConfigRecord(
        str(table.get("source", "")), fmt, tuple(table.get("sets", [])), text, parse(text, fmt, "the recorded config")
    )
