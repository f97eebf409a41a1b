"""Rules that hold for every format of a config."""

from __future__ import annotations

from collections.abc import Iterator

from reprun.core.errors import UsageError
from reprun.core.text import is_recordable, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_TEXT = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000
MAX_INT_BITS = 1024  # far beyond any seed or size, far below the length that Python refuses to print


class Written(str):
    """Text for something that is not a string in its file: a date, or a YAML key such as `30` or `on`.

    It is a string for everyone here, and it is written back as it was, so that a `--set` of one value does
    not change what the job's own parser makes of another.
    """

    __slots__ = ()


def check_values(data: Any, what: str) -> None:
    """Raises `UsageError` for values too deep, too many, too large or that a manifest cannot record."""
    for count, (path, depth, value) in enumerate(walk(data)):
        if count > MAX_NODES:
            raise UsageError(f"{what} holds more than {MAX_NODES} values")
        if depth > MAX_DEPTH:
            raise UsageError(f"{what} is nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, str) and not is_recordable(value):
            raise UsageError(f"{what}: the value of {show(path)!r} holds a NUL or a character that is not valid Unicode")
        if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
            raise UsageError(f"{what}: the number at {show(path)!r} is too long", hint="write it as a string")
        if isinstance(value, dict) and not all(map(is_recordable, value)):
            raise UsageError(f"{what}: a key in {show(path)!r} holds a NUL or a character that is not valid Unicode")


def walk(data: Any) -> Iterator[tuple[str, int, Any]]:
    """Every value with its dotted path and depth, containers before what they hold; no recursion."""
    stack: list[tuple[str, int, Any]] = [("", 0, data)]
    while stack:
        path, depth, value = stack.pop()
        yield path, depth, value
        if isinstance(value, dict):
            items = list(value.items())
        elif isinstance(value, list):
            items = list(enumerate(value))
        else:
            continue
        stack.extend((f"{path}.{key}" if path else str(key), depth + 1, item) for key, item in reversed(items))
