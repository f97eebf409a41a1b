"""`log`: metrics as lines of JSON in the file `$REPRUN_METRICS`."""

from __future__ import annotations

import os

from reprun_job._lines import MAX_LINE, append, text, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional

_FILE, _MOST = "REPRUN_METRICS", "REPRUN_MAX_STEPS"


class _Count:
    """How many steps were logged, in this process. A line without a step is one."""

    def __init__(self) -> None:
        self.steps = 0
        self.last: Any = None


_count = _Count()


def log(metrics: Optional[Mapping[str, Any]] = None, /, *, step: Optional[int] = None, **more: Any) -> None:
    """Appends one line of metrics: `log(step=3, loss=loss)`, or `log({"val/loss": loss}, step=3)` for other names.

    Numbers of NumPy, PyTorch and the like become plain ones. Numbers in nested mappings are metrics named `outer/inner`; what
    is no number is written as a text, and is no metric. Where the run was given a number of steps (`$REPRUN_MAX_STEPS`), the
    first line beyond it ends the program with `SystemExit(0)`.
    """
    if not os.environ.get(_FILE):
        return
    values = {str(name): plain(value) for name, value in {**(metrics or {}), **more}.items()}
    head = {} if step is None else {"step": plain(step)}
    most = _limit()
    if most is not None:
        _obey(most, head.get("step"))
    _append(head, values)
    if most is not None and step is None and _count.steps >= most:
        raise SystemExit(0)


def plain(value: Any, depth: int = 8) -> Any:
    """The value as JSON has it; an array of one number is that number."""
    if value is None or isinstance(value, (bool, str)):
        return value if not isinstance(value, str) else value[:1000]
    if type(value) in (int, float):
        return value
    if isinstance(value, dict) and depth:
        return {str(name): plain(item, depth - 1) for name, item in value.items()}
    if isinstance(value, (dict, list, tuple)):
        return text(value)
    for convert in (_item, float):
        try:
            return convert(value)
        except Exception:  # noqa: S112  # an array of many, a text, a class that breaks: not a number then
            continue
    return text(value)


def _item(value: Any) -> Any:
    """What `.item()` of a scalar of NumPy or PyTorch gives, where that is a plain number."""
    found = value.item()
    if isinstance(found, (bool, int, float)):
        return found
    raise TypeError


def _append(head: Dict[str, Any], values: Dict[str, Any]) -> None:
    """One line, or several where one would be longer than what is read as one."""
    size = sum(len(name) + (len(value) if isinstance(value, str) else 40) for name, value in values.items())
    if size * 6 < MAX_LINE or not _is_long({**head, **values}):  # a character takes up to six in JSON
        append(_FILE, {**head, **values})
    elif len(values) > 1:
        names = list(values)
        for part in (names[: len(names) // 2], names[len(names) // 2 :]):
            _append(head, {name: values[name] for name in part})
    else:
        warn("a metric was not written: it is longer than %d bytes" % MAX_LINE)


def _is_long(record: Dict[str, Any]) -> bool:
    import json

    length = len(json.dumps(record, default=text))
    return length >= MAX_LINE


def _limit() -> Optional[int]:
    try:
        return int(os.environ[_MOST])
    except (KeyError, ValueError):
        return None


def _obey(most: int, step: Any) -> None:
    if step is None or step != _count.last or _count.steps == 0:
        _count.steps += 1
        _count.last = step
    if _count.steps > most:
        raise SystemExit(0)
