"""Where the bench works: a scratch folder in memory, removed at the end together with the tmux servers in it."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import reprun

BIN = os.path.dirname(os.path.abspath(sys.executable))
REPRUN = os.path.join(BIN, "reprun")


@contextmanager
def scratch() -> Iterator[str]:
    """A new folder on tmpfs, or in TMPDIR with a notice. Servers of tmux whose socket lies in it are ended with it."""
    parent = _memory_folder()
    if parent is None:
        parent = tempfile.gettempdir()
        print(f"no tmpfs with room was found: measuring in {parent}, where the disk has a part in every number", file=sys.stderr)
    place = tempfile.mkdtemp(prefix="reprun-bench-", dir=parent)
    try:
        yield place
    finally:
        for folder, _, files in os.walk(place):
            if "tmux.sock" in files:
                _tmux(folder, "kill-server", check=False)
        remove(place)


def environment(home: str) -> dict[str, str]:
    """What both sides run with: the user's environment with this virtual environment active, and `home` for reprun."""
    left_out = ("GIT_", "PYTHON", "REPRUN_", "TMUX", "_REPRUN")
    env = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**env, "PATH": os.pathsep.join([BIN, os.environ.get("PATH", os.defpath)]), "REPRUN_HOME": home}


def compile_package() -> None:
    """Writes the bytecode, as an installation does; with PYTHONDONTWRITEBYTECODE set, an edited checkout would stay without."""
    folder = next(iter(reprun.__path__))
    compileall.compile_dir(folder, quiet=2)


def start_server(home: str) -> None:
    """A tmux server at `home` that stays for all measurements, so that no sample pays for the start of one."""
    os.makedirs(home, mode=0o700, exist_ok=True)
    _tmux(home, "new-session", "-d", "-s", "stay", "--", "sleep", "100000")


def wait_idle(home: str, seconds: float = 60.0) -> None:
    """Waits until no session but the one that stays is left: what follows a job must not fall into the next sample."""
    until = time.monotonic() + seconds
    while _tmux(home, "list-sessions", "-F", "#{session_name}", check=False).split() != ["stay"]:
        if time.monotonic() > until:
            raise TimeoutError(f"jobs at {home} do not end")
        time.sleep(0.05)


def run(words: Sequence[str], cwd: str, env: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """Runs a program to its end and returns what it printed; it must succeed."""
    done = subprocess.run(words, cwd=cwd, env=env, input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[:3])} failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def timed(words: Sequence[str], cwd: str, env: Mapping[str, str]) -> float:
    """Milliseconds from the start of a program to its end, its output thrown away; it must succeed."""
    start = time.perf_counter()
    status = subprocess.run(
        words, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
    ).returncode
    taken = (time.perf_counter() - start) * 1000
    if status:
        run(words, cwd, env)  # again, to say why
    return taken


def remove(path: str) -> None:
    """Removes a folder with its read-only parts."""
    for folder, _, _ in os.walk(path):
        os.chmod(folder, 0o700)
    shutil.rmtree(path)


def _memory_folder() -> str | None:
    for folder in ("/dev/shm", os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir()):
        if os.path.isdir(folder) and os.access(folder, os.W_OK) and _is_tmpfs(folder):
            found = os.statvfs(folder)
            if found.f_bavail * found.f_frsize > 3 << 30:
                return folder
    return None


def _is_tmpfs(folder: str) -> bool:
    real, best, kind = os.path.realpath(folder), "", ""
    with open("/proc/mounts", encoding="utf-8", errors="replace") as mounts:
        for line in mounts:
            point, type_ = line.split(" ")[1:3]
            if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
                best, kind = point, type_
    return kind == "tmpfs"


def _tmux(home: str, *words: str, check: bool = True) -> str:
    command = ["tmux", "-S", os.path.join(home, "tmux.sock"), "-f", "/dev/null", *words]
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
