"""What a hook is told of a run: the same fields before its start, after it, and at its end."""

from __future__ import annotations

from reprun.core.manifest import Manifest
from reprun.core.outcome import RunState
from reprun.core.spec import RunSpec, Snapshot
from reprun.hooks.finding import Ground
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OF_CODE = ("commit", "tree", "branch", "ref", "dirty", "changed", "added", "deleted")
_OF_SWEEP = ("file", "title", "task", "name", "stage", "params")
_OF_OUTCOME = ("started", "ended", "seconds", "signal", "stopped_by", "hostname", "peak_memory", "metrics")


def ground_of(workspace: Workspace) -> Ground:
    """The repository as far as hooks are concerned."""
    repository = workspace.repository
    settings = repository.hook_settings()
    return Ground(repository.hooks_dir, repository.top, repository.git_dir, repository.common_dir, settings)


def repository_data(workspace: Workspace) -> dict[str, str]:
    """Where the repository is on this machine."""
    repository = workspace.repository
    return {"top": repository.top, "git_dir": repository.git_dir, "common_dir": repository.common_dir}


def run_of_spec(run_id: str, spec: RunSpec, snapshot: Snapshot) -> dict[str, Any]:
    """A run that is about to be launched."""
    run = {
        "run_id": run_id,
        "name": spec.name,
        "why": spec.why,
        "parent": spec.parent,
        "target": spec.target,
        "gpus": spec.gpus,
        "command": {"argv": list(spec.argv), "cwd": spec.cwd},
        "seeds": {"root": spec.seeds.root, "origin": spec.seeds.origin},
        **{name: getattr(snapshot, name) for name in _OF_CODE},
    }
    if spec.sweep:
        run["sweep"] = {name: spec.sweep[name] for name in _OF_SWEEP if name in spec.sweep}
    if spec.config:
        run["config"] = {"source": spec.config.source, "sets": list(spec.config.sets), "values": spec.config.values}
    return run


def run_of_manifest(manifest: Manifest, state: RunState | None = None) -> dict[str, Any]:
    """A run as it was sealed, and what became of it. Of its variables nothing is told."""
    code, target, seeds, command = (manifest.table(name) for name in ("code", "target", "seeds", "command"))
    run: dict[str, Any] = {
        "run_id": manifest.run_id,
        "name": manifest.name,
        "why": str(manifest.data.get("why", "")),
        "parent": str(manifest.data.get("parent", "")),
        "created": str(manifest.data.get("created", "")),
        "target": target.get("name", ""),
        "gpus": target.get("gpus", ""),
        "run_dir": target.get("run_dir", ""),
        "command": {"argv": list(manifest.argv), "cwd": command.get("cwd", "")},
        "seeds": {"root": seeds.get("root"), "origin": seeds.get("origin", "")},
        **{name: code.get(name, "") for name in _OF_CODE},
    }
    if manifest.table("sweep"):
        run["sweep"] = {name: manifest.table("sweep")[name] for name in _OF_SWEEP if name in manifest.table("sweep")}
    if state is not None:
        run |= state.data
        run["outcome"] = {name: state.record[name] for name in _OF_OUTCOME if name in state.record}
    return run
