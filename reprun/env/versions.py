"""Comparing the versions of virtual packages, which are plain numbers with points: `2.36`, `12.4`, `3.0.a0`."""

from __future__ import annotations

import re

_PART = re.compile(r"(\d+)|([a-z]+)")
_CLAUSE = re.compile(r"(>=|<=|==|!=|~=|>|<|=)?(.*)")
_Key = tuple[tuple[int, str], ...]


def satisfies(version: str | None, spec: str) -> bool:
    """True when a machine has the virtual package in a version that `spec` allows: `>=2.17,<3.0.a0`, `12.*|13.*`, or nothing.

    A spec that is not understood is taken as met: the solver has seen it already.
    """
    if version is None:
        return False
    spec = spec.partition(" ")[0]  # what follows is a build
    if spec in ("", "*"):
        return True
    return any(all(_holds(version, clause) for clause in option.split(",")) for option in spec.split("|"))


def _holds(version: str, clause: str) -> bool:
    match = _CLAUSE.match(clause.strip())
    assert match is not None  # every part of it may be missing
    operator, text = match[1] or "=", match[2].strip()
    if not text or text == "*":
        return True
    if not text[0].isdigit() or not version[:1].isdigit():
        return True
    if operator == "=" or text.endswith("*"):
        start = text.rstrip("*").rstrip(".")
        is_within = version == start or version.startswith(f"{start}.")
        return not is_within if operator == "!=" else is_within
    have, want = _keys(version, text)
    return {
        ">=": have >= want, "<=": have <= want, ">": have > want, "<": have < want, "==": have == want, "!=": have != want,
        "~=": have >= want,
    }[operator]  # fmt: skip


def _keys(one: str, other: str) -> tuple[_Key, _Key]:
    """Both as parts that compare: numbers by size, letters (`a0`, `rc1`) below them; what is missing at the end is zero."""
    keys = [
        [(int(digits), "") if digits else (-1, word) for digits, word in _PART.findall(text.lower())] for text in (one, other)
    ]
    longest = max(map(len, keys))
    first, second = (tuple(key + [(0, "")] * (longest - len(key))) for key in keys)
    return first, second
