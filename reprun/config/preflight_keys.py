"""The keys of `[preflight]` and of the entries of `[[data]]`, and what each may hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from reprun.config import fields
from reprun.core.errors import UsageError
from reprun.core.text import show

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_.+-]+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSIONS = re.compile(r"\s*(?:(?:>=|<=|==|!=|~=|>|<)\s*[0-9][A-Za-z0-9.*]*\s*(?:,\s*|$))*")
_PORTS = 65535


def data_entry(where: str, value: Any) -> dict[str, Any]:
    """One entry of `[[data]]`: a path, and what is known of it."""
    found = _checked(value, _DATA, where)
    fields.text(f"{where}.path", found.get("path"))
    return found


def preflight(where: str, value: Any) -> dict[str, Any]:
    """The section `[preflight]`."""
    return _checked(value, _PREFLIGHT, where)


def _checked(values: Any, schema: Mapping[str, fields.Check], where: str) -> dict[str, Any]:
    result = {}
    for key, value in fields.table(where, values).items():
        if key not in schema:
            raise fields.unknown(where, key, schema)
        result[key] = schema[key](f"{where}.{key}", value)
    return result


def _matching(pattern: re.Pattern[str], expected: str, hint: str) -> Callable[[str, Any], str]:
    def check(where: str, value: Any) -> str:
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise fields.wrong(where, expected, value, hint=hint)
        return value

    return check


def _port(where: str, value: Any) -> int:
    port = fields.count(where, value)
    if not 0 < port <= _PORTS:
        raise fields.wrong(where, f"a port, 1 to {_PORTS}", value, hint="for example 6006")
    return port


def _place(where: str, value: Any) -> dict[str, Any]:
    """A path, or a table with what has to be free there."""
    if isinstance(value, str):
        return {"path": fields.text(where, value)}
    found = _checked(value, {"path": fields.text, "free": fields.size, "inodes": fields.count}, where)
    fields.text(f"{where}.path", found.get("path"))
    return found


def _programs(where: str, value: Any) -> dict[str, str]:
    result = {}
    for name, versions in fields.table(where, value).items():
        if not _PROGRAM.fullmatch(name):
            raise UsageError(f"{where} has {show(name)!r}, which is no name of a program", hint='for example ffmpeg = ">=4"')
        result[name] = _matching(_VERSIONS, "a range of versions", 'for example ">=4,<7", or "" for any')(
            f"{where}.{name}", versions
        )
    return result


def _determinism(where: str, value: Any) -> dict[str, Any]:
    """When the experiment is probed, and how far: `true`, `"full"`, or a table."""
    if isinstance(value, dict):
        found = _checked(
            value, {"when": fields.choice("always", "full"), "steps": fields.positive, "seconds": fields.positive}, where
        )
        return {"when": "always", **found}
    if isinstance(value, bool):
        return {"when": "always" if value else "never"}
    if value != "full":
        raise fields.wrong(where, 'true, false, "full" or a table', value, hint='for example { when = "full", steps = 50 }')
    return {"when": "full"}


_DATA: dict[str, fields.Check] = {
    "path": fields.text,
    "sha256": _matching(_SHA256, "a SHA-256 of 64 digits", "sha256sum FILE prints it; reprun show @last has it too"),
    "size": fields.size,
    "count": fields.count,
    "mtime": fields.choice("frozen"),
}
_PREFLIGHT: dict[str, fields.Check] = {
    "level": fields.choice("quick", "full", "off"),
    "skip": fields.list_of(fields.text),
    "refuse": fields.list_of(fields.text),
    "timeout": fields.number,
    "cache": fields.number,
    "tests": fields.list_of(fields.inside),
    "command": fields.list_of(fields.text),
    "readable": fields.list_of(fields.text),
    "writable": fields.list_of(_place),
    "disk": fields.size,
    "ports": fields.list_of(_port),
    "variables": fields.list_of(_matching(_NAME, "the name of an environment variable", 'for example "HF_TOKEN"')),
    "programs": _programs,
    "schema": fields.inside,
    "lock": fields.choice("fresh"),
    "gpu_memory": fields.size,
    "gpu_exclusive": fields.boolean,
    "plugins": fields.list_of(fields.text),
    "duration": fields.duration,
    "determinism": _determinism,
}
