"""`reprun env create`: the environment that a launch would get now, made before there is one."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from reprun.commands.env_choosing import Ground, find_ground
from reprun.commands.env_wanted import SYSTEM, find_kind
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.manifest import is_inside
from reprun.core.text import show
from reprun.workspace import Workspace

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Created:
    """An environment on a target: where, of which lock and plan, how the lock came to be, whether it was `made` just now."""

    target: str
    prefix: str
    digest: str
    lock: str
    origin: str
    packages: int
    made: bool


def create_environment(workspace: Workspace, files: Sequence[str], target: str, tell: Tell) -> Created:
    """Makes the environment of the dev tree as it is, or of other sources, where it is not there yet. Raises as a launch does."""
    from reprun.commands.environment import find_chosen, make, tell_replaced

    ground, place = find_ground(workspace), workspace.target(target)
    found = None
    if files or find_kind(workspace.repository.top, workspace.settings.environment) != SYSTEM:
        found = find_chosen(workspace, _with(workspace, ground, files), place, "", tell)
    if found is None:
        raise UsageError(
            "there is nothing to make: a launch takes the Python that is there",
            hint='kind = "conda" under [environment] in reprun.toml, or reprun env create environment.yml',
        )
    locked, _ = found
    workspace.notes.extend(locked.notes)
    digest = str(locked.plan["digest"])
    was_there = "record" in place.host.ask({"op": "env", "digest": digest})
    made = make(workspace, place, locked, ground.rules, tell)
    tell_replaced(workspace, made)
    count = len(locked.plan["packages"])
    return Created(place.name, str(made["prefix"]), digest, locked.digest, locked.origin, count, not was_there)


def _with(workspace: Workspace, ground: Ground, files: Sequence[str]) -> Ground:
    """What is asked for, with a lock of its own beside it, if there is one."""
    if not files:
        return ground
    paths = tuple(_inside(workspace, file) for file in files)
    return replace(ground, paths=paths, rules=replace(ground.rules, files=paths, lock=f"{paths[0]}.conda-lock.yml"))


def _inside(workspace: Workspace, file: str) -> str:
    path = os.path.relpath(os.path.join(workspace.cwd, os.path.expanduser(file)), workspace.repository.top)
    if not is_inside(path):
        raise UsageError(f"{show(file)} is outside of the repository", hint="copy it into the repository, or cd there")
    return path
