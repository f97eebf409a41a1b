"""`[hooks] post_run_on_host`: the post-run hook that the supervisor of a run gets along, to run it where the run ends."""

from __future__ import annotations

from reprun.commands.hook_context import ground_of, run_of_manifest
from reprun.commands.launch_hooks import why_not
from reprun.core.asides import add_aside
from reprun.core.hooking import render_context, variables_of
from reprun.core.manifest import Manifest
from reprun.hooks.finding import find_hook
from reprun.hooks.trust import Trust
from reprun.system.files import find_bytes
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MOST = 1 << 20


def host_hook(workspace: Workspace, manifest: Manifest) -> dict[str, Any]:
    """What goes into the plan; nothing when there is no hook that may run."""
    hook = find_hook(ground_of(workspace), "post-run")
    if hook is None:
        return {}
    trust = Trust(workspace.repository.state_dir)
    if hook.trouble or not hook.is_executable or trust.distrust(hook):
        add_aside(f"{why_not(hook, trust)}; it will not be run on the host")
        return {}
    content = find_bytes(hook.path) or b""
    if len(content) > _MOST:
        add_aside("the post-run hook is larger than 1 MiB: it will not be run on the host")
        return {}
    context = render_context("post-run", "host", run_of_manifest(manifest))
    seconds = workspace.settings.hook_rules().timeout
    return {"hook": {"text": content.decode("latin-1"), "seconds": seconds, "context": context, "env": variables_of(context)}}
