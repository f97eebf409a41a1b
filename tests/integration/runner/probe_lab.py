"""Probes on a folder that stands for the worktree, with this interpreter as that of the job."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from reprun.runner.paths import Home
from reprun.runner.probe import probe_all

RUN_ID = "20260101-000000-abcdef"


class Probes:
    """`look("python", "train.py")` is what `prepare` would answer for that command."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.home = folder / "tree", Home(str(folder / "home"))
        self.tree.mkdir()
        Path(self.home.run(RUN_ID).output).mkdir(parents=True)
        self.digest = "environment"
        self.measured: dict[str, Any] = {}
        self.variables: dict[str, str] = {}

    def write(self, **files: str) -> None:
        """Files of the worktree: `a__b` is a/b.py."""
        for name, text in files.items():
            path = self.path(name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def path(self, name: str) -> Path:
        """`a__b` is a/b.py, `a____init__` is a/__init__.py."""
        folder, mark, special = name.partition("____")
        return self.tree / (folder.replace("__", "/") + ("/__" + special if mark else "") + ".py")

    def look(self, *words: str, **ask: Any) -> dict[str, Any]:
        """The facts of the probes in `ask`."""
        words = (sys.executable, *words) if words[:1] in ((), ("-",)) else words
        words = (sys.executable, *words[1:]) if words[:1] == ("python",) else words
        request = {
            "run_id": RUN_ID, "argv": list(words), "variables": self.variables, "trial": {"words": list(words), "env": {}},
            "preflight": {"level": "quick", "seconds": 60.0, "keep": 3600.0, **ask},
        }  # fmt: skip
        facts = {
            "inherited": {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"]}, "cwd": str(self.tree),
            "pycache": str(self.tree.parent / "pycache"), "worktree": {"path": str(self.tree), "store": "store"},
            "environment": {"digest": self.digest}, "host": {"hostname": "here"}, "data": [],
        }  # fmt: skip
        found, self.measured = probe_all(self.home, request, facts)
        return found

    def problems(self, *words: str) -> list[tuple[str, str, str, bool]]:
        """(kind, module, place, is it certain) of each problem with the imports."""
        found = self.look(*words, imports=True)["imports"]["problems"]
        return [(one["kind"], one["name"], one["where"], one["certain"]) for one in found]
