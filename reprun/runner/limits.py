"""Ending a job after so many steps or seconds. A job that logs through `reprun_job` ends by itself; the metrics of others are
counted by the same rule: a line with another step than the one before is a step, and so is a line without any."""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional

_BLOCK = 1 << 20


class Limit:
    """`steps` and `seconds`, either may be missing. What comes after the last step that counts is the job's to write."""

    def __init__(self, limit: Dict[str, Any], metrics: str) -> None:
        self.steps: Optional[int] = limit.get("steps")
        self.until = time.monotonic() + limit["seconds"] if limit.get("seconds") else None
        self.counter, self.path, self.at, self.rest = StepCounter(), metrics, 0, b""

    def reached(self) -> str:
        """`steps` or `seconds` when that is over, else an empty text."""
        if self.until is not None and time.monotonic() >= self.until:
            return "seconds"
        if self.steps is None:
            return ""
        for line in self._news():
            self.counter.add(line)
        return "steps" if self.counter.count > self.steps else ""

    def _news(self) -> Any:
        try:
            fd = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            try:
                data = os.pread(fd, _BLOCK, self.at)
            finally:
                os.close(fd)
        except OSError:
            return []
        self.at += len(data)
        *lines, self.rest = (self.rest + data).split(b"\n")
        self.rest = self.rest[-_BLOCK:]
        return lines


class StepCounter:
    """Counts the steps of lines of metrics. `reprun_job` has the same rule."""

    def __init__(self) -> None:
        self.count = 0
        self._last: Any = None

    def add(self, line: bytes) -> Optional[Dict[str, Any]]:
        """The object in the line; None for what is no line of metrics, which does not count."""
        try:
            found = json.loads(line)
        except (ValueError, RecursionError):
            return None
        if not isinstance(found, dict):
            return None
        step = found.get("step")
        if self.count == 0 or step is None or step != self._last:
            self.count += 1
            self._last = step
        return found
