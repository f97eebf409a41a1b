"""Several works at once, none of which may hold up the others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import TIMEOUT_MAX, Event, Thread

from reprun.core.frozen import dataclass
from reprun.system.clock import pause, ticks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, TypeVar

    T = TypeVar("T")
else:
    Generic, T = {0: object}, 0  # `Generic[T]` is nothing more than that when it runs


FOREVER = TIMEOUT_MAX
_STOPS = 3.0  # seconds until all that was stopped has cleaned up, or is left to itself


@dataclass(frozen=True)
class Work(Generic[T]):
    """Something to do, and for how many seconds its end is waited for. `stop` lets it fail soon: who waits was interrupted."""

    do: Callable[[], T]
    seconds: float
    stop: Callable[[], object] | None = None


@dataclass(frozen=True)
class Done(Generic[T]):
    """What came of a work: its result, or its error."""

    result: T | None = None
    error: Exception | None = None

    def get(self) -> T:
        """The result. Raises the error."""
        if self.error is not None:
            raise self.error
        assert self.result is not None
        return self.result


class Together:
    """Does works in threads, one thread for each key at any time: what belongs to a key needs no lock.

    A work that takes too long is left alone, and its result is dropped when it comes; until then its key counts as busy.
    """

    def __init__(self) -> None:
        self._ends: dict[str, Event] = {}

    def do(self, works: Mapping[str, Work[Any]]) -> dict[str, Done[Any]]:
        """What came of each work; one that did not end in its time, or whose key is still busy after that, is left out."""
        began = ticks()
        done: dict[str, Done[Any]] = {}
        try:
            for key, work in works.items():
                if key not in self._ends or self._ends[key].is_set():
                    self._ends[key] = Event()
                    Thread(target=_into, args=(done, key, work, self._ends[key]), daemon=True).start()
            for key, work in works.items():
                # Not `join`: one that is interrupted may fail by itself, or take a thread that runs for one that has ended.
                self._ends[key].wait(max(0.0, began + work.seconds - ticks()))
        except BaseException:
            stopped = {key: work.stop for key, work in works.items() if work.stop is not None and key not in done}
            for stop in stopped.values():
                stop()
            until = ticks() + _STOPS
            while ticks() < until and stopped.keys() - done.keys():
                pause(0.01)
            raise
        return dict(done)


def _into(done: dict[str, Done[Any]], key: str, work: Work[Any], end: Event) -> None:
    try:
        done[key] = Done(work.do())
    except Exception as error:
        done[key] = Done(error=error)
    finally:
        end.set()
