"""What the doctor says: one finding for each thing that was looked at."""

from __future__ import annotations

import re

from reprun.core.frozen import dataclass
from reprun.repo.discover import OLDEST_GIT

OLDEST = {"git": (2, 25), "tmux": (2, 6)}  # that a host may have
OLDEST_HERE = {**OLDEST, "git": OLDEST_GIT}


@dataclass(frozen=True)
class Diagnosis:
    """One thing that was looked at: `status` is ok, warn or fail; `hint` mends it."""

    subject: str
    status: str
    detail: str
    hint: str = ""


def judge_tool(name: str, said: str, install: str, oldest: tuple[int, int]) -> Diagnosis:
    """A program by what it said of its version, nothing if it could not be started; `install` is the line that installs it."""
    numbers = re.search(r"(\d+)\.(\d+)", said)
    if numbers is None:
        return Diagnosis(name, "fail", "is not installed", install)
    if (int(numbers[1]), int(numbers[2])) < oldest:
        return Diagnosis(name, "fail", f"{said} is older than {'.'.join(map(str, oldest))}", install)
    return Diagnosis(name, "ok", said)
