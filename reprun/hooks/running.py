"""Running a hook: directly, by the rules of git (docs/decisions/0022), with a time limit, and its output kept."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from reprun.core.hooking import ACTIVE, render_input, variables_of
from reprun.hooks.finding import Hook
from reprun.system.limited import Ended, run_limited

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# Of git's variables only those that a user sets for all repositories: an outer hook of git has its own, which lead elsewhere.
_KEPT = ("GIT_SSH", "GIT_SSH_COMMAND", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_NOSYSTEM", "GIT_EXEC_PATH")


def run_hook(hook: Hook, top: str, where: Mapping[str, str], context: dict[str, Any], seconds: float) -> Ended:
    """Runs the hook in the top folder of the worktree. `where` is what git needs to find the repository from there.

    Raises `ToolError` when it cannot be started.
    """
    env = {**environment(os.environ), **where, **variables_of(context)}
    env[ACTIVE] = ":".join([*running(os.environ), hook.name])
    run_id = context["run"]["run_id"]
    argv = ["/bin/sh", "-c", f'{hook.command} "$@"', hook.command, run_id] if hook.command else [hook.path, run_id]
    return run_limited(argv, top, env, render_input(context), seconds)


def joined(ends: Sequence[Ended]) -> Ended:
    """Several hooks as one, for the record: how the first one ended that did not end well, and what all have said."""
    status = next((ended.status for ended in ends if ended.status != 0), 0)
    return Ended(status, b"".join(ended.said for ended in ends), sum(ended.dropped for ended in ends))


def running(environ: Mapping[str, str] = os.environ) -> list[str]:
    """The hooks that this process is part of: one that runs reprun is not run again by it."""
    return [name for name in environ.get(ACTIVE, "").split(":") if name]


def environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's variables for a hook, which may find this very reprun as `REPRUN_EXECUTABLE`."""
    env = {name: value for name, value in environ.items() if not name.startswith("GIT_") or name in _KEPT}
    env.update(GIT_TERMINAL_PROMPT="0", REPRUN_EXECUTABLE=executable())
    return env


def executable() -> str:
    """This program: the installed script, else its name."""
    path = os.path.abspath(sys.argv[0])
    if os.path.basename(path) != "reprun" or not os.access(path, os.X_OK):
        path = os.path.join(os.path.dirname(sys.executable), "reprun")
    return path if os.access(path, os.X_OK) else "reprun"


def last_words(ended: Ended, most: int = 20) -> str:
    """The end of what a hook said, for people."""
    lines = [line for line in ended.said.decode("utf-8", "replace").splitlines() if line.strip()]
    return "\n".join(line[:500] for line in lines[-most:])
