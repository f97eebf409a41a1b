"""What the end-to-end tests share: a run started, ended and looked at, and fingerprints of folders.

Everything goes through the installed command, and what is checked is what a user could see: answers, files, refs, processes.
"""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab import Answer, until

Reprun = Callable[..., Answer]  # the fixture `reprun`


def launch(reprun: Reprun, *words: str, **how: Any) -> dict[str, Any]:
    """`launch --json WORDS…`; the data of its answer."""
    data: dict[str, Any] = reprun("launch", "--json", *words, **how).data
    return data


def wait(reprun: Reprun, run_id: str) -> dict[str, Any]:
    """How the run ended, as `wait --json` says it."""
    return dict(reprun("wait", "--json", run_id).json["data"][0])


def run(reprun: Reprun, *words: str, **how: Any) -> dict[str, Any]:
    """Launches and waits; the data of the launch."""
    data = launch(reprun, *words, **how)
    wait(reprun, data["run_id"])
    return data


def show(reprun: Reprun, run_id: str) -> dict[str, Any]:
    """Everything recorded of a run."""
    data: dict[str, Any] = reprun("show", "--json", run_id).data
    return data


def output_of(reprun: Reprun, *words: str, **how: Any) -> str:
    """What the job of a finished run printed."""
    return reprun("logs", "--stdout", run(reprun, *words, **how)["run_id"]).stdout


def started(data: dict[str, Any]) -> dict[str, Any]:
    """The start record of a running run, with the pids of its job and its supervisor."""
    path = Path(data["run_dir"], "started.json")
    return dict(json.loads(until(lambda: path.is_file() and path.read_text(), "the run is recorded as started")))


def pid(data: dict[str, Any], who: str) -> int:
    """The process id of the `job` or the `supervisor` of a running run."""
    return int(started(data)[who]["pid"])


def kill(*pids: int) -> None:
    """KILL, and waits until the processes are gone or dead and waiting to be collected."""
    for one in pids:
        os.kill(one, signal.SIGKILL)
    for one in pids:
        until(lambda one=one: not is_alive(one), f"process {one} is gone")


def is_alive(process: int) -> bool:
    """True while the process runs; a zombie does not."""
    try:
        text = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return text.rpartition(") ")[2][0] not in "ZX"


def fingerprint(*folders: os.PathLike[str] | str, times: bool = True) -> dict[str, tuple[Any, ...]]:
    """Every path below the folders with its kind, mode, content and, unless told otherwise, time of change."""
    found: dict[str, tuple[Any, ...]] = {}
    for folder in folders:
        found[str(folder)] = _facts(str(folder), times)
        for where, names, files in os.walk(folder):
            for name in names + files:
                path = os.path.join(where, name)
                found[path] = _facts(path, times)
    return found


def _facts(path: str, times: bool) -> tuple[Any, ...]:
    here = os.lstat(path)
    content: Any = None
    if stat.S_ISREG(here.st_mode):
        with open(path, "rb") as file:
            content = sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(here.st_mode):
        content = os.readlink(path)
    return (here.st_mode, content, here.st_mtime_ns if times else 0, here.st_ino if times else 0)


def files_with(text: bytes, *folders: os.PathLike[str] | str) -> list[str]:
    """The files below the folders that hold `text`."""
    found = []
    for folder in folders:
        for where, _, files in os.walk(folder):
            for name in files:
                path = os.path.join(where, name)
                if os.path.isfile(path) and text in Path(path).read_bytes():
                    found.append(path)
    return found


def says_nicely(answer: Answer) -> bool:
    """An error as the design wants it: no traceback, a sentence, something to type next."""
    return "Traceback" not in answer.stdout + answer.stderr and "error: " in answer.stderr and "hint: " in answer.stderr
