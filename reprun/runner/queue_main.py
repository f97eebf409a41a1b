"""The worker as a process: there is one at a time, and what comes while it ends is not lost."""

from __future__ import annotations

import contextlib
import fcntl
import gc
import os
import signal
import sqlite3
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, list_names, write_json
from reprun.runner.identity import here, is_orphan, own
from reprun.runner.paths import Home, own_runner
from reprun.runner.queue_db import set_aside
from reprun.runner.queue_wake import pipe_of, poke
from reprun.runner.queue_worker import Worker, log

_PATIENCE = 30.0  # seconds in which another worker is gone, or listens
_PAUSE = 5.0
_MOST_LOG = 1 << 20


def work(root: str) -> int:
    """Works until nothing is left to do; 0 as well when another one is at it."""
    os.umask(0o077)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the session may go
    home = Home(root)
    ensure_dir(home.queue())
    _open_log(os.path.join(home.queue(), "worker.log"))
    lock = _lock(home)
    if lock < 0:
        return 0
    _await_undecided(home)
    log("the worker begins, process %d" % os.getpid())
    try:
        _work(home, _make(home))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(home.queue(), "worker.json"))
    log("the worker ends")
    os.close(lock)
    return 0


def _work(home: Home, worker: Worker) -> None:
    """Who enters a run and finds nobody listening starts a worker; so after this one has stopped listening it looks once more."""
    worker.stock.ledger.note("worker begins")
    _load()
    gc.collect()
    gc.disable()
    gc.freeze()  # what is here is not copied with every fork
    while True:
        worker.work()
        os.close(worker.pipe)
        with contextlib.suppress(OSError):
            os.unlink(pipe_of(home))
        worker.pipe = -1
        if not worker.has_news():
            break
        worker.pipe = _listen(home)
        worker.is_poked = True
    worker.note_idle(0.0)
    worker.stock.ledger.note("worker ends")
    worker.end()


def _load() -> None:
    """What supervisors import when a job is over is imported here, once for all of them."""
    import ctypes  # noqa: F401

    import reprun.runner.collect
    import reprun.runner.facts
    import reprun.runner.limits
    import reprun.runner.processes
    import reprun.runner.publish  # noqa: F401


def _make(home: Home) -> Worker:
    """Full disks pass, and damage can be mended."""
    pipe = -1
    while True:
        try:
            pipe = _listen(home) if pipe < 0 else pipe
            known = {**here(), "process": own(), "runner": own_runner()}
            for name in list_names(home.queue()):
                if name.startswith("worker.json.") and is_orphan(name):  # of a worker that was killed as it wrote it
                    os.unlink(os.path.join(home.queue(), name))
            write_json(os.path.join(home.queue(), "worker.json"), known, durable=False)
            worker = Worker(home, pipe)
            worker.begin()
            return worker
        except (RunnerError, sqlite3.OperationalError, OSError) as error:
            log("the queue cannot be used yet: %s" % error)
            time.sleep(_PAUSE)
        except sqlite3.DatabaseError as error:
            log("the queue is damaged: %s" % error)
            set_aside(home)


def _lock(home: Home) -> int:
    fd = os.open(os.path.join(home.queue(), "worker.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            if poke(home) or time.monotonic() > until:
                return -1
            time.sleep(0.01)


def _await_undecided(home: Home) -> None:
    """Supervisors of a worker that was killed may be just starting what they had been given: then they say in which slot."""
    fd = os.open(os.path.join(home.queue(), "undecided.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    until = time.monotonic() + _PATIENCE
    try:
        while time.monotonic() < until:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.01)
    finally:
        os.close(fd)


def _listen(home: Home) -> int:
    path = pipe_of(home)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of a worker that was killed; whoever writes into it is heard by nobody
    os.mkfifo(path, 0o600)
    return os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)


def _open_log(path: str) -> None:
    """What it says goes to worker.log; the one before is kept. The terminal stays open, for with it the session would go."""
    pane = os.dup(1)
    with contextlib.suppress(OSError):
        os.write(pane, ("the worker of the queue; what it does: reprun queue ls; its log: %s\n" % path).encode())
    with contextlib.suppress(OSError):
        if os.stat(path).st_size > _MOST_LOG:
            os.replace(path, path + ".1")
    with contextlib.suppress(OSError):
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        for number in (1, 2):
            os.dup2(fd, number)
        os.close(fd)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
