"""Who else computes on the GPUs of this host: nvidia-smi is asked beside the work, for it may take a second."""

from __future__ import annotations

import time

from reprun.runner.facts import ask_gpus, is_number

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess
    from typing import Dict, List, Optional, Set, Tuple

_QUERY = ("nvidia-smi", "--query-compute-apps=gpu_uuid,pid", "--format=csv,noheader,nounits")
_PAUSE = 15.0  # seconds between two looks
_SLOW = 20.0
_MARK = b"REPRUN_RUN_ID="
FOREIGN = "another process computes on this GPU"


class Foreigners:
    """`blocked`: for each GPU that a foreign process uses, what to say of it."""

    def __init__(self) -> None:
        self.blocked: Dict[str, str] = {}
        self._asked: Optional[subprocess.Popen[bytes]] = None
        self._at = 0.0
        self._is_there = True

    def first(self, held: Set[str]) -> None:
        """The first look is waited for: nothing is given out before."""
        self.look(held)
        until = time.monotonic() + _SLOW
        while self._asked is not None and time.monotonic() < until:
            time.sleep(0.01)
            self.look(held)

    def look(self, held: Set[str]) -> bool:
        """Asks, or reads what was answered; True when something is new. `held`: the GPUs that runs of ours have now."""
        if self._asked is None:
            if (self._is_there and time.monotonic() - self._at >= _PAUSE) or not self._at:
                self._ask()
            return False
        if self._asked.poll() is None:
            if time.monotonic() - self._at > _SLOW:
                self._asked.kill()
            return False
        asked, self._asked = self._asked, None
        out, _ = asked.communicate()
        if asked.returncode:
            return False
        before, self.blocked = self.blocked, judge(parse(out.decode("utf-8", "replace")), held)
        return before != self.blocked

    @property
    def is_asking(self) -> bool:
        """Whether an answer is due."""
        return self._asked is not None

    def _ask(self) -> None:
        self._at = time.monotonic()
        self._asked = ask_gpus(_QUERY)
        self._is_there = self._asked is not None


def parse(text: str) -> List[Tuple[str, int]]:
    """The GPU and the process of each line."""
    rows = [[cell.strip() for cell in line.split(",")] for line in text.splitlines()]
    return [(row[0], int(row[1])) for row in rows if len(row) == 2 and is_number(row[1])]


def judge(rows: List[Tuple[str, int]], held: Set[str]) -> Dict[str, str]:
    """What is blocked by whom: by a process that is not of a run, on a GPU that no run of ours has.

    On one that a run has, a process that cannot be looked at is taken for its own: a container does not show all of them.
    """
    found: Dict[str, str] = {}
    for gpu, pid in rows:
        kind = _kind(pid)
        if kind == "other" or (kind == "unseen" and gpu not in held):
            found[gpu] = "%s (%d)" % (FOREIGN, pid)
    return found


def _kind(pid: int) -> str:
    try:
        with open("/proc/%d/environ" % pid, "rb") as file:
            is_ours = any(part.startswith(_MARK) for part in file.read().split(b"\0"))
    except PermissionError:
        return "other"
    except OSError:
        return "unseen"
    return "ours" if is_ours else "other"
