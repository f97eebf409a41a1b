"""What went otherwise than the user has set it up, though the command did what it was asked for: said once, at its end."""

from __future__ import annotations

_said: list[str] = []


def add_aside(text: str) -> None:
    """Remembers a sentence, with the hint behind a semicolon."""
    if text not in _said:
        _said.append(text)


def take_asides() -> list[str]:
    """The sentences since this was last asked."""
    taken = list(_said)
    _said.clear()
    return taken
