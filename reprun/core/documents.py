"""A file of several documents, as read: the values, and the line on which each key stands."""

from __future__ import annotations

from reprun.core.frozen import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Document:
    """One document. `lines` knows the keys of the first two levels: `("template",)`, `("template", "train")`."""

    values: dict[str, Any]
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)
    line: int = 1

    def line_of(self, *path: str) -> int:
        """The line of a key, or of the nearest thing around it that is known."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return self.line
