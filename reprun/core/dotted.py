"""Nested mappings addressed by dotted paths: `optimizer.lr`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reprun.core.errors import UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_LEAVES = 100_000  # aliases of YAML can make a small file expand without end


def flatten(data: Any, prefix: str = "") -> dict[str, Any]:
    """Every leaf of nested mappings and lists by its dotted path (`layers.0.width`); an empty container is a leaf."""
    result: dict[str, Any] = {}
    for path, value in _leaves(data, prefix):
        result[path] = value
        if len(result) > MAX_LEAVES:
            raise UsageError(f"the config has more than {MAX_LEAVES} values", hint="is an alias of YAML repeated without end?")
    return result


def _leaves(data: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(data, Mapping) and data:
        for key, value in data.items():
            yield from _leaves(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(data, list) and data:
        for index, value in enumerate(data):
            yield from _leaves(value, f"{prefix}.{index}" if prefix else str(index))
    else:
        yield prefix, data


def find(data: Any, path: str) -> tuple[bool, Any]:
    """(True, value) for an existing dotted path, also a path to a whole mapping; (False, None) otherwise."""
    for part in path.split("."):
        if isinstance(data, Mapping) and part in data:
            data = data[part]
        elif isinstance(data, list) and _is_index(part, data):
            data = data[int(part)]
        else:
            return False, None
    return True, data


def assign(data: dict[str, Any], path: str, value: Any) -> None:
    """Sets `value` at the dotted path in place, making the mappings on the way. Raises `UsageError` through a non-mapping."""
    parts = path.split(".")
    if not all(parts):
        raise UsageError(f"--set {path}: a key of the path is empty", hint="write it as a.b=value")
    here: Any = data
    for part in parts[:-1]:
        if isinstance(here, list) and _is_index(part, here):
            here = here[int(part)]
        elif isinstance(here, dict):
            here = here.setdefault(part, {})
        else:
            raise UsageError(f"--set {path}: {part!r} lies below a value that is not a mapping")
    last = parts[-1]
    if isinstance(here, list) and _is_index(last, here):
        here[int(last)] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise UsageError(f"--set {path}: {last!r} lies below a value that is not a mapping")


def _is_index(part: str, items: list[Any]) -> bool:
    return part.isascii() and part.isdigit() and len(part) < 10 and int(part) < len(items)
