"""Asking whether a hook that came with the repository may run, before it is met. Where nobody can be asked, nothing is said here:
what meets the hook says it."""

from __future__ import annotations

from reprun.cli.confirming import can_ask, says_yes
from reprun.cli.envelope import say
from reprun.commands.hook_care import trust_hook, untrusted
from reprun.core.digests import sha256
from reprun.core.text import show, show_block
from reprun.hooks.trust import Trust
from reprun.system.files import find_bytes
from reprun.workspace import Workspace

_LINES = 60


def settle_hooks(workspace: Workspace) -> None:
    """Shows each hook that waits to be trusted, and asks."""
    if not can_ask():
        return
    trust = Trust(workspace.repository.state_dir)
    for hook in untrusted(workspace):
        content = find_bytes(hook.path) or b""
        say(f"{trust.distrust(hook)}:")
        lines = show_block(content.decode("utf-8", "replace")).splitlines()
        for line in lines[:_LINES]:
            say(f"  | {line[:500]}")
        if len(lines) > _LINES:
            say(f"  and {len(lines) - _LINES} more lines in {show(hook.path)}")
        if says_yes("trust it, and run it from now on?") and sha256(content).hexdigest() == hook.digest:
            trust_hook(workspace, hook)
