"""What the dev side remembers of another machine's environments, so that a launch there asks nothing beforehand.

It is a memo: every `prepare` says what the host is and whether it has the environment, and is believed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from reprun.core.digests import sha256
from reprun.core.errors import ToolError
from reprun.hosts.base import Host
from reprun.system.files import find_json, write_json
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_KEPT = 16  # environments of a host that are remembered


def recall_platform(workspace: Workspace, host: Host, may_be_old: bool) -> dict[str, Any]:
    """The platform of a host and its virtual packages; with `may_be_old` as it has said last."""
    if host.is_here:
        return host.ask({"op": "virtual"})
    known = _read(workspace, host)
    if not may_be_old or "platform" not in known:
        known = {**known, "platform": host.ask({"op": "virtual"})}
        _write(workspace, host, known)
    return dict(known["platform"])


def has_told(workspace: Workspace, host: Host) -> bool:
    """Whether the host has said what it is, or is this machine."""
    return host.is_here or "platform" in _read(workspace, host)


def recall_pythons(workspace: Workspace, host: Host, may_be_old: bool, every: bool = True) -> list[dict[str, Any]]:
    """The Pythons of a host; with `may_be_old` as it has said last. Here, without `every`, those that are meant by `python3`."""
    if host.is_here:
        return list(host.ask({"op": "pythons", "every": every})["pythons"])
    known = _read(workspace, host)
    if not may_be_old or "pythons" not in known:
        known = {**known, "pythons": host.ask({"op": "pythons", "every": True})["pythons"]}
        _write(workspace, host, known)
    return list(known["pythons"])


def recall_made(workspace: Workspace, host: Host, digest: str) -> dict[str, Any] | None:
    """Where the environment is on the host, and what made it; None when that is not remembered."""
    if host.is_here:
        return None
    found = _read(workspace, host).get("made", {}).get(digest)
    return dict(found) if found else None


def remember_made(workspace: Workspace, host: Host, digest: str, record: Mapping[str, Any]) -> None:
    """Notes that the host has the environment."""
    if not host.is_here:
        known = _read(workspace, host)
        others = {name: made for name, made in known.get("made", {}).items() if name != digest}
        kept = dict(list(others.items())[-_KEPT + 1 :])
        made = {key: record[key] for key in ("prefix", "installer", "replaced", "post_link") if key in record}
        _write(workspace, host, {**known, "made": {**kept, digest: made}})


def has_changed(workspace: Workspace, host: Host, answer: Mapping[str, Any], digest: str) -> bool:
    """True when what a `prepare` has answered is not what was remembered; that is corrected."""
    if host.is_here:
        return False
    known = _read(workspace, host)
    lacks, platform = "lacks_environment" in answer, answer.get("platform", known.get("platform"))
    if lacks:
        known.get("made", {}).pop(digest, None)
        known.pop("pythons", None)  # the environment of one that was upgraded is no environment any more
    is_other = platform != known.get("platform")
    if lacks or is_other:
        _write(workspace, host, {**known, "platform": platform})
    return lacks or is_other


def _read(workspace: Workspace, host: Host) -> dict[str, Any]:
    return find_json(_path(workspace, host)) or {}


def _write(workspace: Workspace, host: Host, known: Mapping[str, Any]) -> None:
    with suppress(ToolError):  # failing to do so costs the next launch a question
        write_json(_path(workspace, host), known)


def _path(workspace: Workspace, host: Host) -> str:
    name = sha256(host.place.encode()).hexdigest()[:16]
    return os.path.join(workspace.repository.state_dir, "hosts", f"{name}.environments.json")
