"""Is everything there that runs need, and is anything half done? Each answer with the line that mends it."""

from __future__ import annotations

import os
from typing import Any

from reprun.commands.backup import describe_backup, find_trouble
from reprun.commands.diagnosis import OLDEST_HERE, Diagnosis, judge_tool
from reprun.commands.gc import collect_garbage
from reprun.commands.listing import unfinished_runs
from reprun.commands.mending import find_damage, mended
from reprun.core.errors import UsageError
from reprun.core.select import Filter
from reprun.core.text import human_bytes
from reprun.repo.mend import find_left_locks
from reprun.runner.refs import find_locks, find_stale
from reprun.runner.tools import install_line
from reprun.targets import Target, get_target
from reprun.workspace import Workspace, open_anywhere

_LOOKED_AT = 1000  # how many of the newest runs have their manifests read


def diagnose(workspace: Workspace, mend: bool = False) -> list[Diagnosis]:
    """Looks at tools, places, settings, the records and what interrupted commands left. Changes nothing, unless it is to `mend`:
    then it puts back copies of manifests that were damaged."""
    found = [*_machine(workspace.target("local")), _repository(workspace), _settings(workspace)]
    found += _locks(workspace)
    found += _unfinished(workspace)
    found += _manifests(workspace, mend)
    found += _backup(workspace)
    found.append(_garbage(workspace))
    return found


def diagnose_outside(error: UsageError) -> list[Diagnosis]:
    """What can be said of this machine where there is no repository, as the `error` says; raises that one if it says another
    thing."""
    workspace, settings = open_anywhere()
    if workspace is not None:
        raise error
    return [*_machine(get_target("local", settings.targets)), Diagnosis("repository", "warn", error.message, error.hint)]


def _machine(here: Target) -> list[Diagnosis]:
    facts = here.host.ask({"op": "facts", "argv": ["python3"], "tools": True})
    tools = OLDEST_HERE.items()
    found = [judge_tool(name, facts["tools"].get(name, ""), install_line(name), oldest) for name, oldest in tools]
    return [*found, _home(facts), _python(facts)]


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


def _locks(workspace: Workspace) -> list[Diagnosis]:
    repository = workspace.repository
    ours = find_left_locks(repository)
    names = ("index", "HEAD", "packed-refs", "config", "shallow")
    folders = {repository.git_dir, repository.common_dir}
    paths = [os.path.join(folder, f"{name}.lock") for folder in folders for name in names]
    rest = [path for path in find_stale(paths) if path not in ours]
    told = "a launch was killed while it put its commit on the branch; git refuses to work until this is finished"
    found = [Diagnosis("lock", "warn", f"{path}: {told}", "reprun gc --yes") for path in ours]
    told = "a git that was killed has left it, or one is still at work"
    found += [Diagnosis("lock", "warn", f"{path}: {told}", f"when no git is running: rm {path}") for path in sorted(rest)]
    stale = find_stale(find_locks(repository.common_dir))
    found += [Diagnosis("lock", "warn", f"{path}: left by a launch that was killed", "reprun gc --yes") for path in stale]
    return found


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


def _manifests(workspace: Workspace, mend: bool) -> list[Diagnosis]:
    """The manifests of the newest runs, both copies of each."""
    run_ids = [row.run_id for row in workspace.history().newest(Filter(limit=_LOOKED_AT))]
    found = []
    for damage in find_damage(workspace, run_ids):
        subject = f"run {damage.run_id}"
        if mend and damage.can_be_mended:
            mended(workspace, damage.run_id)
            found.append(Diagnosis(subject, "ok", workspace.notes.pop()))
        else:
            status = "warn" if damage.can_be_mended else "fail"
            found.append(Diagnosis(subject, status, damage.detail, damage.hint))
    return found


def _backup(workspace: Workspace) -> list[Diagnosis]:
    """What became of the pushes of `[git] push`."""
    trouble, hint = find_trouble(workspace)
    if trouble:
        return [Diagnosis("backup", "warn", trouble, hint)]
    found = describe_backup(workspace)
    return [Diagnosis("backup", "ok", found)] if found else []


def _garbage(workspace: Workspace) -> Diagnosis:
    found = collect_garbage(workspace, keep=3, remove=False).found
    if not found:
        return Diagnosis("rubbish", "ok", "nothing lies around")
    return Diagnosis(
        "rubbish", "ok", f"{len(found)} things can go, {human_bytes(sum(item.bytes for item in found))}", "reprun gc"
    )
