"""The tmux session of a run that the queue has started: named as that of a launched one, with the same to see and the same keys.

The job does not live in it and needs nothing of it. So it can come after the start: the worker makes it for a run that goes on
for a while, `attach` for one that has none yet, and a run of a second costs nobody one.
"""

from __future__ import annotations

import os
import signal
import sys
import time

from reprun.runner.files import read_json
from reprun.runner.identity import is_alive
from reprun.runner.paths import Home, RunDir
from reprun.runner.process import run as run_process
from reprun.runner.queue_wake import tmux

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Any, Dict, Iterable, List, Set

    from reprun.runner.queue_lives import Live

AFTER = 2.0  # seconds that a run goes on before it gets a session unasked
_LOOK = 0.3
_LINES = 2000  # as many as tmux keeps
_KEYS = (signal.SIGINT, signal.SIGQUIT)


def view(path: str) -> int:
    """What runs in the session: shows the logs until the job is over; Ctrl-C and Ctrl-\\ are for the job."""
    from reprun.runner.supervisor import show_logs

    run = RunDir(path)
    job: Dict[str, Any] = (read_json(run.started) or {}).get("job") or {}
    signal.pthread_sigmask(signal.SIG_BLOCK, _KEYS)
    viewer = show_logs(run, str(_LINES)) if is_alive(job) else 0
    while is_alive(job):
        got = signal.sigtimedwait(_KEYS, _LOOK)
        if got is not None and is_alive(job):
            try:
                os.killpg(job["pid"], got.si_signo)
            except OSError:
                pass  # it has just ended
    if viewer:
        time.sleep(_LOOK + 0.1)  # the last lines
        os.kill(viewer, signal.SIGTERM)
    return 0


def session_words(home: Home, run_id: str) -> List[str]:
    """Makes the session of a run; tmux refuses a second one of its name."""
    keep = ["-B"] if sys.dont_write_bytecode else []
    here = os.path.dirname(os.path.abspath(__file__))
    show = [sys.executable, "-I", "-S", *keep, here, "view", home.run(run_id).path]
    return tmux(home, "new-session", "-d", "-x", "180", "-y", "50", "-s", run_id, "--", *show)


def make_session(home: Home, run_id: str) -> None:
    """The same, and waits for it. It may be there already."""
    from reprun.runner.submit import environment

    run_process(session_words(home, run_id), env=environment(), cwd=home.root, check=False, timeout=60)


class Sessions:
    """Those that a worker makes, beside its work: it waits for none."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._made: Set[str] = set()
        self._making: "List[subprocess.Popen[bytes]]" = []

    def look(self, running: "Iterable[Live]", now: float) -> None:
        """Makes one for whatever runs for a while, one at a time."""
        self._making = [one for one in self._making if one.poll() is None]
        due = self._due(running)
        if due and min(due.values()) <= now and not self._making:
            self._make(min(due, key=lambda one: due[one]))

    def next(self, running: "Iterable[Live]") -> float:
        """When the next one is due; 0: none."""
        return min(self._due(running).values(), default=0.0)

    def _due(self, running: "Iterable[Live]") -> "Dict[str, float]":
        due = {live.run.run_id: live.since + AFTER for live in running}
        self._made.intersection_update(due)
        return {run_id: when for run_id, when in due.items() if run_id not in self._made}

    def _make(self, run_id: str) -> None:
        import subprocess

        from reprun.runner.submit import environment

        self._made.add(run_id)
        words, none = session_words(self.home, run_id), subprocess.DEVNULL
        try:
            made = subprocess.Popen(words, env=environment(), cwd=self.home.root, stdin=none, stdout=none, stderr=none)
        except OSError:
            return  # `attach` tries again
        self._making.append(made)
