"""Looking at a host beside the terminal, which must not wait for it: each host has a thread, which ends with the program."""

from __future__ import annotations

from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic, thread_time
from typing import Any

from textual.app import App
from textual.message import Message

from reprun.cli.envelope import write_report
from reprun.commands.topping import Look, Source
from reprun.core.errors import ReprunError

_SHARE = 100  # a look at a long queue costs something: no more than this part of a processor's time
_SLOWEST = 10.0  # seconds between two looks, however long it is

Work = Callable[[Source], Any]
Then = Callable[[Any, str], None]


class Seen(Message):
    """What a host said, or why it said nothing."""

    def __init__(self, target: str, look: Look | None, trouble: str) -> None:
        super().__init__()
        self.target, self.look, self.trouble = target, look, trouble


class Done(Message):
    """Something that was asked for is done: `then` gets what came of it, or what went wrong."""

    def __init__(self, then: Then, found: Any, trouble: str) -> None:
        super().__init__()
        self.then, self.found, self.trouble = then, found, trouble


class Watcher:
    """Looks again and again, and does in between what it is given."""

    def __init__(self, app: App[Any], source: Source, every: float) -> None:
        self.app, self.source, self.every = app, source, every
        self.answered = monotonic()
        self._has_left = False
        self._reports: dict[str, str] = {}
        self._works: SimpleQueue[tuple[Work, Then]] = SimpleQueue()

    def start(self) -> None:
        """The thread is no reason to stay: a host that has hung must not keep the user from leaving."""
        Thread(target=self._go, daemon=True).start()

    def leave(self) -> None:
        """Ends the thread when it has done what it does."""
        self._has_left = True

    def do(self, work: Work, then: Then) -> None:
        """Does this next, and looks again afterwards."""
        self._works.put((work, then))

    def _go(self) -> None:
        while not self._has_left:
            began = thread_time()
            look, trouble = self._try(lambda source: source.look())
            pause = max(self.every, min(_SLOWEST, (thread_time() - began) * _SHARE))
            self.app.post_message(Seen(self.source.on, look, trouble))
            try:
                work, then = self._works.get(timeout=pause)
            except Empty:
                continue
            while True:
                self.app.post_message(Done(then, *self._try(work)))
                try:
                    work, then = self._works.get_nowait()
                except Empty:
                    break

    def _try(self, work: Work) -> tuple[Any, str]:
        try:
            found = work(self.source)
        except ReprunError as error:
            return None, error.message
        except Exception as error:  # a fault of ours: said in a line, and the view lives on
            if repr(error) not in self._reports:
                self._reports[repr(error)] = write_report(error, ["reprun", "top"])
            return None, f"this is a fault of reprun: {error!r}; {self._reports[repr(error)]}"
        self.answered = monotonic()
        return found, ""
