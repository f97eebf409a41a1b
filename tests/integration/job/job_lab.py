"""A Python program as a job sees the world: with `reprun_job` on its path, and the files of a run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from lab import old_tool

import reprun.runner
from reprun.runner.paths import job_paths

INJOB = os.path.join(os.path.dirname(reprun.runner.__file__), "injob")
OLD = os.path.join(old_tool("python-3.8"), "python3")


class Place:
    """A folder with the files of a run, where programs are run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics, self.events = folder / "metrics.jsonl", folder / "events.jsonl"

    def run(self, code: str, python: str = sys.executable, watch: bool = False, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs the program as a file `job.py` in the folder; `env` is added to what a run sets."""
        (self.folder / "job.py").write_text(code)
        own = {
            "PATH": os.environ["PATH"], "REPRUN_METRICS": str(self.metrics), "REPRUN_EVENTS": str(self.events),
            "REPRUN_OUTPUT": str(self.folder / "output"), "REPRUN_SEED": "7", "REPRUN_SEED_NUMPY": "11", **env,
        }  # fmt: skip
        own["PYTHONPATH"] = job_paths(own, watch)
        return subprocess.run(
            [python, "job.py"], cwd=self.folder, env=own, capture_output=True, text=True, timeout=120, check=False
        )

    def lines(self, name: str = "metrics") -> list[dict[str, Any]]:
        """The lines of `metrics` or `events`."""
        path: Path = getattr(self, name)
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def module(self, name: str, text: str) -> None:
        """A module that the program can import."""
        path = self.folder / f"{name.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
