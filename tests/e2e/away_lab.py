"""What the end-to-end tests of runs on other machines share: a project that knows its host, and folders there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

from lab import REPRUN
from ssh_lab import SshHost


def know(repo: Path, host: SshHost, more: str = "", target: str = "") -> None:
    """Writes a reprun.toml with `host` as a target; `more` comes after it, `target` into its table."""
    (repo / "reprun.toml").write_text(f'[targets.{host.name}]\nhost = "{host.name}"\n{target}\n{more}\n')


def begin(*words: str, **how: Any) -> subprocess.Popen[bytes]:
    """Starts `reprun words…`, with its output in pipes."""
    return subprocess.Popen([REPRUN, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def tree(folder: os.PathLike[str] | str) -> dict[bytes, bytes]:
    """Every file below a folder with its content, every link with what it says; names as bytes. Pipes are left out."""
    found = {}
    top = os.fsencode(folder)
    for where, folders, files in os.walk(top):
        for name in files + [name for name in folders if os.path.islink(os.path.join(where, name))]:
            path = os.path.join(where, name)
            if os.path.islink(path):
                found[os.path.relpath(path, top)] = b"-> " + os.readlink(path)
            elif os.path.isfile(path):
                found[os.path.relpath(path, top)] = Path(os.fsdecode(path)).read_bytes()
    return found
