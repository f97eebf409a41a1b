"""How a verdict and the differences between two runs look on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from reprun.core.canonical import ABSENT
from reprun.core.compare import Difference
from reprun.core.text import show
from reprun.core.verdict import DRIFTED, EQUIVALENT, IDENTICAL, NOT_COMPARABLE, Verdict

_COLOURS = {IDENTICAL: "green", EQUIVALENT: "cyan", DRIFTED: "red", NOT_COMPARABLE: "yellow"}
_WARNING = "warning:"
ALIKE = "Nothing that went in"  # what came out is for the verdict
_GAP = 2  # cells between two columns


def render_verdict(console: Console, verdict: Verdict, differences: Sequence[Difference], old_id: str, new_id: str) -> None:
    """Prints what differs between the two runs, then the verdict and its reasons, where the eye ends up."""
    render_differences(console, differences, old_id, new_id, ALIKE)
    console.print()
    colour = _COLOURS.get(verdict.kind, "default")
    line = Text.assemble((f" {verdict.word} ", f"bold reverse {colour}"), "  ", (show(new_id), "bold"))
    console.print(line.append(" against ").append(show(old_id), "bold"), highlight=False)
    for reason in verdict.reasons:
        render_bullet(console, reason, "yellow" if reason.startswith(_WARNING) else "")


def render_bullet(console: Console, text: str, style: str = "") -> None:
    """Prints a sentence: a table of one row, so that what is wrapped stays behind its bullet."""
    item = Table.grid(padding=(0, 1))
    item.add_row(Text("•", style="dim"), Text(show(text), style=style, overflow="fold"))
    console.print(Padding(item, (0, 0, 0, 1), expand=False), highlight=False)


def render_differences(
    console: Console, differences: Sequence[Difference], old_id: str = "old", new_id: str = "new", alike: str = "Nothing"
) -> None:
    """Prints a table of the differences, grouped by area in the order given, or one line without any: `alike` is what was
    compared."""
    if not differences:
        text = Text.assemble((f"{alike} differs", "green"), " between the two runs, as far as is on record.")
        console.print(text, highlight=False)
        return
    rows = [(row.area, show(row.name), show(row.old), show(row.new)) for row in differences]
    ids = (show(old_id), show(new_id))
    what, old, new = _widths(console.width, rows, ids)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0))
    titles = ("Area", "What", _shorten(ids[0], old), _shorten(ids[1], new))
    for title in titles:
        table.add_column(Text(title), no_wrap=True, overflow="ellipsis")
    seen = ""
    for area, name, before, after in rows:
        group = Text("" if area == seen else area, style="bold")
        values = map(_value, _shorten_pair(before, after, old, new))
        table.add_row(group, Text(_shorten(name, what)), *values)
        seen = area
    console.print(table, highlight=False)


def _value(text: str) -> Text:
    return Text(text, style="dim" if text == ABSENT else "")


def _widths(total: int, rows: Sequence[tuple[str, ...]], ids: tuple[str, str]) -> tuple[int, int, int]:
    """The cells for the columns What, old and new: what they need, or a fair share of what there is."""
    area, what, old, new = (max(map(cell_len, column)) for column in zip(*rows, ("Area", "What", *ids), strict=True))
    room = max(total - area - 3 * _GAP, 12)
    what = min(what, max(room * 3 // 10, room - old - new))
    room -= what
    if old + new <= room:
        return what, old, new
    half = room // 2
    old = min(old, max(half, room - new))
    return what, old, min(new, room - old)


def _shorten(text: str, width: int) -> str:
    """At most `width` cells of a text: its beginning and its end, which of paths and ids tell the most."""
    if cell_len(text) <= width:
        return text
    tail = max(width - 1, 0) // 2
    return _head(text, width - 1 - tail) + "…" + _head(text[::-1], tail)[::-1]


def _shorten_pair(old: str, new: str, old_width: int, new_width: int) -> tuple[str, str]:
    """Both texts shortened so that they do not look the same: if need be around the place where they part."""
    short = _shorten(old, old_width), _shorten(new, new_width)
    if short == (old, new) or old == new:
        return short
    parting, rest = _common(old, new), _common(old[::-1], new[::-1])
    tail = max(min(old_width, new_width) - 1, 0) // 2
    if parting < tail or rest < tail:  # it is seen where they part, or where they meet again
        return short
    start = max(parting - min(old_width, new_width) // 3, 0)
    return _window(old, start, old_width), _window(new, start, new_width)


def _common(old: str, new: str) -> int:
    """How long they are alike from the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))


def _window(text: str, start: int, width: int) -> str:
    rest = ("…" if start else "") + text[start:]
    return rest if cell_len(rest) <= width else _head(rest, width - 1) + "…"


def _head(text: str, width: int) -> str:
    # A wide character that is cut in half leaves a blank behind.
    return set_cell_size(text, width).rstrip(" ") if width > 0 else ""
