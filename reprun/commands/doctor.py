"""Is everything there that runs need, and is anything half done? Each answer with the line that mends it."""

from __future__ import annotations

import re
from typing import Any

from reprun.commands.gc import collect_garbage
from reprun.commands.listing import unfinished_runs
from reprun.core.frozen import dataclass
from reprun.core.text import human_bytes
from reprun.workspace import Workspace

OLDEST = {"git": (2, 25), "tmux": (2, 6)}


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at: `status` is ok, warn or fail; `hint` mends it."""

    subject: str
    status: str
    detail: str
    hint: str = ""


def diagnose(workspace: Workspace) -> list[Diagnosis]:
    """Looks at tools, places, settings, the records and what interrupted commands left. Changes nothing."""
    facts = workspace.target("local").host.ask({"op": "facts", "argv": ["python3"], "tools": True})
    found = [_tool(name, facts["tools"].get(name, "")) for name in OLDEST]
    found += [_home(facts), _python(facts), _repository(workspace), _settings(workspace)]
    found += _unfinished(workspace)
    found.append(_garbage(workspace))
    return found


def _tool(name: str, said: str) -> Diagnosis:
    numbers = re.search(r"(\d+)\.(\d+)", said)
    if numbers is None:
        return Diagnosis(name, "fail", "is not installed", f"sudo apt-get install {name}")
    if (int(numbers[1]), int(numbers[2])) < OLDEST[name]:
        return Diagnosis(name, "fail", f"{said} is older than {'.'.join(map(str, OLDEST[name]))}", f"install a newer {name}")
    return Diagnosis(name, "ok", said)


def _home(facts: dict[str, Any]) -> Diagnosis:
    if not facts["writable"]:
        return Diagnosis("home", "fail", f"{facts['home']} cannot be written", "set REPRUN_HOME to a folder of yours")
    free = int(facts["free_bytes"])
    if free < 1 << 30:
        return Diagnosis("home", "warn", f"only {human_bytes(free)} are free at {facts['home']}", "reprun gc")
    return Diagnosis("home", "ok", f"{facts['home']}, {human_bytes(free)} free")


def _python(facts: dict[str, Any]) -> Diagnosis:
    python = facts["environment"].get("python")
    if not python:
        return Diagnosis("python", "warn", "no interpreter was found on PATH", "activate the environment of the project first")
    return Diagnosis(
        "python", "ok", f"{python} at {facts['environment']['executable']}, {len(facts['environment']['packages'])} packages"
    )


def _repository(workspace: Workspace) -> Diagnosis:
    head = workspace.repository.head
    return Diagnosis("repository", "ok", f"{workspace.repository.top} at {head[:12] if head else 'no commit yet'}")


def _settings(workspace: Workspace) -> Diagnosis:
    files = workspace.settings.files
    if not files:
        return Diagnosis("settings", "ok", "no reprun.toml: the defaults hold", "reprun init")
    return Diagnosis("settings", "ok", ", ".join(files))


def _unfinished(workspace: Workspace) -> list[Diagnosis]:
    found = []
    for item in unfinished_runs(workspace):
        run_id, state = item.row.run_id, item.state
        if state.state == "unstarted":
            hint = f"reprun resume {run_id}" if workspace.snapshot(run_id) else "reprun gc --yes forgets it; launch again"
            found.append(Diagnosis(f"run {run_id}", "warn", f"never started: {state.reason}", hint))
        elif state.state == "lost":
            found.append(Diagnosis(f"run {run_id}", "warn", state.words, f"reprun reproduce {run_id}"))
        elif state.state == "unknown":
            found.append(Diagnosis(f"run {run_id}", "warn", state.words, f"reprun show {run_id}"))
    return found


def _garbage(workspace: Workspace) -> Diagnosis:
    found = collect_garbage(workspace, keep=3, remove=False).found
    if not found:
        return Diagnosis("rubbish", "ok", "nothing lies around")
    return Diagnosis(
        "rubbish", "ok", f"{len(found)} things can go, {human_bytes(sum(item.bytes for item in found))}", "reprun gc"
    )
