"""Text from outside, made safe to look at: control characters are shown, not obeyed."""

from __future__ import annotations

from collections.abc import Iterable

# C0 and C1 controls, DEL, the Unicode marks that reorder what is printed after them, and characters that print nothing at all: a
# person who is to say yes to a command must see all of it. (Joiners stay: scripts and emoji need them.)
_HIDDEN = {
    *range(0x20), *range(0x7F, 0xA0), 0xAD, 0x61C, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F),
    *range(0x2060, 0x2070), 0xFEFF, *range(0xFFF9, 0xFFFC), *range(0xE0000, 0xE0080),
}  # fmt: skip
_VISIBLE = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}" for code in _HIDDEN
}
_VISIBLE[0x0A], _VISIBLE[0x09], _VISIBLE[0x0D] = "\\n", "\\t", "\\r"
_LOG = {code: shown for code, shown in _VISIBLE.items() if code not in (0x0A, 0x09)}


def show(text: str) -> str:
    """`text` on one line with every control character spelled out, surrogates (undecodable bytes) too."""
    return text.translate(_VISIBLE).encode("utf-8", "backslashreplace").decode("utf-8")


def show_block(text: str) -> str:
    """As `show`, but line breaks and tabs stay: for texts of several lines."""
    return text.translate(_LOG).encode("utf-8", "backslashreplace").decode("utf-8")


def show_some(paths: Iterable[str], most: int = 10) -> str:
    """The first paths of a list for a sentence: `a, b and 3 more`."""
    shown = [show(path) for path in paths]
    more = f" and {len(shown) - most} more" if len(shown) > most else ""
    return ", ".join(shown[:most]) + more


def is_recordable(text: str) -> bool:
    """True when `text` can be written to TOML and JSON and read back unchanged (valid Unicode, no NUL)."""
    return "\x00" not in text and not any(0xD800 <= ord(char) <= 0xDFFF for char in text)


def human_bytes(count: float) -> str:
    """`1536` → `1.5 KiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(count) < 1024:
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def human_seconds(seconds: float) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def human_ago(seconds: float) -> str:
    """`just now`, `40 s ago`, `5 min ago`, `3 h ago`, `12 days ago`."""
    if seconds < 2:
        return "just now"
    for limit, size, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds // size:.0f} {unit} ago"
    return f"{seconds // 86400:.0f} days ago"


def cell_width(text: str) -> int:
    """How many columns of a terminal the text takes: wide characters two, marks on others none."""
    if text.isascii():
        return len(text)
    import unicodedata

    return sum(
        0 if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf")
        else 2 if unicodedata.east_asian_width(char) in "WF" else 1
        for char in text
    )  # fmt: skip


def fit_cell(text: str, width: int, is_middle: bool = False) -> str:
    """The text in exactly so many columns: filled up with spaces, or cut with a mark at its end or in its middle."""
    missing = width - cell_width(text)
    if missing >= 0:
        return text + " " * missing
    if width < 1:
        return ""
    behind = (width - 1) * 2 // 3 if is_middle else 0
    tail = _first_cells(text[::-1], behind)[::-1]
    cut = _first_cells(text, width - 1 - behind) + "…" + tail
    return cut + " " * (width - cell_width(cut))


def _first_cells(text: str, width: int) -> str:
    """As much of the beginning as has room in so many columns."""
    kept, used = 0, 0
    for char in text:
        used += cell_width(char)
        if used > width:
            break
        kept += 1
    return text[:kept]
