"""What the tests share: running the installed command, waiting for a condition, ending what a test left behind."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from hiding import can_hide
from warm import Facts, NotBegunError, Warm, facts

from reprun.runner.files import read_text, remove_tree

T = TypeVar("T")
Run = Callable[..., str]  # the fixture `git`
REPRUN = os.path.join(sys.prefix, "bin", "reprun")
SECONDS = 60  # a deadline that only a fault reaches


@dataclass(frozen=True)
class Answer:
    """What the installed command said."""

    rc: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        """The whole envelope of `--json`."""
        data: dict[str, Any] = json.loads(self.stdout)
        return data

    @property
    def data(self) -> Any:
        """The `data` of the envelope; fails the test, showing everything, when the command did not succeed."""
        assert self.rc == 0, self
        return self.json["data"]


class Commands:
    """How this process of pytest runs the installed command: new processes only while `cold`."""

    def __init__(self) -> None:
        self.cold = False
        self._environ: dict[str, str] = {}
        self._facts: Facts = ()
        self._warm: Warm | None = None

    def begin(self) -> None:
        """Before any test: what is so now is so for the process that forks."""
        self._environ = dict(os.environ)
        if sys.platform == "linux":
            self._facts = facts(self._environ)

    def warm(self) -> Warm | None:
        """The process that forks, made when it is first asked for; None where it cannot be as it should."""
        if self._warm is None and self._facts and facts(self._environ) == self._facts:
            self._warm = Warm(REPRUN, self._environ, "reprun")
        return self._warm


commands = Commands()


def run_reprun(*words: str, cwd: str | os.PathLike[str] | None = None, env: dict[str, str] | None = None) -> Answer:
    """Runs `reprun words…` as it is installed, in `cwd`, with `env` added to this process's environment.

    A process that has the libraries loaded forks for it (warm.py) unless a test is marked `cold`, or something is not as there.
    """
    environ = {**os.environ, **(env or {})}
    warm = None if commands.cold else commands.warm()
    if warm and warm.serves(environ) and not any("\0" in word for word in words):
        with suppress(NotBegunError):
            return _answer(*warm.run(list(words), cwd, environ, 200))
    done = subprocess.run(
        [REPRUN, *words], cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, timeout=200, check=False
    )
    return _answer(done.returncode, done.stdout, done.stderr)


def _answer(status: int, output: bytes, errors: bytes) -> Answer:
    return Answer(status, output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"))


def until(condition: Callable[[], T], what: str = "", seconds: float = SECONDS) -> T:
    """The first true answer of `condition`, asked again and again; the test fails when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {seconds:g} s: {what or condition}")
        time.sleep(0.01)


def processes_of(folder: str) -> list[int]:
    """The processes whose environment or command line names something in `folder`; never this one."""
    mark = os.fsencode(folder)
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) in (os.getpid(), os.getppid()):
            continue
        for part in ("environ", "cmdline"):
            try:
                with open(f"/proc/{name}/{part}", "rb") as file:
                    if mark in file.read():
                        found.append(int(name))
                        break
            except OSError:
                pass  # gone, or another user's
    return found


def end_processes_of(folder: str) -> None:
    """KILL for all of them, until none is left."""

    def none_left() -> bool:
        left = processes_of(folder)
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        return not left

    until(none_left, f"no process of {folder} is left")


def remove_with_processes(folder: str) -> None:
    """Ends all processes of a folder and removes it; what a process wrote that was born meanwhile is removed with it."""

    def is_gone() -> bool:
        end_processes_of(folder)
        with suppress(OSError):
            remove_tree(folder)
        return not os.path.lexists(folder)

    until(is_gone, f"{folder} is removed")


def can_trace() -> bool:
    """True where a process may be traced, and the tracer knows the machine."""
    if sys.platform != "linux" or os.uname().machine != "x86_64":
        return False
    trial = [sys.executable, "-c", "import ctypes, sys; sys.exit(ctypes.CDLL(None).ptrace(0, 0, 0, 0) != 0)"]
    return subprocess.run(trial, check=False).returncode == 0


def can_give_away() -> bool:
    """True for root, and for who may become root without being asked."""
    if os.geteuid() == 0:
        return True
    if shutil.which("sudo") is None:
        return False
    return subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0


def give_away(path: os.PathLike[str] | str, user: int = 12345) -> None:
    """Makes the file, folder or link itself another user's, or with `user=os.geteuid()` this one's again."""
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    subprocess.run([*become, "chown", "-h", f"{user}:{user}", str(path)], check=True)


def find_sshd() -> str | None:
    """The path of sshd, which wants to be started by it; its folder is not on everybody's PATH."""
    return shutil.which("sshd", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"]))


def can_isolate() -> bool:
    """True for root, where the kernel gives namespaces of their own and a network device in them."""
    trial = ["unshare", "--net", "--uts", "--mount", "--ipc", "--pid", "--fork", "--mount-proc"]
    trial += ["sh", "-c", "mount --bind / / && ip tuntap add t mode tun"]
    try:
        return os.geteuid() == 0 and subprocess.run(trial, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def can_mount() -> bool:
    """True where a file system can be mounted."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], capture_output=True, check=False).returncode:
            return False
        return subprocess.run(["umount", folder], check=False).returncode == 0


def old_tool(name: str) -> str:
    """The folder with an old tool that scripts/old_tools.sh got, for the front of PATH: "git-2.25" or "python-3.6"."""
    return os.path.join(sys.prefix, "old", name)


# What a test can need besides programs: it is a skip on a laptop where it is missing, and a failure in CI.
ABILITIES: dict[str, Callable[[], bool]] = {
    "ptrace": can_trace, "chown": can_give_away, "sshd": lambda: find_sshd() is not None, "netns": can_isolate,
    "hiding": can_hide, "mount": can_mount, "ipv6": lambda: f"{1:032x} " in read_text("/proc/net/if_inet6"),  # ::1
    **{name: partial(os.path.isdir, old_tool(name)) for name in ("git-2.25", "python-3.8", "python-3.6")},
}  # fmt: skip

# These cannot be installed: a kernel that lets us make networks, and IPv6.
NOT_EVERYWHERE = frozenset({"ipv6", "netns"})


def unprivileged(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs words as somebody whom permissions bind: root without the right to pass over them, or just this user."""
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    return subprocess.run([*drop, *words], env={**os.environ, **environ}, capture_output=True, text=True, check=False)
