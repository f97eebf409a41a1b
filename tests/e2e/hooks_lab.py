"""Hooks as users write them, for the end-to-end tests."""

from __future__ import annotations

import os
from pathlib import Path

from lab import Run


def put_hook(repo: Path, name: str, *lines: str, folder: str = ".git/hooks") -> Path:
    """A hook of these lines of sh."""
    path = repo / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + "\n".join(lines) + "\n")
    path.chmod(0o755)
    return path


def notes(path: Path) -> list[str]:
    """The lines that hooks have written to a file; none while it is not there."""
    return path.read_text().splitlines() if path.exists() else []


def traces(repo: Path, home: Path, git: Run) -> list[str]:
    """What launches have left: refs, journals, marks of hooks, run folders."""
    left = git("for-each-ref", "--format=%(refname)", "refs/reprun").split()
    for folder in (repo / ".git" / "reprun" / "journal", repo / ".git" / "reprun" / "hooks", home / "runs"):
        for where, _, files in os.walk(folder):
            left += [os.path.join(where, name) for name in files]
        left += [str(folder / name) for name in (os.listdir(folder) if folder.is_dir() else ()) if name.startswith("20")]
    return left
