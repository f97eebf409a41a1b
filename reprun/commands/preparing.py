"""Preparing a run on its target: the locked environment of its code, where it has one, and its worktree."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from reprun.commands.env_wanted import note_on_system, wants_environment
from reprun.commands.records import BEGUN
from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.core.spec import Attempt, RunSpec, Snapshot
from reprun.system.clock import now_ns
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.targets import Target

_TRIES = 4
# Rules for which the target looks at nothing.
_OF_OURS = ("level", "skip", "refuse", "duration", "determinism", "time", "rehearsal")


@dataclass(frozen=True)
class Ready:
    """What a worktree is prepared for: an attempt at a run, its snapshot, and its locked environment, empty where it has none."""

    attempt: Attempt
    snapshot: Snapshot
    locked: dict[str, Any]


def prepare_locked(
    workspace: Workspace, target: Target, spec: RunSpec, what: tuple[Attempt, Snapshot], tell: Callable[[str], None]
) -> dict[str, Any]:
    """The worktree, and the environment that belongs to it; that is chosen again where the target is not what was remembered."""
    attempt, snapshot = what
    for _ in range(_TRIES):
        locked = _lock(workspace, target, spec, attempt, snapshot, tell)
        tell(f"preparing the worktree on {target.name}")
        answer = prepare(workspace, target, spec, Ready(attempt, snapshot, locked), tell)
        if not locked or BEGUN in answer or not _has_changed(workspace, target, answer, locked):
            return answer
    raise ToolError(f"the environment on {target.name} does not stay there", hint=f"reprun doctor --on {target.name}")


def _has_changed(workspace: Workspace, target: Target, answer: Mapping[str, Any], locked: Mapping[str, Any]) -> bool:
    from reprun.commands.env_memory import has_changed

    return has_changed(workspace, target.host, answer, str(locked["digest"]))


def _lock(
    workspace: Workspace, target: Target, spec: RunSpec, attempt: Attempt, snapshot: Snapshot, tell: Callable[[str], None]
) -> dict[str, Any]:
    """The locked environment, on the target; nothing for a project that has none."""
    top, settings = workspace.repository.top, workspace.settings.environment
    if not wants_environment(top, settings, spec.lock):
        note = "" if spec.lock else note_on_system(top, settings)
        if note and note not in workspace.notes:
            workspace.notes.append(note)
        return {}
    from reprun.commands.environment import ensure_environment

    return ensure_environment(workspace, target, spec, attempt, snapshot, tell)


def prepare(workspace: Workspace, target: Target, spec: RunSpec, ready: Ready, tell: Callable[[str], None]) -> dict[str, Any]:
    """Lets the target make the worktree and tell what the manifest has to say of it."""
    snapshot, locked = ready.snapshot, ready.locked
    request: dict[str, Any] = {
        "op": "prepare",
        "run_id": ready.attempt.run_id,
        "key": workspace.key,
        "object_format": workspace.repository.object_format,
        "commit": snapshot.commit,
        "cwd": spec.cwd,
        "argv": list(spec.argv),
        "writable": list(spec.writable),
        "carry": _contents(workspace, spec),
        "variables": spec.variables,
        "pass_env": list(workspace.settings.pass_env),
        "gpus": spec.gpus or ("some" if spec.queue.get("gpus", 0) > 0 else ""),
        "data": list(spec.data),
        **{name: snapshot.conversions[name] for name in ("form", "expected", "accept") if name in snapshot.conversions},
    }
    if locked:
        request["environment"] = locked["digest"]
    if locked or workspace.settings.environment.get("project"):
        from reprun.commands.env_project import find_project

        project = find_project(workspace, spec, snapshot, locked)
        request.update({"project": project} if project else {})
    if wants_probes(workspace, spec):
        from reprun.commands.probing import probe_request

        request.update(probe_request(workspace, spec))
    if target.host.is_here:
        return {**target.host.ask({**request, **workspace.borrowed()}, tell=tell), "locked": locked}
    answer = {**_prepare_far(workspace, target, spec, ready, (request, tell)), "locked": locked}
    if answer.get("measured"):
        answer["measured"] = {**answer["measured"], "skew": float(answer["measured"]["time"]) - now_ns() / 1e9}
    return answer


def _prepare_far(
    workspace: Workspace, target: Target, spec: RunSpec, ready: Ready, what: tuple[dict[str, Any], Callable[[str], None]]
) -> dict[str, Any]:
    request, tell = what
    if spec.sweep:  # nothing of a sweep starts before all of it is sealed
        from reprun.commands.delivery import ask_with_code

        return ask_with_code(workspace, target.host, ready.snapshot, request, tell)
    from reprun.commands.ahead import Ahead

    return Ahead(workspace, target, spec, ready).prepare(request, tell)


def wants_probes(workspace: Workspace, spec: RunSpec) -> bool:
    """Whether there is anything to look at that the answer to `prepare` does not say by itself."""
    if spec.preflight.get("level") == "off":
        return False
    program = os.path.basename(spec.argv[0])
    if any(name not in _OF_OURS for name in spec.preflight) or program.startswith("python") or program.endswith(".py"):
        return True
    return spec.gpus not in ("", "none") or os.path.isdir(os.path.join(workspace.repository.top, "preflight"))


def _contents(workspace: Workspace, spec: RunSpec) -> list[dict[str, Any]]:
    """The carried files with what is in them: read anew at every attempt, because no record holds it."""
    if not spec.carried:
        return []
    from reprun.repo.carried import carried_contents

    return carried_contents(workspace.repository, spec.carried)
