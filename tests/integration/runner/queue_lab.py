"""Runs that are put into the queue of a home as a launch does it, and a real worker for them."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

from lab import until

from reprun.runner.main import handle
from reprun.runner.paths import Home, RunDir
from reprun.runner.queue_wake import find_worker
from reprun.runner.state import find_state
from reprun.system.clock import new_run_id

OVER = ("finished", "failed", "stopped", "lost", "canceled")


class QueueLab:
    """The queue of `home`, for runs in the worktree `tree` (as of `supervisor_lab.make_tree`)."""

    def __init__(self, home: Path, tree: dict[str, Any]) -> None:
        self.home = Home(str(home))
        self.tree = tree
        self.path = home
        self.log = home / "log"

    def request(self, argv: tuple[str, ...], entry: dict[str, Any], **plan: Any) -> dict[str, Any]:
        """What a launch sends to start a run that is queued."""
        run_id = new_run_id()
        run = self.home.run(run_id)
        env = {"PATH": os.environ["PATH"], "REPRUN_RUN_ID": run_id, "REPRUN_METRICS": run.metrics, "LOG": str(self.log)}
        plan = {"argv": argv, "cwd": self.tree["path"], "env": {**env, **plan.pop("env", {})}, "worktree": self.tree, **plan}
        return {"run_id": run_id, "manifest": "", "plan": plan, "queue": {"project": "p", **entry}}

    def put(self, *argv: str, plan: dict[str, Any] | None = None, **entry: Any) -> str:
        """Queues one run, as a launch does: its id."""
        if "if_" in entry:
            entry["if"] = entry.pop("if_")
        request = self.request(argv, entry, **(plan or {}))
        answer = self.ask("start", **request)
        assert answer["state"] in ("queued", *OVER, "running", "starting"), answer
        return str(request["run_id"])

    def put_many(self, requests: list[dict[str, Any]]) -> dict[str, Any]:
        """Queues many at once, as a sweep does."""
        return self.ask("enqueue", entries=requests)

    def ask(self, op: str, **request: Any) -> dict[str, Any]:
        """A request to the runner."""
        return handle({"op": op, "home": self.home.root, **request})

    def do(self, what: str, *runs: str, **request: Any) -> dict[str, Any]:
        """What can be done to a queue."""
        return self.ask("queue", do=what, runs=list(runs), **request)

    def run(self, run_id: str) -> RunDir:
        """The folder of a run."""
        return self.home.run(run_id)

    def state(self, run_id: str) -> str:
        """The state of a run."""
        return str(find_state(self.home.run(run_id))["state"])

    def words(self, run_id: str) -> tuple[str, str]:
        """The state of a run, and the reason for it."""
        found = find_state(self.home.run(run_id))
        return found["state"], found["reason"]

    def entry(self, run_id: str) -> dict[str, Any]:
        """What the queue says of a run."""
        found: dict[str, Any] = next(one for one in self.do("ls", all=True)["entries"] if one["run_id"] == run_id)
        return found

    def outcome(self, run_id: str) -> dict[str, Any]:
        """The outcome of a run, once it is there."""
        path = Path(self.home.run(run_id).outcome)
        until(path.exists, f"{run_id} is over")
        data: dict[str, Any] = json.loads(path.read_text())
        return data

    def await_all(self, run_ids: list[str], seconds: float = 120) -> None:
        """Waits until all of them are over."""
        until(lambda: all(self.state(one) in OVER for one in run_ids), "all runs are over", seconds)

    def await_worker_end(self) -> None:
        """Waits until there is no worker."""
        until(lambda: not find_worker(self.home), "the worker has ended")

    def lines(self) -> list[str]:
        """What the jobs have appended to the log."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def kill_worker(self) -> None:
        """KILL for the worker; returns when it is gone."""
        found = until(lambda: find_worker(self.home), "there is a worker")
        os.kill(found["process"]["pid"], signal.SIGKILL)
        until(lambda: find_worker(self.home).get("process") != found["process"], "the worker is gone")


def say(text: str) -> tuple[str, str, str]:
    """A job that appends a line to the log."""
    return ("sh", "-c", f'echo "{text}" >> "$LOG"')


def gate(path: Path, text: str) -> tuple[str, str, str]:
    """A job that says that it is up, and waits until a file is there."""
    return ("sh", "-c", f'echo "{text}" >> "$LOG"; while ! test -e "{path}"; do sleep 0.02; done')
