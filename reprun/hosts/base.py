"""What every host offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

Attached = Callable[[], Iterable[bytes]]  # makes the bytes that go with a request; again when the request is repeated


class Host(Protocol):
    """A machine on which the runner answers. `name` is the user's word for it; `is_here` says that it is this machine; what is
    remembered of it is remembered under `place`."""

    name: str
    place: str
    is_here: bool

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None) -> dict[str, Any]:
        """Sends one request to the runner and returns its answer.

        Every request may be repeated: what it does is named by a run id or a digest. Raises `UnreachableError` when it is not
        known whether the request arrived, and what the runner refused as the error of its kind.
        """
        ...

    def warm(self, request: Mapping[str, Any]) -> None:
        """Says that a `prepare` with these fields will come soon: what takes time and changes nothing may begin."""
        ...

    def python(self) -> str:
        """The interpreter that runs the runner there; empty when the runner knows best."""
        ...

    def attach(self, words: list[str]) -> list[str]:
        """The command on this machine that shows a session there."""
        ...

    def describe(self) -> dict[str, str]:
        """How it is reached, for people: `address`, `user`, `hostname`, `port`, `jumps`, `sharing`; nothing for this machine."""
        ...

    def remedy(self, hint: str) -> str:
        """A hint of the runner, as somebody in front of this machine types it."""
        ...
