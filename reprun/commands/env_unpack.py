"""`reprun env unpack`, and what else takes packages out of a pack: they lie among those of this machine afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

from reprun.commands.env_pack import packs_dir
from reprun.core.errors import RefusedError
from reprun.core.text import show
from reprun.env.unpack import Unpacked, unpack
from reprun.runner.paths import Home, home
from reprun.store.rows import Row
from reprun.workspace import Workspace

Tell = Callable[[str], None]


def unpack_environment(workspace: Workspace, path: str, tell: Tell) -> Unpacked:
    """Takes the packages of a pack, and its lock. Raises what `unpack` raises."""
    from reprun.env.kept import Kept

    found = unpack(os.path.abspath(os.path.expanduser(path)), Home(home()), tell)
    Kept(workspace.repository.state_dir).keep_text(found.lock, found.text)
    return found


def unpack_for(workspace: Workspace, row: Row, path: str, tell: Tell) -> Unpacked:
    """The same for a run. Raises `RefusedError` when the pack is one of another lock."""
    found = unpack_environment(workspace, path, tell)
    lock = str(workspace.manifest(row.run_id).table("environment").get("lock", ""))
    if found.lock != lock:
        what = f"{row.run_id} has {f'the lock {lock[:12]}' if lock else 'no lock'}, {show(path)} is of the lock {found.lock[:12]}"
        raise RefusedError(what, hint=f"reprun env pack {row.run_id} makes the right one")
    return found


def unpack_kept(workspace: Workspace, plan: Mapping[str, Any], tell: Tell) -> None:
    """Takes the packages of the pack of this plan, if one lies in the repository. A damaged one is told of and does no harm: the
    packages may be elsewhere."""
    path = os.path.join(packs_dir(workspace), f"{str(plan['digest'])[:32]}.tar")
    if not os.path.isfile(path):
        return
    try:
        unpack(path, Home(home()), tell)
    except RefusedError as error:
        workspace.notes.append(error.message)
