"""This machine: the runner's functions are called directly."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager, suppress

from reprun.hosts.base import Attached, Behind, Part, Question
from reprun.hosts.telling import Tell
from reprun.runner.errors import RunnerError
from reprun.runner.main import handle, stream
from reprun.system.process import translated

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class LocalHost:
    """The machine that reprun itself runs on."""

    name = "local"
    place = "local"
    is_here = True

    def ask(
        self,
        request: Mapping[str, Any],
        attached: Attached | None = None,
        behind: Behind | None = None,
        tell: Tell | None = None,
    ) -> dict[str, Any]:
        """Answers in this process. Raises what `Host.ask` says; a full or forbidden disk is a `ToolError`."""
        with translated(), _heard(tell):
            return handle({**request, "attached": attached()} if attached else dict(request))

    def connect(self) -> None:
        """There is nothing to connect."""

    def interrupt(self) -> None:
        """What this process does ends with it."""

    def fetch(self, question: Question, tell: Tell | None = None) -> Generator[Part, None, None]:
        """The same for much."""
        with translated():
            yield from stream(dict(question()))

    def warm(self, request: Mapping[str, Any]) -> None:
        """Starts the supervisor, and lets a thread verify the newest worktree while the launch waits for git."""
        from threading import Thread

        _try({"op": "early", **request})
        Thread(target=_try, args=({"op": "warm", **request},), daemon=True).start()

    def python(self) -> str:
        """This interpreter."""
        return sys.executable

    def attach(self, words: list[str], terminal: bool = True) -> list[str]:
        """Nothing has to be added."""
        return words

    def describe(self) -> dict[str, str]:
        """There is none."""
        return {}

    def remedy(self, hint: str) -> str:
        """It is this machine."""
        return hint


@contextmanager
def _heard(tell: Tell | None) -> Iterator[None]:
    """What this thread does is told, for as long as the block runs."""
    if tell is None:
        yield
        return
    from reprun.hosts.telling import words_of
    from reprun.runner.progress import listen

    listen(lambda step: tell(words_of(step, "this machine")))
    try:
        yield
    finally:
        listen(None)


def _try(request: Mapping[str, Any]) -> None:
    """A failure ahead of time means nothing: the launch will meet it in its turn, and say what is wrong."""
    with suppress(RunnerError):
        handle(dict(request))
