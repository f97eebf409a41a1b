"""The clock and the source of chance."""

from __future__ import annotations

import os
import time
from datetime import datetime, timezone

from reprun.core.ids import make_run_id


def now() -> datetime:
    """The time, with its zone: UTC."""
    return datetime.now(timezone.utc)


def iso(moment: datetime) -> str:
    """`2026-11-21T03:16:22.123Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def new_run_id(moment: datetime) -> str:
    """A run id of that moment."""
    return make_run_id(moment.strftime("%Y%m%d-%H%M%S"), moment.microsecond // 1000, os.urandom(4))


def draw_seed() -> int:
    """A random root seed of 32 bits."""
    return int.from_bytes(os.urandom(4), "big")


def pause(seconds: float) -> None:
    """Sleeps."""
    time.sleep(seconds)


def now_ns() -> int:
    """Nanoseconds since the epoch, on the clock that file times come from."""
    return time.time_ns()
