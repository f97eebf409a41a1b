"""`[git] push`: every snapshot, manifest and outcome also goes to a Git remote, beside the launch and never in its way.

A process of its own pushes; there is one at a time, and what comes meanwhile is pushed by it too. What became of the last push
is noted in the repository, and the next command says when it failed.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from reprun.core.errors import ReprunError
from reprun.core.text import show
from reprun.runner.identity import is_alive, own
from reprun.system.clock import iso_now
from reprun.system.files import explained, find_json, remove_file, try_locked, write_atomic, write_json
from reprun.system.process import detach

if TYPE_CHECKING:
    from reprun.workspace import Workspace


def back_up(workspace: Workspace) -> None:
    """Lets a process push, if the settings want that. Neither waits nor fails."""
    if not workspace.settings.push:
        return
    # -P: the current folder is the user's, and no module of ours is to be found there.
    with suppress(ReprunError, OSError):
        write_atomic(_path(workspace, "wanted"), b"", durable=False)
        detach([sys.executable, "-P", "-m", "reprun.commands.backup"], cwd=workspace.repository.top)


def push_all(workspace: Workspace) -> None:
    """Pushes until nothing new is wanted. Does nothing where another process is at it: that one goes on."""
    wanted = _path(workspace, "wanted")
    while workspace.settings.push and os.path.lexists(wanted):
        with try_locked(_path(workspace, "lock")) as is_ours:
            if not is_ours:
                return
            remove_file(wanted)
            _push(workspace)


def find_trouble(workspace: Workspace) -> tuple[str, str]:
    """Why the last push failed, and what to type; ("", "") when it did not, or when none was wanted."""
    remote, note = workspace.settings.push, _note(workspace)
    if not remote or note.get("remote") != remote or note.get("state") == "pushed":
        return "", ""
    if note.get("state") == "pushing":
        if is_alive(note.get("process")):
            return "", ""
        note["said"] = "it was interrupted"
    text = f"the backup of runs to {show(remote)} failed at {note.get('at')}: {show(str(note.get('said')))}"
    return text, f"git push {remote} 'refs/reprun/*:refs/reprun/*'"


def describe_backup(workspace: Workspace) -> str:
    """How things stand, for who asks; empty where no push is wanted."""
    remote, note = workspace.settings.push, _note(workspace)
    if not remote:
        return ""
    if note.get("remote") != remote:
        return f"runs are pushed to {show(remote)}; none was yet"
    word = "being pushed" if note.get("state") == "pushing" else "pushed"
    return f"runs are {word} to {show(remote)}, last at {note.get('at')}"


def _push(workspace: Workspace) -> None:
    from reprun.repo.backup import push_refs

    path, note = _path(workspace, "json"), {"remote": workspace.settings.push, "at": iso_now()}
    write_json(path, {**note, "state": "pushing", "process": own()})
    try:
        said = push_refs(workspace.repository, workspace.settings.push)
    except ReprunError as error:
        said = error.message
    write_json(path, {**note, "state": "failed" if said else "pushed", "said": said})


def _note(workspace: Workspace) -> dict[str, Any]:
    with suppress(OSError):
        return find_json(_path(workspace, "json")) or {}
    return {}


def _path(workspace: Workspace, ending: str) -> str:
    return os.path.join(workspace.repository.state_dir, f"push.{ending}")


def main() -> None:
    """What the process does. Nobody hears it: what fails is in the note."""
    from reprun.workspace import open_workspace

    with suppress(ReprunError):
        workspace = open_workspace()
        with explained(workspace.repository.state_dir, "written"):
            push_all(workspace)


if __name__ == "__main__":
    main()
