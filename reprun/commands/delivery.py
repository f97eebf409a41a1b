"""How the code of a run gets to its host: borrowed where the disk is the same, else sent, and only what is missing there."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.spec import Snapshot
from reprun.core.text import human_bytes
from reprun.hosts.base import Attached, Behind, Host
from reprun.repo.packing import list_known, pack, shallow_text
from reprun.runner.digests import sha256
from reprun.system.files import find_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.workspace import Workspace

Tell = Callable[[str], None]
_KEPT = 16  # commits of a host that are remembered; the newest one is nearly always the nearest
_TRIES = 4
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")


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


def ask_with_code(
    workspace: Workspace, host: Host, snapshot: Snapshot, request: dict[str, Any], tell: Tell, behind: Behind | None = None
) -> dict[str, Any]:
    """Sends a `prepare` to another machine with the code that it needs. Raises what `Host.ask` raises."""
    known = recall(workspace, host)
    for _ in range(_TRIES):
        known = known or meet(workspace, host)
        delivery = deliver(workspace, snapshot, known, lambda size: tell(f"sending {human_bytes(size)} to {host.name}"))
        try:
            answer = host.ask({**request, **delivery.fields}, delivery.attached, behind, tell)
        except ToolError:
            if len(list_known(workspace.repository, known.commits)) == len(known.commits):
                raise
            known = None  # a commit that is remembered is no longer here, and git cannot build on it
            continue
        if "lacks" in answer:
            # A host that no longer sees this disk is asked again; another one has just said what it has.
            known = None if known.shared else _known(workspace, [] if snapshot.commit in answer["lacks"] else answer["lacks"])
            continue
        remember(workspace, host, known, snapshot.commit)
        if "lacks_contents" not in answer:
            return answer
        from reprun.commands.contents import send_contents

        known = recall(workspace, host) or known
        send_contents(workspace, host, request["form"], answer["lacks_contents"], tell)
    raise ToolError(
        f"{host.name} cannot take in the code of this repository: it lacks what it was sent",
        hint=f"reprun doctor --on {host.name}; or remove repos/{workspace.key}.git from the folder of reprun there",
    )


def deliver(workspace: Workspace, snapshot: Snapshot, known: Known, told: Callable[[int], None]) -> Delivery:
    """The code for a host of which so much is known. `told` hears how many bytes have gone."""
    if known.shared:
        return Delivery({**workspace.borrowed(), "probe": _probe(workspace)})
    repository, commit = workspace.repository, snapshot.commit
    if commit in known.commits:
        return Delivery({"known": list(known.commits)})

    def attached() -> Iterable[bytes]:
        sent = 0
        for piece in pack(repository, commit, known.commits):
            yield piece
            sent += len(piece)
            told(sent)

    return Delivery({"shallow": shallow_text(repository, commit), "known": list(known.commits)}, attached)


def meet(workspace: Workspace, host: Host) -> Known:
    """Asks a host what it has."""
    answer = host.ask({"op": "hello", "key": workspace.key, "probe": _probe(workspace)})
    return replace(_known(workspace, answer["commits"]), shared=bool(answer["shared"]))


def _known(workspace: Workspace, commits: Iterable[str]) -> Known:
    return Known(tuple(list_known(workspace.repository, commits)))


def recall(workspace: Workspace, host: Host) -> Known | None:
    """What is remembered of a host; None when it is met for the first time, or nobody can read it."""
    try:
        data = find_json(_memo(workspace, host)) or {}
        commits, shared = data["commits"], data["shared"]
        if all(_COMMIT.fullmatch(one) for one in commits):
            return Known(tuple(commits), shared is True)
    except (KeyError, TypeError, OSError):
        pass
    return None


def remember(workspace: Workspace, host: Host, known: Known, commit: str) -> None:
    """Notes that the host has this commit. Failing to do so costs the next launch a question, and nothing else."""
    commits = tuple(dict.fromkeys([commit, *known.commits]))[:_KEPT]
    if commits != known.commits or recall(workspace, host) != known:
        with suppress(ToolError):
            write_json(_memo(workspace, host), {"commits": list(commits), "shared": known.shared})


def _memo(workspace: Workspace, host: Host) -> str:
    name = sha256(host.place.encode()).hexdigest()[:16]
    return os.path.join(workspace.repository.state_dir, "hosts", f"{name}.json")


def _probe(workspace: Workspace) -> list[str]:
    """A path that only this disk has, and a text that only this repository has there. Empty where it cannot be kept."""
    from reprun.system.files import ensure_dir, find_bytes, write_atomic

    path = os.path.join(workspace.repository.state_dir, "probe")
    known = find_bytes(path)
    if not known:
        known = os.urandom(16).hex().encode()
        ensure_dir(os.path.dirname(path))
        write_atomic(path, known, durable=False)
    return [path, known.decode("ascii", "replace")]
