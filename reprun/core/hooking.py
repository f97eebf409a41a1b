"""What is known of hooks without looking: their names, the settings, what they are told."""

from __future__ import annotations

import json

from reprun.core.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

HOOK_VERSION = 1  # of what a hook reads on its standard input
OURS = ("pre-launch", "post-launch", "post-run")  # those that reprun runs
SHIPPED = ("pre-launch", "post-run", "commit-msg", "pre-push")  # those that it brings; the last two are run by git
USUAL = ("commit-msg", "post-run", "pre-push")  # what `hooks install` installs
ACTIVE = "REPRUN_HOOKS_RUNNING"  # the names of the hooks that this process is part of
_WORDS = ("name", "state", "exit_code", "commit", "tree", "target", "run_dir")


@dataclass(frozen=True)
class HookRules:
    """What `[hooks]` says."""

    timeout: float = 60
    post_run_on_host: bool = False
    notify: tuple[str, ...] = ()
    notify_url: str = ""
    trailer: str = "named"


def render_context(hook: str, place: str, run: dict[str, Any], **more: Any) -> dict[str, Any]:
    """What a hook is told, on the dev machine or on the host."""
    return {"reprun_hook_version": HOOK_VERSION, "hook": hook, "place": place, "run": run, **more}


def render_input(context: dict[str, Any]) -> bytes:
    """The standard input of a hook."""
    return json.dumps(context, ensure_ascii=True, default=str).encode() + b"\n"


def variables_of(context: dict[str, Any]) -> dict[str, str]:
    """The variables that say the same to a hook that reads no JSON."""
    run = context["run"]
    values = {"REPRUN_HOOK": context["hook"], "REPRUN_HOOK_PLACE": context["place"], "REPRUN_RUN_ID": run["run_id"]}
    for word in _WORDS:
        value = run.get(word)
        text = "" if value is None else str(value)
        values[f"REPRUN_{word.upper()}"] = text.replace("\0", "").encode("utf-8", "backslashreplace").decode()
    return values
