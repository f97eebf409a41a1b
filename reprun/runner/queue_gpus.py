"""Who else computes on the GPUs of this host: nvidia-smi is asked beside the work, for it may take a second."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time

from reprun.runner.facts import ask_gpus, is_number, read_answer
from reprun.runner.queue_slots import LIST, parse_list

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Dict, List, Optional, Set, Tuple

_QUERY = ("nvidia-smi", "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader,nounits")
_UUID = re.compile(r"\(UUID: ((?:GPU|MIG)-[A-Za-z0-9/-]+)\)")
_PAUSE = 15.0  # seconds between two looks
_SLOW = 20.0
FOREIGN = "another process computes on this GPU"
GONE = "nvidia-smi does not list this GPU any more"
BLOCKS = (FOREIGN, GONE)  # how it begins what is said of a GPU that is not given out


class Foreigners:
    """`blocked`: what to say of each GPU that a foreign process uses, or that is gone; `root` is the home whose runs are ours."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.blocked: Dict[str, str] = {}
        self._asked: "Optional[Tuple[subprocess.Popen[bytes], subprocess.Popen[bytes]]]" = None
        self._at = 0.0
        self._is_there = True

    def first(self, gpus: Set[str], held: Set[str]) -> None:
        """The first look is waited for: nothing is given out before."""
        self.look(gpus, held)
        until = time.monotonic() + _SLOW
        while self._asked is not None and time.monotonic() < until:
            time.sleep(0.01)
            self.look(gpus, held)

    def look(self, gpus: Set[str], held: Set[str]) -> bool:
        """Asks, or reads what was answered; True when something is new. Of all `gpus` runs of ours have those that are `held`."""
        if self._asked is None:
            if (self._is_there and time.monotonic() - self._at >= _PAUSE) or not self._at:
                self._ask()
            return False
        if any(one.poll() is None for one in self._asked):
            for one in self._asked:
                _hurry(one, self._at)
            return False
        (apps, listed), self._asked = self._asked, None
        before, self.blocked = self.blocked, self._judge(apps, listed, gpus, held)
        return before != self.blocked

    def _judge(
        self, apps: "subprocess.Popen[bytes]", listed: "subprocess.Popen[bytes]", gpus: Set[str], held: Set[str]
    ) -> Dict[str, str]:
        used, there = read_answer(apps, 1.0), parse_uuids(read_answer(listed, 1.0))
        found = {gpu: GONE for gpu in gpus if there and gpu not in there and gpu.startswith(("GPU-", "MIG-"))}
        if apps.returncode == 0:
            return {**judge(parse(used), held, self.root), **found}
        return {**{gpu: why for gpu, why in self.blocked.items() if why.startswith(FOREIGN)}, **found}

    @property
    def is_asking(self) -> bool:
        """Whether an answer is due."""
        return self._asked is not None

    def _ask(self) -> None:
        self._at = time.monotonic()
        apps, listed = ask_gpus(_QUERY), ask_gpus(LIST)
        self._is_there = apps is not None
        self._asked = None if apps is None or listed is None else (apps, listed)


class Late:
    """GPUs that were not listed when the worker began: on a machine that has just started, the driver may take its time."""

    def __init__(self) -> None:
        self._asked: "Optional[subprocess.Popen[bytes]]" = None
        self._at = time.monotonic()
        self._is_there = True

    def look(self) -> Dict[str, str]:
        """The GPUs by name, once there are some. Asks now and then where there is nvidia-smi, and waits for nothing."""
        if self._asked is None:
            if self._is_there and time.monotonic() - self._at >= _PAUSE:
                self._at, self._asked = time.monotonic(), ask_gpus(LIST)
                self._is_there = self._asked is not None
            return {}
        if self._asked.poll() is None:
            _hurry(self._asked, self._at)
            return {}
        asked, self._asked = self._asked, None
        return parse_list(read_answer(asked, 1.0))


def _hurry(asked: "subprocess.Popen[bytes]", since: float) -> None:
    """Ends what takes too long. It is waited for all the same: else there would be more and more that hang."""
    if time.monotonic() - since > _SLOW:
        with contextlib.suppress(OSError):
            os.killpg(asked.pid, signal.SIGKILL)


def parse_uuids(text: str) -> Set[str]:
    """All GPUs, and instances of them, that `nvidia-smi -L` lists."""
    return set(_UUID.findall(text))


def parse(text: str) -> List[Tuple[str, int]]:
    """The GPU and the process of each line."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [(row[0], int(row[1])) for row in rows if len(row) == 2 and is_number(row[1])]


def judge(rows: List[Tuple[str, int]], held: Set[str], root: str) -> Dict[str, str]:
    """What is blocked by whom: by a process that is not of a queued run, on a GPU that no run of ours has.

    On one that a run has, a process that cannot be looked at is taken for its own: a container does not show all of them.
    """
    found: Dict[str, str] = {}
    for gpu, pid in rows:
        kind = _kind(pid, root)
        if kind == "other" or (kind == "unseen" and gpu not in held):
            found[gpu] = "%s (%d)" % (FOREIGN, pid)
    return found


def _kind(pid: int, root: str) -> str:
    """A run that was launched beside the queue, or is in the queue of another REPRUN_HOME, is somebody else: its GPU is taken."""
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            env = file.read().split(b"\0")
    except PermissionError:
        return "other"
    except OSError:
        return "unseen"
    runs = b"REPRUN_OUTPUT=" + os.fsencode(os.path.join(root, "runs", ""))
    is_ours = any(one.startswith(b"REPRUN_SLOT=") for one in env) and any(one.startswith(runs) for one in env)
    return "ours" if is_ours else "other"
