"""The worker of a host: told of news through a pipe with a name, started in a tmux session where there is none."""

from __future__ import annotations

import os
import sys
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, read_json
from reprun.runner.identity import is_alive, same_boot
from reprun.runner.paths import Home, check_socket, own_runner
from reprun.runner.process import run as run_process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

SESSION = "reprun-worker"
NEWS, LEAVE = b"n", b"l"
_SECONDS = 10.0  # in which a worker that was started has to listen


def pipe_of(home: Home) -> str:
    """The pipe with a name."""
    return os.path.join(home.queue(), "worker.fifo")


def paused_file(home: Home) -> str:
    """It is there while nothing new may start, and says whether that is a `pause` or a `drain`."""
    return os.path.join(home.queue(), "paused")


def poke(home: Home, what: bytes = NEWS) -> bool:
    """Tells the worker that something is new; False where none listens."""
    try:
        fd = os.open(pipe_of(home), os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.write(fd, what)
    except BlockingIOError:
        pass  # it has not even read what others said
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


def find_worker(home: Home) -> Dict[str, Any]:
    """What the worker wrote down of itself; empty when there is none. Takes no lock."""
    try:
        known = read_json(os.path.join(home.queue(), "worker.json")) or {}
    except ValueError:
        return {}
    return known if same_boot(known) and is_alive(known.get("process")) else {}


def wake(home: Home) -> bool:
    """Sees to it that a worker knows of what is new, unless nothing may start; True when one listens."""
    until = time.monotonic() + _SECONDS
    found = find_worker(home)
    if found and found.get("runner") != own_runner():
        # Plans are made for the runner that comes with them. What runs goes on, and the next worker finds it.
        poke(home, LEAVE)
        while is_alive(found["process"]) and time.monotonic() < until:
            time.sleep(0.005)
    if poke(home):
        return True
    if os.path.lexists(paused_file(home)):
        return False
    _start(home)
    while not poke(home):
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
        if not is_starting(home):
            _start(home)  # the one before was just going
            time.sleep(0.05)
    return True


def is_starting(home: Home) -> bool:
    """Whether there is a session of a worker."""
    return run_process(tmux(home, "has-session", "-t", "=" + SESSION), check=False, timeout=60).returncode == 0


def tmux(home: Home, *words: str) -> List[str]:
    """A command for the server of this home."""
    return ["tmux", "-S", home.socket(), "-f", "/dev/null", *words]


def _start(home: Home) -> None:
    from reprun.runner.submit import environment

    check_socket(home.socket())
    ensure_dir(home.queue())
    keep = ["-B"] if sys.dont_write_bytecode else []
    here = os.path.dirname(os.path.abspath(__file__))
    worker = [sys.executable, "-I", "-S", *keep, here, "work", home.root]
    words = tmux(home, "new-session", "-d", "-x", "180", "-y", "50", "-s", SESSION, "--", *worker)
    done = run_process(words, env=environment(), cwd=home.root, check=False, timeout=60)
    said = done.stderr.decode("utf-8", "replace").strip()
    passing = ("duplicate session", "server exited", "lost server", "no server")
    if done.returncode and not any(word in said for word in passing):
        raise RunnerError("tool", "tmux could not start the worker of the queue: %s" % said, "reprun queue resume")
