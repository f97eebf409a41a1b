"""Run folders made by hand, and real supervisors of them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab import Run, until

from reprun.runner.identity import is_alive
from reprun.runner.paths import Home, RunDir
from reprun.runner.state import find_state
from reprun.runner.store import ensure_store
from reprun.runner.submit import supervise_words
from reprun.runner.worktree import ensure_worktree, place_of
from reprun.system.clock import new_run_id


class Job:
    """A prepared run of `argv` in `home`, and its supervisors."""

    def __init__(self, home: Path, tree: dict[str, Any], *argv: str, **plan: Any) -> None:
        run_id = new_run_id()  # of its own, for stopping looks for processes by it on the whole machine
        self.run = RunDir(str(home / "runs" / run_id))
        os.makedirs(self.run.path)
        env = {"PATH": os.environ["PATH"], "REPRUN_RUN_ID": run_id, "REPRUN_METRICS": self.run.metrics, "SECRET": "hunter2"}
        self.plan = {"argv": argv, "cwd": tree["path"], "env": {**env, **plan.pop("env", {})}, "worktree": tree, **plan}
        Path(self.run.launch).write_text(json.dumps(self.plan))

    def supervise(self) -> subprocess.Popen[bytes]:
        """Starts a supervisor, as a scheduler does."""
        return subprocess.Popen(
            supervise_words(self.run, sys.executable), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def start(self) -> subprocess.Popen[bytes]:
        """Starts a supervisor and waits until the job has been let go."""
        process = self.supervise()
        until(
            lambda: self.state in ("running", "finished", "failed") and not os.path.exists(self.run.launch), "the job was started"
        )
        return process

    def finish(self) -> dict[str, Any]:
        """Runs it to its end: the outcome."""
        self.supervise().communicate(timeout=60)
        return self.outcome

    @property
    def state(self) -> str:
        return str(find_state(self.run)["state"])

    @property
    def words(self) -> tuple[str, str, int | None]:
        answer = find_state(self.run)
        return answer["state"], answer["reason"], answer["exit_code"]

    @property
    def started(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(Path(self.run.started).read_text())
        return data

    @property
    def outcome(self) -> dict[str, Any]:
        data: dict[str, Any] = json.loads(Path(self.run.outcome).read_text())
        return data

    def printed(self, text: str) -> None:
        """Waits until the job has printed `text`."""
        until(lambda: os.path.exists(self.run.stdout) and text in Path(self.run.stdout).read_text(), f"it prints {text}")

    def kill(self, who: str) -> dict[str, Any]:
        """KILL for the `job` or the `supervisor`, by what started.json says; returns when it is gone."""
        process: dict[str, Any] = self.started[who]
        os.kill(process["pid"], signal.SIGKILL)
        until(lambda: not is_alive(process), f"the {who} is gone")
        return process


Make = Callable[..., Job]  # the fixture `make`


def sh(text: str) -> tuple[str, str, str]:
    """A command that runs a shell script."""
    return ("sh", "-c", text)


def make_tree(repo: Path, home: Path, git: Run) -> dict[str, Any]:
    """The worktree of HEAD as it is described in a plan."""
    place = Home(str(home))
    store = ensure_store(place, "project", str(repo / ".git" / "objects"), "sha1")
    tree: dict[str, Any] = {"store": store, "trees": place.trees("project"), "settings": [], "writable": []}
    commit = git("rev-parse", "HEAD", cwd=repo)
    return {**tree, "path": ensure_worktree(place_of(tree), commit), "name": commit, "commit": commit}
