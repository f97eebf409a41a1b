"""Captures of environments that nothing locked: fetched once, kept in the repository beside the locks, and compared."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress

from reprun.core.errors import ToolError
from reprun.hosts.base import Host
from reprun.repo import refs
from reprun.repo.direct import has_ref
from reprun.repo.pruning import keep_blob
from reprun.runner.digests import sha256
from reprun.system.files import ensure_dir, find_bytes, write_atomic
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def keep_capture(workspace: Workspace, host: Host, environment: Mapping[str, Any]) -> None:
    """Brings the capture of a host's interpreter into the repository, where a ref keeps it as long as a run has it."""
    text = learn_capture(workspace, host, environment)
    ref = refs.LOCKS + str(environment.get("capture", ""))
    if text and not has_ref(workspace.repository, ref):
        keep_blob(workspace.repository, ref, text)


def learn_capture(workspace: Workspace, host: Host, environment: Mapping[str, Any]) -> bytes:
    """The capture, which is remembered; empty when nobody has it any more: the manifest has the packages and their versions."""
    digest = str(environment.get("capture", ""))
    if not digest:
        return b""
    known = find_bytes(_path(workspace, digest))
    if known is not None and sha256(known).hexdigest() == digest:
        return known
    text = str(host.ask({"op": "capture", "digest": digest}).get("text", "")).encode()
    if sha256(text).hexdigest() != digest:
        return b""
    with suppress(ToolError):
        ensure_dir(os.path.dirname(_path(workspace, digest)))
        if _from_dev_tree(workspace, text):
            write_atomic(f"{_path(workspace, digest)}.editable", b"")  # such a one is looked at in each launch
        write_atomic(_path(workspace, digest), text)
    return text


def note_dev_tree(workspace: Workspace, environment: Mapping[str, Any]) -> None:
    """Says so when the job's Python has a package of this very dev tree: it would import what is edited now, not the snapshot."""
    text = find_bytes(_path(workspace, str(environment.get("capture") or "none"))) or b""
    if workspace.settings.environment.get("project") not in ("path", "install"):
        workspace.notes.extend(
            f"{name} is installed editable from the dev tree, and the run imports it from there, not from its snapshot: "
            'project = "path" under [environment] in reprun.toml takes it from the snapshot'
            for name in _from_dev_tree(workspace, text)
        )


def _from_dev_tree(workspace: Workspace, text: bytes) -> list[str]:
    """The names of the distributions that are installed editable from this repository."""
    top = workspace.repository.top
    rows = parse_capture(text).items() if b"(editable)" in text else ()
    return [name for name, (origin, _) in rows if origin.endswith(" (editable)") and f"{_folder(origin)}/".startswith(f"{top}/")]


def _folder(origin: str) -> str:
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(origin.removesuffix(" (editable)")).path).rstrip("/")


def read_capture(workspace: Workspace, manifest: Mapping[str, Any]) -> dict[str, tuple[str, str]]:
    """Where each distribution of a run came from, and the digest of its files, by its name; nothing where nobody knows."""
    table = manifest.get("environment")
    digest = str(table.get("capture", "")) if isinstance(table, dict) else ""
    if not digest:
        return {}
    text = find_bytes(_path(workspace, digest))
    if text is None:
        text = next(refs.read_blobs(workspace.repository.git, [refs.LOCKS + digest]), None)
    return parse_capture(text) if text is not None and sha256(text).hexdigest() == digest else {}


def parse_capture(text: bytes) -> dict[str, tuple[str, str]]:
    """The rows of a capture. What is no row is left out: it may come from a stranger."""
    import json

    found = {}
    for line in text.decode("utf-8", "replace").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, list) and len(row) == 4 and all(isinstance(cell, str) for cell in row):
            found[row[0]] = (row[2], row[3])
    return found


def _path(workspace: Workspace, digest: str) -> str:
    return os.path.join(workspace.repository.state_dir, "captures", digest)
