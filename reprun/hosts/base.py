"""What every host offers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Host(Protocol):
    """A machine on which the runner answers."""

    name: str

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Sends one request to the runner and returns its answer.

        Raises `UnreachableError` when it is not known whether the request arrived, and what the runner refused as the
        error of its kind.
        """
        ...

    def warm(self, request: Mapping[str, Any]) -> None:
        """Says that a `prepare` with these fields will come soon: what takes time and changes nothing may begin."""
        ...

    def python(self) -> str:
        """The interpreter that runs the runner there."""
        ...

    def attach(self, words: list[str]) -> list[str]:
        """The command on this machine that shows a session there."""
        ...
