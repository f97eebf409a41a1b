"""Telling people that a run has ended: by a command of theirs, or by posting to an address. Few words, and nothing secret."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from reprun.core.digests import sha256
from reprun.core.errors import RefusedError, ToolError, UsageError
from reprun.core.hooking import HookRules
from reprun.core.text import human_seconds, show
from reprun.hooks.trust import Trust
from reprun.system.limited import run_limited
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NOTIFY = "notify"  # what `reprun hooks trust` calls the settings of a project that notify
_TOLD = ("run_id", "name", "state", "exit_code", "target", "commit", "branch")
_SECONDS = 15.0


def told(context: Mapping[str, Any]) -> dict[str, Any]:
    """What is told of a run: no command, no config, no variable, no path. Raises `UsageError` when this is no context."""
    run = context.get("run")
    if not isinstance(run, dict) or not isinstance(run.get("run_id"), str):
        raise UsageError("standard input does not hold what a hook is told", hint="reprun hooks run post-run @last")
    outcome = run.get("outcome")
    seconds = outcome.get("seconds") if isinstance(outcome, dict) else None
    return {**{name: run.get(name) for name in _TOLD}, "seconds": seconds if isinstance(seconds, (int, float)) else None}


def sentence_of(run: Mapping[str, Any]) -> str:
    """One line for people."""
    name = f" ({show(str(run['name']))})" if run["name"] else ""
    code = f" {run['exit_code']}" if run["exit_code"] is not None else ""
    took = f" after {human_seconds(run['seconds'])}" if run["seconds"] is not None else ""
    where = f" on {show(str(run['target']))}" if run["target"] not in ("", None, "local") else ""
    return f"{run['run_id']}{name}: {run['state'] or 'launched'}{code}{where}{took}"


def rules_to_notify(workspace: Workspace) -> HookRules:
    """The settings. Raises `RefusedError` for a command or an address that the project names, until the user trusts it."""
    rules = workspace.settings.hook_rules()
    if not rules.notify and not rules.notify_url:
        return rules
    digest, is_own = notify_digest(workspace), _is_own(rules)
    if not is_own and not Trust(workspace.repository.state_dir).knows(NOTIFY, digest):
        what = "the command " + " ".join(show(word) for word in rules.notify) if rules.notify else "an address"
        raise RefusedError(
            f"reprun.toml of this repository names {what} to notify, and you have not trusted that yet",
            hint=f"reprun hooks trust {NOTIFY}",
        )
    return rules


def trust_notify(workspace: Workspace) -> bool:
    """Trusts what the settings name now; False when that needs no trust, or has it."""
    rules = workspace.settings.hook_rules()
    if not (rules.notify or rules.notify_url) or _is_own(rules):
        return False
    return Trust(workspace.repository.state_dir).add(NOTIFY, notify_digest(workspace), "reprun.toml")


def notify_digest(workspace: Workspace) -> str:
    """The digest of what the settings say about notifying."""
    rules = workspace.settings.hook_rules()
    return sha256(json.dumps([list(rules.notify), rules.notify_url]).encode()).hexdigest()


def _is_own(rules: HookRules) -> bool:
    """Whether the user's own file says all of it."""
    from reprun.config.project import find_settings, user_config_path

    own = find_settings(os.devnull, user_config_path(os.environ)).hook_rules()
    return rules.notify in ((), own.notify) and rules.notify_url in ("", own.notify_url)


def notify(workspace: Workspace, context: Mapping[str, Any]) -> list[str]:
    """Tells whoever the settings name. Returns the ways that were taken; raises `ToolError` when one of them failed."""
    rules, run = rules_to_notify(workspace), told(context)
    done = []
    if rules.notify:
        _call(workspace, rules, run)
        done.append(rules.notify[0])
    if rules.notify_url:
        done.append(_post(rules.notify_url, {"text": sentence_of(run), "run": run}))
    return done


def _call(workspace: Workspace, rules: HookRules, run: dict[str, Any]) -> None:
    from reprun.hooks.running import environment

    values = {**run, "message": sentence_of(run)}
    words = [_filled(word, values) for word in rules.notify]
    if words == list(rules.notify):
        words.append(values["message"])
    data = json.dumps(run).encode() + b"\n"
    ended = run_limited(_found(words), workspace.repository.top, environment(os.environ), data, _SECONDS)
    if ended.status is None:
        raise ToolError(f"{show(words[0])} did not end within {_SECONDS:g} s", hint="[hooks] notify")
    if ended.status:
        said = ended.said.decode("utf-8", "replace").strip().splitlines()
        raise ToolError(
            f"{show(words[0])} failed: {show(said[-1]) if said else f'exit status {ended.status}'}", hint="[hooks] notify"
        )


def _found(words: list[str]) -> list[str]:
    import shutil

    path = shutil.which(words[0])
    if path is None:
        raise ToolError(f"the program {show(words[0])} is not here", hint="[hooks] notify names another")
    return [path, *words[1:]]


def _filled(word: str, values: Mapping[str, Any]) -> str:
    """A word with `{run_id}` and the like replaced, in one pass: what is filled in is not looked at again."""
    import re

    return re.sub(r"\{([a-z_]+)\}", lambda found: _text(values.get(found[1], found[0])), word)


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _post(url: str, data: Mapping[str, Any]) -> str:
    """Posts to the address, of which only the host is ever said: the rest of it is often a key."""
    from urllib.error import HTTPError, URLError
    from urllib.parse import urlsplit
    from urllib.request import Request, urlopen

    host = urlsplit(url).hostname or "?"
    request = Request(url, json.dumps(data).encode(), {"Content-Type": "application/json", "User-Agent": "reprun"})  # noqa: S310
    try:
        with urlopen(request, timeout=_SECONDS) as answer:  # noqa: S310  # http and https only, see config/fields.py
            answer.read(1)
    except HTTPError as error:
        raise ToolError(f"{host} does not take the notification: {error.code}", hint="[hooks] notify_url") from None
    except (URLError, OSError, ValueError) as error:
        why = getattr(error, "reason", None) or error
        raise ToolError(f"{host} cannot be notified: {show(str(why))}", hint="[hooks] notify_url") from None
    return host
