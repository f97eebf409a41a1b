"""Why conda-lock did not make a lock, in a sentence: its own account is a traceback of a hundred lines."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from reprun.core.errors import ReprunError, ToolError, UsageError
from reprun.core.text import show, show_block
from reprun.env.complaints_pip import explain_pip
from reprun.env.uv_lock import plain

_MOST = 12  # lines of an explanation
_SHOWN = re.compile(r"^Could not lock the environment for platform \S+\n(.*?)(?:^ {4}Command: |\Z)", re.MULTILINE | re.DOTALL)
_CHANNEL = re.compile(
    r"could not find subdir '[^']*' in channel '([^']*)'|failed to (?:fetch|download).*?((?:https?|file)://\S+)"
)
_LAST = re.compile(r"^(?:\w+\.)*(\w*(?:Error|Exception|Warning)): (.*)", re.MULTILINE)

_ASKED = re.compile(r"for url \((\S+?)/[\w-]+/[^/)]*\)")  # of a file in a folder of a channel
_SPEC = re.compile(r"Failed to turn `([^{`]+)` into a MatchSpec")
_PIP = "packages under dependencies are faster than those under pip"
_OFFLINE = 'check its address in channels, and the network; to do without: kind = "system" under [environment] in reprun.toml'


def explain(names: str, platform: str, said: str, heard: Sequence[str]) -> ReprunError:
    """The error for what conda-lock `said` on standard error and what our solver let us hear of its own failure."""
    kind, message = _from_solver(heard)
    if not message:
        shown = _SHOWN.search(said)
        message = shown[1].strip() if shown else ""
    if kind == "SilentError":
        return ToolError(f"the channels of {names} do not answer: {show(message)}", hint=_OFFLINE)
    channel = _CHANNEL.search(message) or _ASKED.search(message)
    if kind == "GatewayError" or channel:
        return _channel(next(filter(None, channel.groups()), "") if channel else "", message)
    if message:
        return UsageError(
            f"{names} cannot be solved for {platform}:\n{_block(message)}",
            hint=f"change the versions in {names}, then reprun env lock",
        )
    spec = _SPEC.search(said)
    if spec:
        return UsageError(f"{names} has a dependency that is none: {show(spec[1])}", hint="dependencies: ['numpy>=1.26']")
    about_pip = explain_pip(names, platform, said, _block)
    if about_pip:
        return about_pip
    last = list(_LAST.finditer(said))
    text = f"{last[-1][2] or last[-1][1]}" if last else next(iter(reversed(said.strip().splitlines())), "it says nothing")
    return ToolError(f"conda-lock cannot make a lock from {names}: {show(text[:300])}", hint=f"check {names}")


def too_slow(names: str, seconds: float, heard: Sequence[str], has_pip: bool) -> ReprunError:
    """The error for a solve that takes longer than it may."""
    doing = f" (last: {show(heard[-1])})" if heard and not heard[-1].startswith("{") else ""
    return ToolError(
        f"no lock for {names} within {seconds:g} s{doing}",
        hint="[environment] timeout in reprun.toml gives it longer; "
        + (f"is the index of pip reachable? {_PIP}" if has_pip else "pin more versions to make it faster"),
    )


def _from_solver(heard: Sequence[str]) -> tuple[str, str]:
    for line in reversed(heard):
        if line.startswith("{"):
            try:
                found = json.loads(line)
                return str(found["kind"]), _plain(str(found["message"]))
            except (ValueError, KeyError):
                pass
    return "", ""


def _plain(message: str) -> str:
    return message.removeprefix("Cannot solve the request because of: ").strip()


def _channel(url: str, message: str) -> ReprunError:
    lines = [line for line in message.splitlines() if line.strip()]
    cause = show(lines[-1].removeprefix("Caused by: ")) if lines else "no reason is known"
    where = f"the channel {show(plain(url))}" if url else "a channel"
    if re.search(r"\b40[137]\b", message):
        host = show(urlsplit(url).hostname or "HOST")
        what = f"{where} wants a name and password, or others than it was told"
        return ToolError(what, hint=f"a line in ~/.netrc: machine {host} login NAME password PASSWORD")
    return ToolError(f"{where} cannot be read: {cause}", hint=_OFFLINE)


def _block(message: str) -> str:
    lines = [line for line in message.splitlines() if line.strip()]
    more = [f"… and {len(lines) - _MOST} more lines"] if len(lines) > _MOST else []
    return show_block("\n".join(f"  {line}" for line in [*lines[:_MOST], *more]))
