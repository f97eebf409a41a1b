"""The clock and the source of chance."""

from __future__ import annotations

import os
import time

from reprun.core.ids import ALPHABET, make_run_id

TYPE_CHECKING = False
if TYPE_CHECKING:
    from datetime import datetime

_STAMP = "%Y%m%d-%H%M%S"
_SET_BACK = 2 * 86400 * 10**9  # what is later than that is damaged, or a stranger's


def now() -> datetime:
    """The time, with its zone: UTC."""
    from datetime import datetime, timezone  # 2 ms to import, and a launch does not need it

    return datetime.now(timezone.utc)


def local_now() -> datetime:
    """The time on the clock of this place, without a zone."""
    from datetime import datetime

    return datetime.now()


def iso_now() -> str:
    """The time as `2026-11-21T03:16:22.123Z`."""
    nanoseconds = time.time_ns()
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 10**9)) + f".{nanoseconds // 10**6 % 1000:03d}Z"


def age_of(text: str) -> float | None:
    """How many seconds ago was what `iso_now` wrote; None for what it did not write, or a time to come."""
    import calendar

    try:
        then = calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
    age = time.time() - then
    return age if age >= 0 else None


def new_run_id(after: str = "") -> str:
    """A run id of this moment; or of the one `after` that of another, where the clock was set back since by hours."""
    nanoseconds = time.time_ns()
    if after:
        later = (_moment_of(after) + 1) * 10**6
        nanoseconds = later if nanoseconds < later < nanoseconds + _SET_BACK else nanoseconds
    stamp = time.strftime(_STAMP, time.gmtime(nanoseconds // 10**9))
    return make_run_id(stamp, nanoseconds // 10**6 % 1000, os.urandom(4))


def _moment_of(run_id: str) -> int:
    """The milliseconds since 1970 that a run id begins with; 0 for what is none."""
    import calendar

    try:
        seconds = calendar.timegm(time.strptime(run_id[:15], _STAMP))
        return seconds * 1000 + ALPHABET.index(run_id[16]) * 32 + ALPHABET.index(run_id[17])
    except (ValueError, IndexError):
        return 0


def ticks() -> float:
    """Seconds on a clock that is never set, for differences."""
    return time.monotonic()


def draw_seed() -> int:
    """A random root seed of 32 bits."""
    return int.from_bytes(os.urandom(4), "big")


def pause(seconds: float) -> None:
    """Sleeps."""
    time.sleep(seconds)


def now_seconds() -> float:
    """Seconds since the epoch."""
    return time.time()


def now_ns() -> int:
    """Nanoseconds since the epoch, on the clock that file times come from."""
    return time.time_ns()


def seconds_before(run_id: str, seconds: int) -> tuple[str, int]:
    """The moment of a run id so many seconds before, as `make_run_id` takes it."""
    from datetime import datetime, timedelta

    moment = datetime.strptime(run_id[:15], _STAMP) - timedelta(seconds=seconds)  # UTC, as all run ids
    return moment.strftime(_STAMP), 0
