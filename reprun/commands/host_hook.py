"""`[hooks] post_run_on_host`: the post-run hook that the supervisor of a run gets along, to run it where the run ends."""

from __future__ import annotations

from reprun.commands.hook_context import ground_of, run_of_manifest
from reprun.commands.launch_hooks import why_not
from reprun.core.asides import add_aside
from reprun.core.hooking import render_context, variables_of
from reprun.core.manifest import Manifest
from reprun.hooks.finding import find_hooks
from reprun.hooks.trust import Trust
from reprun.system.files import find_bytes
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST = 1 << 20


def host_hook(workspace: Workspace, manifest: Manifest) -> dict[str, Any]:
    """What goes into the plan; nothing when there is no hook that may run."""
    trust, texts = Trust(workspace.repository.state_dir), []
    for hook in find_hooks(ground_of(workspace), "post-run"):
        if hook.trouble or not hook.is_executable or trust.distrust(hook):
            add_aside(f"{why_not(hook, trust)}; it will not be run on the host")
            continue
        content = _script(hook.command) if hook.command else find_bytes(hook.path) or b""
        if len(content) > _MOST:
            add_aside("the post-run hook is larger than 1 MiB: it will not be run on the host")
            continue
        texts.append(content.decode("latin-1"))
    if not texts:
        return {}
    context = render_context("post-run", "host", run_of_manifest(manifest))
    seconds = workspace.settings.hook_rules().timeout
    return {"hook": {"texts": texts, "seconds": seconds, "context": context, "env": variables_of(context)}}


def _script(command: str) -> bytes:
    return b"#!/bin/sh\n" + command.encode("utf-8", "surrogateescape") + b' "$@"\n'
