"""`NamedTuple` without `typing`, which takes 3 ms to import, before the job's first instruction. Type checkers see the other."""

from __future__ import annotations

from collections import namedtuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Tuple


class _Maker(type):
    def __new__(mcs, name: str, bases: Tuple[type, ...], members: Dict[str, Any]) -> Any:
        if not bases:
            return type.__new__(mcs, name, bases, members)
        fields = list(members.pop("__annotations__"))
        defaults = [members.pop(field) for field in fields if field in members]
        base = namedtuple(name, fields, defaults=defaults)  # type: ignore[misc]
        return type(name, (base,), {"__slots__": (), **members})


class NamedTuple(metaclass=_Maker):
    """What `class Name(NamedTuple):` is written with."""
