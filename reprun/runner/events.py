"""Events: JSON lines that a job wrote through `reprun_job`, or the watch of its randomness, to `$REPRUN_EVENTS`."""

from __future__ import annotations

import json

from reprun.runner.metrics import read_lines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

MOST = 100
_FIELDS = {
    "checkpoint": ("path", "size", "step", "sha256", "problem"),
    "data": ("path", "size", "sha256", "problem"),
    "unseeded": ("source", "call", "file", "line"),
}


def read_events(path: str) -> Dict[str, Any]:
    """What the outcome says of them; nothing for a job that wrote none. The same thing said again counts once."""
    found: Dict[str, List[Dict[str, Any]]] = {kind: [] for kind in _FIELDS}
    seeded: Dict[str, int] = {}
    is_watched = False
    for line in read_lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            continue
        kind = record.get("event") if isinstance(record, dict) else None
        is_watched = is_watched or kind == "watching"
        if kind == "seeded" and isinstance(record.get("seeds"), dict):
            seeded.update((str(name)[:100], seed) for name, seed in record["seeds"].items() if _is_seed(seed))
        elif isinstance(kind, str) and kind in found:
            _add(found[kind], {name: record[name] for name in _FIELDS[kind] if _is_plain(record.get(name))})
    result: Dict[str, Any] = {"seeded": dict(sorted(seeded.items())[:MOST])} if seeded else {}
    for kind, name in (("checkpoint", "checkpoints"), ("data", "data_read")):
        if found[kind]:
            result[name] = found[kind]
    if is_watched:
        result["unseeded"] = found["unseeded"]
    return result


def _add(known: List[Dict[str, Any]], record: Dict[str, Any]) -> None:
    """The newest are kept."""
    if record and record not in known:
        known.append(record)
        del known[:-MOST]


def _is_seed(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 64


def _is_plain(value: Any) -> bool:
    return (isinstance(value, str) and len(value) <= 4096) or (isinstance(value, int) and abs(value) < 1 << 63)
