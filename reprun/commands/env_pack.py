"""`reprun env pack`: all packages of a run's environment in one file, for the day on which no channel has them any more."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping
from typing import Any

from reprun.commands.environment import recorded_plan
from reprun.core.errors import ReprunError, ToolError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.pack import Contents, write_pack
from reprun.hosts.base import Host
from reprun.hosts.local import LocalHost
from reprun.runner.contents import discard
from reprun.runner.env_fetch import note_md5
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home, home
from reprun.store.rows import Row
from reprun.system.files import explained
from reprun.workspace import Workspace

Tell = Callable[[str], None]
Package = dict[str, Any]
Archive = tuple[str, int]  # SHA-256, size
_SHOWN = 20


@dataclass(frozen=True)
class Packed:
    """A pack that was written: where, of which lock and plan, with how many packages, and its size."""

    path: str
    lock: str
    digest: str
    packages: int
    bytes: int


def packs_dir(workspace: Workspace) -> str:
    """Where packs lie that are used by themselves."""
    return os.path.join(workspace.repository.state_dir, "packs")


def pack_environment(workspace: Workspace, row: Row, output: str, target: str, tell: Tell) -> Packed:
    """Packs the packages of a run: from here, from their channels, or from where it ran, or the `target`.

    Raises `RefusedError` for a run without a lock, and `ToolError` with the names of all packages that cannot be had.
    """
    where = workspace.target(target or workspace.place_of(row)[0])
    locked, text = recorded_plan(workspace, workspace.manifest(row.run_id), where)
    plan, labels = locked.plan, list(workspace.settings.environment_rules().labels)
    name = f"{str(plan['digest'])[:32]}.tar"
    path = os.path.abspath(os.path.expanduser(output)) if output else os.path.join(packs_dir(workspace), name)
    if os.path.isdir(path):
        path = os.path.join(path, f"{row.run_id}.tar")
    packages = list(plan["packages"])
    tell("looking for the packages")
    known, storage, why = _ask(LocalHost(), packages, {"labels": labels})
    if len(known) < len(packages):
        host, trouble = where.host, ""
        if not host.is_here:
            try:
                known |= _bring(host, {at: one for at, one in enumerate(packages) if at not in known}, storage, tell)
            except ReprunError as error:
                trouble = error.message
        lacking = [one for at, one in enumerate(packages) if at not in known]
        if lacking:
            raise _lacking(row.run_id, lacking, why, (host, trouble))
    archives = [known[at] for at in range(len(packages))]
    size = write_pack(path, Contents(text, plan, archives, storage), tell)
    return Packed(path, locked.digest, str(plan["digest"]), len(packages), size)


def _ask(host: Host, packages: list[Package], more: Mapping[str, Any]) -> tuple[dict[int, Archive], str, dict[str, str]]:
    """The archives that a machine has or can fetch, by their place among the packages; where they lie, and why others do not."""
    answer = host.ask({"op": "packages", "packages": packages, "may_lack": True, **more})
    found = {at: (str(one[0]), int(one[1])) for at, one in enumerate(answer["archives"]) if one}
    return found, str(answer["storage"]), dict(answer["why"])


def _bring(host: Host, packages: dict[int, Package], storage: str, tell: Tell) -> dict[int, Archive]:
    """Those of the packages that a host has, brought here and verified."""
    from reprun.commands.contents import Source, fetch_contents

    tell(f"asking {host.name} for {len(packages)} packages")
    there, _, _ = _ask(host, list(packages.values()), {"only_here": True})
    places = list(packages)
    found = {places[at]: archive for at, archive in there.items() if _may_be(packages[places[at]], archive[0])}
    source = Source(storage, {}, "packages", {"packages": True})
    lost = fetch_contents(host, source, dict(found.values()), tell)
    return {at: one for at, one in found.items() if one[0] not in lost and _is_right(packages[at], one[0], storage)}


def _may_be(package: Package, oid: str) -> bool:
    return not package["sha256"] or package["sha256"] == oid


def _is_right(package: Package, oid: str, storage: str) -> bool:
    """Whether it is what the lock says, where the lock says only the MD5: its bytes are those that the host calls them."""
    if package["sha256"]:
        return True
    path = object_path(storage, oid)
    with explained(path, "read"), open(path, "rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if digest != package["md5"]:
        discard(storage, oid)
        return False
    note_md5(Home(home()), package, oid)
    return True


def _lacking(run_id: str, lacking: list[Package], why: Mapping[str, str], asked: tuple[Host, str]) -> ToolError:
    """All of them by name, and what was tried."""
    lines = [f"  {show(one['file'])}: {show(why.get(one['file']) or why.get('') or 'it is not here')}" for one in lacking]
    more = [f"  and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    host, trouble = asked
    there = "" if host.is_here else f", nor does {host.name} ({trouble})" if trouble else f", nor has {host.name}"
    count = "1 package" if len(lacking) == 1 else f"{len(lacking)} packages"
    return ToolError(
        "\n".join([f"{run_id} cannot be packed: {count} cannot be had here{there}", *lines[:_SHOWN], *more]),
        hint=f"reprun env pack {run_id} on a machine where its environment was made, or --on such a machine",
    )
