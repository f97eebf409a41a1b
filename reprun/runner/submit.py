"""Handing a run to the scheduler of this host: the words come from the dev side, the places are put in here."""

from __future__ import annotations

import os
import sys
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir
from reprun.runner.identity import own
from reprun.runner.paths import Home, RunDir, check_socket
from reprun.runner.privacy import check_home
from reprun.runner.process import Process, finish, spawn
from reprun.runner.process import run as run_process
from reprun.runner.state import find_state

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Set

SUPERVISE = "@supervise"  # stands in a scheduler's command for the words that start the supervisor
SOCKET = "@socket"  # and this for the socket of this user's sessions
CONFIRM_SECONDS = 10.0
_EARLY_SECONDS = 2.0  # how long a supervisor that was started early may take before another is started

_starting: "Dict[str, Process[bytes]]" = {}  # the runs whose supervisor this process is starting early, with what starts it
_early: Set[str] = set()  # and those whose supervisor was started so


def submit_early(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Starts the supervisor of a run that is still being prepared: it waits for its plan, and ends with this process.

    Starting Python takes as long as the snapshot, and can happen beside it. A failure here means nothing: the launch will
    submit in its turn, and say what is wrong.
    """
    if "submit" not in request:
        return {}  # it will wait in the queue
    if request["run_id"] in _starting:
        return {}
    check_home(home)
    check_socket(home.socket())
    ensure_dir(home.root)
    run = home.run(request["run_id"])
    _starting[run.run_id] = spawn(_words(home, run, request, early=True), env=environment(), cwd=home.root)
    return {}


def collect_early(run_id: str) -> None:
    """Waits until the scheduler has taken the run that was submitted early."""
    process = _starting.pop(run_id, None)
    if process is not None and finish(process, ["the scheduler"], check=False, timeout=60).returncode == 0:
        _early.add(run_id)


def submit(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Submits a run whose plan is written, unless its supervisor waits for it already, and answers with its state."""
    run = home.run(request["run_id"])
    if run.run_id in _early:
        state = _confirm(run, _EARLY_SECONDS)
        if state["state"] != "unstarted":
            return state
    _submit(home, run, request)
    return _confirm(run, CONFIRM_SECONDS)


def supervise_words(run: RunDir, python: str, early: bool = False) -> List[str]:
    """The words that start the supervisor of a run: no shell, no site packages, no environment that Python would read."""
    keep = ["-B"] if sys.dont_write_bytecode else []
    words = [python, "-I", "-S", *keep, os.path.dirname(os.path.abspath(__file__)), "supervise", run.path]
    launcher = own()
    return [*words, str(launcher["pid"]), str(launcher["start"])] if early else words


def _words(home: Home, run: RunDir, request: Dict[str, Any], early: bool = False) -> List[str]:
    places = {SUPERVISE: supervise_words(run, request["python"] or sys.executable, early), SOCKET: [home.socket()]}
    return [part for word in request["submit"] for part in places.get(word, [word])]


def _submit(home: Home, run: RunDir, request: Dict[str, Any]) -> None:
    argv = _words(home, run, request)
    check_socket(home.socket())
    for attempt in (1, 2, 3):
        done = run_process(argv, env=environment(), cwd=run.path, check=False, timeout=60)
        said = done.stderr.decode("utf-8", "replace").strip()
        if done.returncode == 0 or "duplicate session" in said:
            return
        # A server that is just going away refuses the session that would have kept it.
        if attempt == 3 or not any(word in said for word in ("server exited", "lost server", "no server")):
            again = "reprun resume %s" % run.run_id
            raise RunnerError("tool", "%s could not start the session: %s" % (argv[0], said or done.returncode), again)
        time.sleep(0.1 * attempt)


def environment() -> Dict[str, str]:
    """The server of tmux keeps the environment that it was born with; this has nothing in it that a job should not see."""
    names = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_RUNTIME_DIR")
    env = {name: os.environ[name] for name in names if name in os.environ}
    env.update(LC_ALL="C.UTF-8", TERM="screen-256color", SHELL="/bin/sh")
    return env


def _confirm(run: RunDir, seconds: float) -> Dict[str, Any]:
    until = time.monotonic() + seconds
    pause = 0.0003
    while True:
        state = find_state(run)
        if state["state"] not in ("unstarted", "starting") or time.monotonic() > until:
            return state
        time.sleep(pause)
        pause = min(pause * 1.05, 0.003)
