"""A table of the live view. Only what is seen is drawn, so that ten thousand runs cost no more than ten."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from reprun.cli.fitting import GAP, Column, Fitted, Row, fit
from reprun.cli.top_marks import DONE, HALF, OPEN

# The sixteen colours of the terminal, which its user has chosen to be read on its background.
_PLAIN, _DIM, _CURSOR = Style(), Style(dim=True), Style(reverse=True)
_HEAD = Style(bold=True, underline=True)
_STYLES = {
    "name": Style(bold=True),
    "run": _DIM,
    "slot": Style(color="cyan"),
    "host": Style(color="cyan"),
    "order": _DIM,
    "waits": _DIM,
}
_PARTS = {
    "progress": ((rf"[{DONE}{HALF}]+", Style(color="green")), (rf"{OPEN}+", _DIM)),
    "left": ((r"\+.*", Style(color="yellow")),),
    "gpu": ((r"\b1?\d%", Style(color="yellow")), (r"\d+%", Style(color="green")), (r"[\d.]+ \w*B", _DIM)),
    "metrics": ((r"[▁▂▃▄▅▆▇█·]+", Style(color="cyan")),),
}


class Rows(ScrollView, can_focus=True):
    """A head and rows with a cursor, as wide as the terminal and never wider."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", show=False),
        Binding("down,j", "step(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home,g", "step(-1000000000)", show=False),
        Binding("end,G", "step(1000000000)", show=False),
        Binding("enter", "choose", show=False),
    ]

    class Chosen(Message):
        """Enter, or a second click on a row."""

    def __init__(self, columns: Sequence[Column], name: str) -> None:
        super().__init__(id=name)
        self.all_columns, self.rows, self.sorted_by, self.cursor = list(columns), list[Row](), "", 0
        self._fitted, self._width = Fitted((), ()), 0

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.rows else None

    def set_rows(self, rows: Sequence[Row], columns: Sequence[Column], sorted_by: str) -> None:
        """Shows other rows. The cursor stays on its run, or where it was."""
        before = self.row.key if self.row else None
        if list(rows) == self.rows and list(columns) == self.all_columns and sorted_by == self.sorted_by:
            return
        is_other = len(rows) != len(self.rows)
        self.rows, self.all_columns, self.sorted_by, self._width = list(rows), list(columns), sorted_by, 0
        place = next((at for at, row in enumerate(self.rows) if row.key == before), self.cursor)
        self.cursor = max(0, min(place, len(self.rows) - 1))
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self.refresh(layout=is_other)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """For `height: auto`."""
        return len(self.rows) + 1

    def render_line(self, y: int) -> Strip:
        """One line of what is seen: the head stays on top."""
        width = self.scrollable_content_region.width
        if width != self._width:
            self._fitted, self._width = fit(self.all_columns, self.rows, width), width
        at = self.scroll_offset.y + y - 1
        if y == 0:
            strip = Strip([Segment(self._fitted.head(self.sorted_by), _HEAD)])
        elif at < len(self.rows):
            is_here = at == self.cursor and self.has_focus
            return self._strip(self.rows[at], is_here).adjust_cell_length(width, _CURSOR if is_here else _PLAIN)
        else:
            strip = Strip([])
        return strip.adjust_cell_length(width, _PLAIN)

    def _strip(self, row: Row, is_here: bool) -> Strip:
        segments = []
        for name, text in self._fitted.cells(row):
            base = _CURSOR if is_here else _DIM if row.is_dim else _STYLES.get(name, _PLAIN)
            segments += parts(name, text, base) if not is_here and not row.is_dim else [Segment(text, base)]
            segments.append(Segment(" " * GAP, _CURSOR if is_here else _PLAIN))
        return Strip(segments[:-1])

    def action_step(self, by: int) -> None:
        """Moves the cursor."""
        self.cursor = max(0, min(self.cursor + by, len(self.rows) - 1))
        top, shown = self.scroll_offset.y, max(1, self.size.height - 1)
        if not top <= self.cursor < top + shown:
            self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - shown + 1, animate=False)
        self.refresh()

    def action_page(self, pages: int) -> None:
        """Moves the cursor by what is seen."""
        self.action_step(pages * max(1, self.size.height - 2))

    def action_choose(self) -> None:
        """Enter."""
        self.post_message(self.Chosen())

    def on_click(self, event: events.Click) -> None:
        """The cursor goes where one clicks; a second click chooses."""
        at = self.scroll_offset.y + event.y - 1
        if event.y > 0 and at < len(self.rows):
            self.action_step(at - self.cursor)
            if event.chain == 2:
                self.action_choose()

    def on_focus(self) -> None:
        """The cursor appears."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor goes."""
        self.refresh()


def parts(name: str, text: str, base: Style) -> list[Segment]:
    """A cell with colours for what stands out in it."""
    rules = _PARTS.get(name)
    if not rules:
        return [Segment(text, base)]
    found, at = [], 0
    for piece in re.finditer("|".join(f"({pattern})" for pattern, _ in rules), text):
        style = next(style for group, (_, style) in enumerate(rules, 1) if piece[group] is not None)
        found += [Segment(text[at : piece.start()], base), Segment(piece[0], style)]
        at = piece.end()
    return [*found, Segment(text[at:], base)]
