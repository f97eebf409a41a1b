"""What a run would find on this host now, and whether the host has what runs need. Changes nothing but caches."""

from __future__ import annotations

import os
from typing import Any, Dict

from reprun.runner.data import data_facts
from reprun.runner.facts import ask_gpus, host_facts, read_gpus
from reprun.runner.interpreter import find_interpreter, probe
from reprun.runner.paths import Home
from reprun.runner.tools import tool_version
from reprun.runner.variables import surroundings


def inspect(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Host facts, GPUs, interpreter and data as a launch would record them; with `tools`, versions and free space too."""
    asked = ask_gpus()
    given, activated = surroundings(home, request)
    env = {**given, **request.get("variables", {})}
    base = os.path.expanduser("~")
    interpreter = find_interpreter(request.get("argv") or ["python3"], env, base)
    answer: Dict[str, Any] = {
        "host": host_facts(),
        "inherited": given,
        "activated": activated,
        "environment": probe(interpreter, env, base, home.cache),
        "data": data_facts(request.get("data", []), request.get("data_base", base), home.cache),
    }
    if request.get("tools"):
        answer["tools"] = {name: tool_version(name) for name in ("git", "tmux")}
        answer["home"] = home.root
        answer["free_bytes"] = _free_bytes(home.root)
        answer["writable"] = is_writable(home.root)
    answer["host"]["gpus"] = read_gpus(asked)
    return answer


def existing(path: str) -> str:
    """The nearest folder on the way to `path` that is there."""
    while not os.path.isdir(path) and path != "/":
        path = os.path.dirname(path)
    return path


def _free_bytes(path: str) -> int:
    found = os.statvfs(existing(path))
    return found.f_bavail * found.f_frsize


def is_writable(path: str) -> bool:
    """Whether the folder is there, or could be made: no part of the way is a file or too long a name."""
    there = existing(path)
    missing = path[len(there) :].strip("/").split("/")
    if os.path.lexists(os.path.join(there, missing[0])) and missing[0]:
        return False  # something that is no folder stands where one is needed
    return os.access(there, os.W_OK | os.X_OK) and all(len(os.fsencode(part)) <= 255 for part in missing)
