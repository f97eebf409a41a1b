"""A word to this machine before anything else is known: the supervisor of the coming run starts while the launch is still read.

Two interpreters start then side by side. Where the launch ends otherwise, the supervisor finds its launcher gone and ends too.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home, home
from reprun.runner.submit import submit_early
from reprun.schedulers.base import SOCKET, Submission
from reprun.schedulers.tmux import TmuxScheduler
from reprun.system.clock import new_run_id

HERE = os.path.join("reprun", "here")  # in git's folder: the last run of this repository was started on this machine, in tmux


def start_early() -> str:
    """The id of a run whose supervisor starts now; empty where that cannot be done, or is not to be expected.

    Failing means nothing: the launch will start it in its turn, and say what is wrong.
    """
    if not os.path.lexists(os.path.join(".git", HERE)):
        return ""
    run_id = new_run_id()
    words = TmuxScheduler().submit(Submission(run_id, SOCKET))
    with suppress(RunnerError, OSError):
        submit_early(Home(home()), {"run_id": run_id, "submit": words, "python": sys.executable})
        return run_id
    return ""


def expect_here(state_dir: str, is_here: bool) -> None:
    """Lets the next launch know where this one was started. Failing to do so harms nothing."""
    path = os.path.join(os.path.dirname(state_dir), HERE)
    if is_here == os.path.lexists(path):
        return
    with suppress(OSError):
        if is_here:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
        else:
            os.unlink(path)
