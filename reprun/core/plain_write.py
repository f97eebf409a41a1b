"""TOML as `tomli_w` writes it, to the byte, for the values that most records have: a launch loads neither it nor `datetime`.

What it takes to write anything else is left to `tomli_w`, and the answer is None.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BARE = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_")


def write_plain(data: dict[str, Any]) -> str | None:
    """What `tomli_w.dumps` gives for tables of plain texts, numbers and lists of them; None for any other."""
    lines: list[str] = []
    return "".join(lines) if _write(data, "", lines) else None


def _write(table: dict[str, Any], name: str, lines: list[str]) -> bool:
    values, inner = [], []
    for key, value in table.items():
        if type(key) is not str or not key or not _BARE.issuperset(key):
            return False
        if type(value) is dict:
            inner.append((key, value))
            continue
        text = _list(value) if type(value) in (list, tuple) else _scalar(value)
        if text is None:
            return False
        values.append(f"{key} = {text}\n")
    if name and (values or not inner):
        lines.append(f"[{name}]\n")
    lines += values
    is_first = not values and (not name or bool(inner))  # nothing stands above the next table that it must be parted from
    for key, value in inner:
        if not is_first:
            lines.append("\n")
        is_first = False
        if not _write(value, f"{name}.{key}" if name else key, lines):
            return False
    return True


def _list(values: Any) -> str | None:
    texts = [_scalar(value) for value in values]
    if not texts:
        return "[]"
    return None if None in texts else "[\n" + "".join(f"    {text},\n" for text in texts) + "]"


def _scalar(value: Any) -> str | None:
    kind = type(value)
    if kind is str:
        if not value.isprintable():  # nor is a line break
            return None
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if kind is bool:
        return "true" if value else "false"
    return str(value) if kind is int or kind is float else None
