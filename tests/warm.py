"""The installed command without the start of Python: a process in which Python is up and all is loaded forks for each.

Most of the processor time of the tests was Python starting and loading Typer, then loading the modules of reprun. The fork runs
the text of `.venv/bin/reprun` as `__main__`, with the words, the environment, the folder, the umask and the streams that it is
given. Where anything else would not be as in a new process (a variable that Python or a library reads as it starts, another
network, another user), it is a new process: see `run_reprun` in lab.py.

That a module of reprun is loaded before makes no difference, as none looks at anything but other modules while it is loaded,
and none needs another to be loaded before it: see tests/integration/test_warm.py.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import time
import traceback
import types
from contextlib import suppress
from typing import NoReturn

Said = tuple[int, bytes, bytes]  # exit status, output, errors
Facts = tuple[object, ...]

# While these are loaded, nothing is read of the environment but what _EARLY has.
_MODULES = (
    "concurrent.futures.thread", "dataclasses", "datetime", "difflib", "hashlib", "platform", "rich.console", "rich.table",
    "shlex", "sqlite3", "tempfile", "tomllib", "typer", "yaml", "zipfile",
)  # fmt: skip
_EARLY = ("PYTHON", "LANG", "LC_", "LD_", "TZ", "TYPER_", "_TYPER_", "MALLOC_", "OPENSSL_")
# These load libraries that do read it, or are for other processes.
_NOT_AHEAD = (
    "reprun.__main__", "reprun.cli.top_", "reprun.env.shim", "reprun.runner.__main__",
    "reprun.runner.injob", "reprun.runner.watch",
)  # fmt: skip
_SPACES = ("cgroup", "ipc", "mnt", "net", "pid", "user", "uts")


def facts(environ: dict[str, str]) -> Facts:
    """What a fork has of the process that forks, and not of the one that asks for it."""
    early = sorted(item for item in environ.items() if item[0].startswith(_EARLY))
    spaces = [os.readlink(f"/proc/self/ns/{name}") for name in _SPACES]
    who = os.getresuid(), os.getresgid(), os.getgroups(), os.getpgrp()
    return early, spaces, who, os.getpriority(os.PRIO_PROCESS, 0), signal.pthread_sigmask(signal.SIG_BLOCK, ())


def load(package: str) -> None:
    """Loads the libraries, and the modules of the package that may be loaded ahead; their order is that of their names."""
    for name in _MODULES:
        importlib.import_module(name)
    if package:
        found = importlib.import_module(package)
        for module in pkgutil.walk_packages(found.__path__, f"{package}."):
            if not module.name.startswith(_NOT_AHEAD):
                importlib.import_module(module.name)


class NotBegunError(Exception):
    """The process that forks did not."""


class Warm:
    """The process that forks, as the tests see it."""

    def __init__(self, script: str, environ: dict[str, str], package: str = "") -> None:
        self._facts = facts(environ)
        self._way, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        words = [sys.executable, os.path.abspath(__file__), str(theirs.fileno()), script, package]
        with theirs:
            self._process = subprocess.Popen(
                words, cwd="/", env=environ, pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )  # fmt: skip  # pipes, as the streams of a command are: Python looks at them once, when it starts

    def serves(self, environ: dict[str, str]) -> bool:
        """True when a fork is as good as a new process that has this environment."""
        return self._process.poll() is None and facts(environ) == self._facts

    def close(self) -> None:
        """Ends it."""
        self._way.close()
        self._process.communicate()

    def run(self, words: list[str], folder: str | os.PathLike[str] | None, environ: dict[str, str], seconds: float) -> Said:
        """What a command said. Raises `TimeoutExpired`, having killed it, as `subprocess.run` does; `NotBegunError`."""
        umask = os.umask(0o022)
        os.umask(umask)
        place = os.open(folder or ".", os.O_PATH | os.O_DIRECTORY)
        mine, theirs = socket.socketpair()
        out, their_out = os.pipe()
        errors, their_errors = os.pipe()
        with theirs, suppress(ConnectionError):
            socket.send_fds(self._way, [b"-"], [theirs.fileno(), place, their_out, their_errors])
        for number in (place, their_out, their_errors):
            os.close(number)
        with mine, open(out, "rb", 0), open(errors, "rb", 0):
            pid = _ask(mine, json.dumps([words, environ, umask]).encode())
            try:
                said, out_said, errors_said = _read_all((mine.fileno(), out, errors), seconds)
            except TimeoutError:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                raise subprocess.TimeoutExpired(words, seconds) from None
        return int(said), out_said, errors_said


def _ask(way: socket.socket, request: bytes) -> int:
    """The pid of the fork that has the request. Raises `NotBegunError`."""
    try:
        pid = int.from_bytes(way.recv(8), "little")
        if pid:
            way.sendall(request)
            way.shutdown(socket.SHUT_WR)
            return pid
    except ConnectionError:
        pass
    raise NotBegunError


def _read_all(numbers: tuple[int, ...], seconds: float) -> list[bytes]:
    """What comes from each until its end. Raises `TimeoutError`."""
    deadline = time.monotonic() + seconds
    found: dict[int, list[bytes]] = {number: [] for number in numbers}
    with selectors.DefaultSelector() as selector:
        for number in numbers:
            selector.register(number, selectors.EVENT_READ)
        while selector.get_map():
            if time.monotonic() > deadline:
                raise TimeoutError
            for key, _ in selector.select(1):
                data = os.read(key.fd, 1 << 16)
                found[key.fd].append(data)
                if not data:
                    selector.unregister(key.fd)
    return [b"".join(parts) for parts in found.values()]


def _serve(way: socket.socket, script: str, package: str) -> None:
    """Forks for each request and says how the fork ended."""
    with open(script, "rb") as file:
        code = compile(file.read(), script, "exec")
    sys.path[0] = os.path.dirname(script)
    load(package)
    gc.collect()
    gc.freeze()
    forks: dict[int, tuple[int, socket.socket]] = {}  # by the descriptor that tells its end: its pid, and who wants to know it
    with selectors.DefaultSelector() as selector:
        selector.register(way, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select():
                if key.fileobj is way:
                    message, numbers, _, _ = socket.recv_fds(way, 1, 4)
                    if not message:
                        return  # who asked is gone
                    pid = os.fork()
                    if pid == 0:
                        selector.close()
                        _be(script, code, numbers, [way.detach(), *forks, *(one[1].detach() for one in forks.values())])
                    for number in numbers[1:]:
                        os.close(number)
                    end = os.pidfd_open(pid)
                    forks[end] = pid, socket.socket(fileno=numbers[0])
                    selector.register(end, selectors.EVENT_READ)
                else:
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    pid, asker = forks.pop(key.fd)
                    _tell(asker, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _tell(asker: socket.socket, status: int) -> None:
    with asker:
        try:
            asker.sendall(b"%d" % status)
        except OSError:
            pass  # nobody waits for it any more


def _be(script: str, code: types.CodeType, numbers: list[int], others: list[int]) -> NoReturn:
    """Is the command, in a fork."""
    status = 1
    try:
        for number in others:
            os.close(number)
        with socket.socket(fileno=numbers[0]) as asker:
            asker.sendall(os.getpid().to_bytes(8, "little"))
            with asker.makefile("rb") as file:
                words, environ, umask = json.loads(file.read())
        os.fchdir(numbers[1])
        os.dup2(numbers[2], 1)
        os.dup2(numbers[3], 2)
        for number in numbers[1:]:
            os.close(number)
        os.environ.clear()
        os.environ.update(environ)
        os.umask(umask)
        sys.argv = [script, *words]
        sys.modules["__main__"] = main = types.ModuleType("__main__")
        main.__file__ = script
        exec(code, vars(main))
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
        if status and status is not leaving.code:
            print(leaving.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


if __name__ == "__main__":
    _serve(socket.socket(fileno=int(sys.argv[1])), *sys.argv[2:])
