"""Tables that fit their terminal: cells know shorter words for themselves, and columns that matter less go first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprun.core.frozen import dataclass
from reprun.core.text import cell_width, fit_cell

Cell = tuple[str, ...]  # what a cell may read, the longest first
GAP = 2


@dataclass(frozen=True)
class Column:
    """`least`: so narrow it may become. Those of a higher `rank` give way first, and are left out first if `is_spare`."""

    name: str
    head: Cell
    least: int
    rank: int
    is_spare: bool = False
    is_middle: bool = False  # names of tasks tell themselves apart at their ends


@dataclass(frozen=True)
class Row:
    """`key` tells the row apart; `run_id` is empty in an idle slot. `order`: what it is sorted by, by column."""

    key: str
    target: str
    run_id: str
    cells: Mapping[str, Cell]
    order: Mapping[str, float | str]
    is_dim: bool = False


@dataclass(frozen=True)
class Fitted:
    """The columns that have room, with their widths."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]

    def head(self, sorted_by: str = "") -> str:
        """The line over the rows; an arrow points to what sorts them."""
        words = [pick(column.head, width) for column, width in zip(self.columns, self.widths, strict=True)]
        marked = [
            fit_cell(word.rstrip() + "▾", max(width, len(word.rstrip()) + 1)) if column.name == sorted_by else word
            for column, word, width in zip(self.columns, words, self.widths, strict=True)
        ]
        return (" " * GAP).join(marked).rstrip()

    def cells(self, row: Row) -> list[tuple[str, str]]:
        """(column, text of its width) for a row."""
        return [
            (column.name, pick(row.cells.get(column.name, ("",)), width, column.is_middle))
            for column, width in zip(self.columns, self.widths, strict=True)
        ]

    def line(self, row: Row) -> str:
        """A row as text."""
        return (" " * GAP).join(text for _, text in self.cells(row)).rstrip()


def fit(columns: Sequence[Column], rows: Sequence[Row], width: int) -> Fitted:
    """Leaves out and narrows columns until a line is no wider than `width`."""
    used = [column for column in columns if any(any(row.cells.get(column.name, ("",))) for row in rows)]
    widest = {column.name: _width(column, rows, 0) for column in used}
    least = {column.name: min(widest[column.name], max(column.least, _width(column, rows, -1, column.least))) for column in used}
    for column in sorted((column for column in used if column.is_spare), key=lambda one: -one.rank):
        if sum(least[one.name] + GAP for one in used) - GAP > width:
            used.remove(column)
    excess = sum(widest[column.name] + GAP for column in used) - GAP - width
    for column in sorted(used, key=lambda one: -one.rank):
        given = max(0, min(excess, widest[column.name] - least[column.name]))
        widest[column.name] -= given
        excess -= given
    used_of = {column.name: _picked(column, rows, widest[column.name]) for column in used}
    left = width - sum(used_of[column.name] + GAP for column in used) + GAP
    for column in sorted(used, key=lambda one: one.rank):  # what shorter words have left over
        more = _picked(column, rows, used_of[column.name] + max(0, left)) - used_of[column.name]
        used_of[column.name] += more
        left -= more
    return Fitted(tuple(used), tuple(used_of[column.name] for column in used))


def pick(cell: Cell, width: int, is_middle: bool = False) -> str:
    """The longest of the words that fits, else the shortest, cut at its end or in the middle."""
    for text in cell:
        if cell_width(text) <= width:
            return fit_cell(text, width)
    return fit_cell(cell[-1] if cell else "", width, is_middle)


def _cells(column: Column, rows: Sequence[Row]) -> set[Cell]:
    """What stands in a column, each once: of five hundred runs most have the same kind."""
    return {column.head, *(row.cells.get(column.name) or ("",) for row in rows)}


def _width(column: Column, rows: Sequence[Row], at: int, most: int = 1 << 30) -> int:
    return min(most, max(cell_width(cell[at]) for cell in _cells(column, rows)))


def _picked(column: Column, rows: Sequence[Row], width: int) -> int:
    """What is really used of a width: shorter words may be shorter than asked for."""
    return min(width, max(_chosen(cell, width) for cell in _cells(column, rows)))


def _chosen(cell: Cell, width: int) -> int:
    return next((wide for text in cell if (wide := cell_width(text)) <= width), width)
