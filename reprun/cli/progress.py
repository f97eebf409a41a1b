"""What a command is busy with, on a line of its own that goes away: shown on a terminal, after half a second."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

from reprun.cli.envelope import is_colourful, is_json
from reprun.core.text import human_seconds

_QUIET, _TICK = 0.5, 0.2  # seconds before the line appears, and between two changes of it


@contextmanager
def progress() -> Iterator[Callable[[str], None]]:
    """Gives the function that is told what is being done now. It says nothing where nobody looks."""
    if is_json() or not is_colourful(sys.stderr):
        yield lambda text: None
        return
    doing, over = [""], Event()
    thread = Thread(target=_show, args=(doing, over), daemon=True)
    thread.start()
    try:
        yield lambda text: doing.__setitem__(0, text)
    finally:
        over.set()
        thread.join()


def _show(doing: list[str], over: Event) -> None:
    began, shown = monotonic(), False
    over.wait(_QUIET)
    while not over.wait(_TICK if shown else 0):
        sys.stderr.write(f"\r\x1b[K\x1b[2m{doing[0]} … {human_seconds(monotonic() - began)}\x1b[0m")
        sys.stderr.flush()
        shown = True
    if shown:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
