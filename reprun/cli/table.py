"""Plain tables for the commands that must be instant: Rich takes longer to load than they take to answer."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from reprun.cli.envelope import is_colourful
from reprun.cli.fitting import GAP, Column, Fitted, Row, fit
from reprun.core.text import cell_width, fit_cell, show

_COLOURS = {
    "finished": "32",
    "queued": "34",
    "running": "36",
    "starting": "36",
    "failed": "31",
    "lost": "35",
    "stopped": "33",
    "canceled": "33",
    "unknown": "33",
    "unstarted": "33",
}


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], flexible: int, is_middle: bool = False) -> None:
    """Prints aligned columns; on a terminal columns are cut so that a row stays on one line, `flexible` first: at the end, or in
    the middle for names that tell themselves apart at both ends."""
    cells = [[show(cell) for cell in row] for row in rows]
    widths = [max([len(head[at]), *(cell_width(row[at]) for row in cells)]) for at in range(len(head))]
    if sys.stdout.isatty():
        widths = _fitted(widths, head, flexible, shutil.get_terminal_size().columns - 2 * (len(widths) - 1))
    colourful = is_colourful(sys.stdout)
    print(_line(head, widths, "1" if colourful else ""))
    for row in cells:
        print(_line([fit_cell(cell, width, is_middle) for cell, width in zip(row, widths, strict=True)], widths, "", colourful))


def print_fitted(columns: Sequence[Column], rows: Sequence[Row]) -> Fitted:
    """Prints a table that is no wider than the terminal: what matters least is shortened first, and left out."""
    fitted = fit(columns, rows, shutil.get_terminal_size().columns if sys.stdout.isatty() else 1 << 20)
    head, colourful = fitted.head(), is_colourful(sys.stdout)
    if rows:
        print(f"\x1b[1m{head}\x1b[0m" if colourful else head)
    for row in rows:
        print((" " * GAP).join(_painted(text) for _, text in fitted.cells(row)).rstrip() if colourful else fitted.line(row))
    return fitted


def _fitted(widths: Sequence[int], head: Sequence[str], flexible: int, room: int) -> list[int]:
    """The widths, with the column `flexible` cut first and then the widest ones, but for ids: these are there to be typed."""
    found = list(widths)
    least = [width if name == "RUN" else min(width, max(len(name), 8)) for name, width in zip(head, widths, strict=True)]
    found[flexible] = max(least[flexible], min(found[flexible], room - sum(found) + found[flexible]))
    while sum(found) > room and found != least:
        widest = max(range(len(found)), key=lambda at: (found[at] > least[at], found[at]))
        found[widest] -= 1
    return found


def paint_state(words: str) -> str:
    """The words of a state in their colour, on a terminal."""
    code = _COLOURS.get(words.partition(" ")[0])
    return f"\x1b[{code}m{words}\x1b[0m" if code and is_colourful(sys.stdout) else words


def _line(cells: Sequence[str], widths: Sequence[int], style: str, colourful: bool = False) -> str:
    padded = [fit_cell(cell, width) for cell, width in zip(cells, widths, strict=True)]
    if colourful:
        padded = [_painted(cell) for cell in padded]
    line = "  ".join(padded).rstrip()
    return f"\x1b[{style}m{line}\x1b[0m" if style else line


def _painted(cell: str) -> str:
    code = _COLOURS.get(cell.partition(" ")[0])
    return f"\x1b[{code}m{cell}\x1b[0m" if code else cell
