"""`reprun env shell`: the words that enter the environment of a run, which is made from its lock where it is gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reprun.commands.env_choosing import find_ground
from reprun.commands.env_create import create_environment
from reprun.commands.environment import lock_of, make, recorded_for, tell_replaced
from reprun.commands.reproduce import target_of
from reprun.store.rows import Row
from reprun.targets import Target
from reprun.workspace import Workspace

Tell = Callable[[str], None]


def enter_run(workspace: Workspace, row: Row, on: str, argv: Sequence[str], tell: Tell) -> tuple[Target, list[str]]:
    """Where the environment of the run is, and the words that enter it there. Raises `RefusedError` for a run without a lock."""
    lock = lock_of(workspace.manifest(row.run_id))
    target = workspace.target(target_of(workspace, row, on))
    locked, _, _ = recorded_for(workspace, target, lock)
    tell_replaced(workspace, make(workspace, target, locked, find_ground(workspace).rules, tell))
    return target, _words(workspace, target, str(locked.plan["digest"]), row.run_id, argv)


def enter_tree(workspace: Workspace, on: str, argv: Sequence[str], tell: Tell) -> tuple[Target, list[str]]:
    """The same for the environment that the dev tree asks for as it is now."""
    made = create_environment(workspace, (), on or "local", tell)
    target = workspace.target(made.target)
    return target, _words(workspace, target, made.digest, "dev tree", argv)


def _words(workspace: Workspace, target: Target, digest: str, label: str, argv: Sequence[str]) -> list[str]:
    request: dict[str, Any] = {"op": "shell", "digest": digest, "label": label, "argv": list(argv)}
    request["pass_env"] = list(workspace.settings.pass_env)
    request["worktree"] = workspace.repository.top if target.host.is_here else ""  # Python looks there first, as in a worktree
    return list(target.host.ask(request)["words"])
