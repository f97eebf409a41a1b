"""Asking whether a hook that came with the repository may run, before it is met. Where nobody can be asked, nothing is said here:
what meets the hook says it."""

from __future__ import annotations

from reprun.cli.confirming import can_ask, says_yes
from reprun.cli.envelope import say
from reprun.commands.hook_care import trust_hook, untrusted
from reprun.core.digests import sha256
from reprun.core.text import show_block
from reprun.hooks.finding import Hook
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
        content = _content(workspace, hook)
        say(f"{trust.distrust(hook)}:")
        lines = show_block(content.decode("utf-8", "replace")).splitlines()
        for line in lines[:_LINES]:
            say(f"  | {line[:500]}")
        if len(lines) > _LINES:
            say(f"  and {len(lines) - _LINES} more lines in {hook.shown}")
        if says_yes("trust it, and run it from now on?") and sha256(content).hexdigest() == hook.digest:
            trust_hook(workspace, hook)


def _content(workspace: Workspace, hook: Hook) -> bytes:
    if not hook.command:
        return find_bytes(hook.path) or b""
    from reprun.commands.hook_context import ground_of
    from reprun.hooks.configured import text_of

    return text_of(ground_of(workspace), hook)
