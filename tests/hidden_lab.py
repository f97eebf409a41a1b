"""What the tests of runs on another machine share: a host that cannot see the dev tree, and what a job there saw."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import Answer, until
from ssh_lab import SshHost

Reprun = Callable[..., Answer]
Tree = dict[str, tuple[str, bytes]]


def far(reprun: Reprun, host: SshHost, *words: str, **how: Any) -> Answer:
    """`launch --json --on HOST WORDS…`."""
    return reprun("launch", "--json", "--on", host.name, *words, env={**host.environ, **how.pop("env", {})}, **how)


def run_far(reprun: Reprun, host: SshHost, *words: str, **how: Any) -> dict[str, Any]:
    """Launches there and waits until the run is over; the data of the launch, with the outcome."""
    data: dict[str, Any] = far(reprun, host, *words, **how).data
    outcome = Path(data["run_dir"], "outcome.json")
    data["outcome"] = json.loads(until(lambda: outcome.is_file() and outcome.read_text(), "the run is over"))
    return data


def describe(host: SshHost, **fields: str) -> None:
    """`[targets.NAME]` in the reprun.toml of the current folder."""
    lines = [f"[targets.{host.name}]", *(f'{key} = "{value}"' for key, value in {"host": host.name, **fields}.items())]
    path = Path("reprun.toml")
    path.write_text((path.read_text() if path.exists() else "") + "\n".join(lines) + "\n")


def tree(top: str | os.PathLike[str], *left_out: str) -> Tree:
    """path → (kind, bytes) of every file and link but for git's own: `x` can be executed, `l` is a link."""
    found: Tree = {}
    for folder, folders, names in os.walk(os.fsencode(top)):
        links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
        folders[:] = [name for name in folders if name != b".git" and name not in links]
        for name in [*names, *links]:
            path = os.path.join(folder, name)
            item = os.fsdecode(os.path.relpath(path, os.fsencode(top)))
            if name == b".git" or item in left_out:
                continue
            if os.path.islink(path):
                found[item] = ("l", os.readlink(path))
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[item] = ("x" if os.lstat(path).st_mode & stat.S_IXUSR else "-", file.read())
    return found


def store_of(host: SshHost) -> Path:
    """The one bare repository on a host."""
    (found,) = (host.home / ".local/share/reprun/repos").glob("*.git")
    return found


def is_borrowed(host: SshHost) -> bool:
    """True when the store on the host takes its objects from the dev repository."""
    return (store_of(host) / "objects/info/alternates").exists()
