"""How the code of a run gets to its host: borrowed where the disk is the same, else sent, and only what is missing there."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reprun.core.errors import ToolError, UnreachableError
from reprun.core.frozen import dataclass, field
from reprun.core.spec import Snapshot
from reprun.hosts.base import Attached, Host
from reprun.repo import refs
from reprun.repo.packing import list_known, pack, shallow_text
from reprun.system.files import find_json, write_json

if TYPE_CHECKING:
    from reprun.workspace import Workspace

_KEPT = 16  # commits of a host that are remembered; the newest one is nearly always the nearest
_TRIES = 3


@dataclass(frozen=True)
class Known:
    """What the dev side remembers of a host: commits of this repository that are there, newest first, and whether the host
    sees the disk of this machine. It is a memo: the host checks everything, and says what it lacks."""

    commits: tuple[str, ...] = ()
    shared: bool = False


@dataclass(frozen=True)
class Delivery:
    """What a request has to say about the code, and what goes with it."""

    fields: dict[str, Any] = field(default_factory=dict)
    attached: Attached | None = None


def ask_with_code(workspace: Workspace, host: Host, snapshot: Snapshot, request: dict[str, Any]) -> dict[str, Any]:
    """Sends a `prepare` with the code that it needs. Raises what `Host.ask` raises."""
    if host.is_here:
        return host.ask({**request, **_borrowed(workspace)})
    known = recall(workspace, host)
    for _ in range(_TRIES):
        if known is None:
            known = meet(workspace, host)
        delivery = deliver(workspace, snapshot, known)
        try:
            answer = host.ask({**request, **delivery.fields}, delivery.attached)
        except ToolError:
            if len(list_known(workspace.repository, known.commits)) == len(known.commits):
                raise
            known = None  # a commit that is remembered is no longer here, and git cannot build on it
            continue
        if "lacks" not in answer:
            remember(workspace, host, known, snapshot.commit)
            return answer
        known = None
    raise UnreachableError(f"{host.name} cannot take in the code of this repository", hint="reprun doctor --on " + host.name)


def deliver(workspace: Workspace, snapshot: Snapshot, known: Known) -> Delivery:
    """The code for a host of which so much is known."""
    if known.shared:
        return Delivery(_borrowed(workspace))
    repository, commit = workspace.repository, snapshot.commit
    if commit in known.commits:
        return Delivery()

    def attached() -> Iterable[bytes]:
        return pack(repository, commit, known.commits)

    return Delivery({"shallow": shallow_text(repository)}, attached)


def meet(workspace: Workspace, host: Host) -> Known:
    """Asks a host what it has."""
    path = os.path.join(workspace.repository.state_dir, "probe")
    answer = host.ask({"op": "hello", "key": workspace.key, "probe": [path, _probe(path)]})
    return Known(tuple(list_known(workspace.repository, answer["commits"])), bool(answer["shared"]))


def recall(workspace: Workspace, host: Host) -> Known | None:
    """What is remembered of a host; None when it is met for the first time."""
    data = find_json(_memo(workspace, host))
    try:
        return Known(tuple(str(one) for one in data["commits"]), bool(data["shared"])) if data else None
    except (KeyError, TypeError):
        return None


def remember(workspace: Workspace, host: Host, known: Known, commit: str) -> None:
    """Notes that the host has this commit."""
    commits = tuple(dict.fromkeys([commit, *known.commits]))[:_KEPT]
    if commits != known.commits or not os.path.exists(_memo(workspace, host)):
        write_json(_memo(workspace, host), {"commits": list(commits), "shared": known.shared})


def _borrowed(workspace: Workspace) -> dict[str, Any]:
    return {"objects": refs.objects_dir(workspace.repository), "data_base": workspace.repository.top}


def _memo(workspace: Workspace, host: Host) -> str:
    from hashlib import sha256

    name = sha256(host.name.encode()).hexdigest()[:16]
    return os.path.join(workspace.repository.state_dir, "hosts", f"{name}.json")


def _probe(path: str) -> str:
    """A text that only this repository has, at a path that only this disk has."""
    from reprun.system.files import ensure_dir, find_bytes, write_atomic

    known = find_bytes(path)
    if known is None:
        known = os.urandom(16).hex().encode()
        ensure_dir(os.path.dirname(path))
        write_atomic(path, known, durable=False)
    return known.decode("ascii", "replace")
