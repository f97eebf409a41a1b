"""Checks for `reprun.toml`: each takes where a value stands and the value, and returns it clean."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from reprun.core.errors import UsageError
from reprun.core.manifest import is_inside
from reprun.core.placeholders import scalar
from reprun.core.text import show

Check = Callable[[str, Any], Any]
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_REMOTE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*")
_PYTHON = re.compile(r"\d+(\.\d+){1,2}|(~=|==|!=|<=|>=|<|>)\d+(\.\d+)*(\.\*)?(,(~=|==|!=|<=|>=|<|>)\d+(\.\d+)*(\.\*)?)*")
_NAME_GLOB = re.compile(r"[A-Za-z0-9_*?\[\]!-]+")
_LABEL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*")
_SLOT = re.compile(r"(\d{1,4}(:\d{1,2})?|(GPU|MIG)-[A-Za-z0-9/-]+)(,(\d{1,4}(:\d{1,2})?|(GPU|MIG)-[A-Za-z0-9/-]+))*")
_WEB_ADDRESS = re.compile(r"https?://[!-~]+")
_VIRTUAL = re.compile(r"__[a-z][a-z0-9_]*")
_VERSION = re.compile(r"[A-Za-z0-9_.]{0,40}")
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE)


def wrong(where: str, expected: str, value: Any, hint: str = "") -> UsageError:
    """The error for a value of the wrong kind: what was expected and what was found."""
    if isinstance(value, (dict, list)):
        found = "a table" if isinstance(value, dict) else "a list"
    else:
        found = f'"{show(value[:60])}"' if isinstance(value, str) else scalar(value)
    return UsageError(f"{where} must be {expected}, not {found}", hint=hint)


def unknown(where: str, key: str, known: Iterable[str]) -> UsageError:
    """The error for a key that means nothing here."""
    names = list(known)
    import difflib  # only on the way to an error

    close = difflib.get_close_matches(key, names, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known here: {', '.join(names)}"
    return UsageError(f"{where} has the unknown key {show(key)!r}", hint=hint)


def text(where: str, value: Any) -> str:
    """A string that says something."""
    if not isinstance(value, str) or not value.strip():
        raise wrong(where, "a string that is not empty", value)
    return value


def boolean(where: str, value: Any) -> bool:
    """`true` or `false`."""
    if not isinstance(value, bool):
        raise wrong(where, "true or false", value)
    return value


def number(where: str, value: Any) -> float:
    """A finite number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not (math.isfinite(value) and value >= 0):
        raise wrong(where, "a number that is not negative", value)
    return value


def count(where: str, value: Any) -> int:
    """A whole number that is not negative."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong(where, "a whole number that is not negative", value)
    return value


def positive(where: str, value: Any) -> int:
    """A whole number, at least 1."""
    if count(where, value) == 0:
        raise wrong(where, "more than 0", value)
    return int(value)


def size(where: str, value: Any) -> int:
    """Bytes, as a number or as people write it: `1 GiB`, `500 MB`, `64K`. Without the i a unit is decimal."""
    match = _SIZE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match:
        digits, unit, binary = match.groups()
        base = 1024 if binary else 1000
        found = float(digits) * base ** " KMGT".index(unit.upper() or " ")
        if found < 1 << 63:
            return int(found)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong(where, "a size in bytes", value, hint='for example "1 GiB"')
    return value


def duration(where: str, value: Any) -> int:
    """Seconds, as a number or as people write them: `90m`, `1d12h`, `2-12:00:00`."""
    from reprun.core.duration import parse_duration

    if isinstance(value, str):
        return parse_duration(value, where)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise wrong(where, "a time", value, hint='for example "90m", "36h", "2-12:00:00"')
    return value


def choice(*names: str) -> Check:
    """One of the names."""

    def check(where: str, value: Any) -> str:
        if not isinstance(value, str) or value not in names:
            raise wrong(where, " or ".join(f'"{name}"' for name in names), value)
        return value

    return check


def list_of(check: Check) -> Check:
    """A list whose items all pass `check`; it becomes a tuple."""

    def check_all(where: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise wrong(where, "a list", value)
        return tuple(check(f"{where}[{index}]", item) for index, item in enumerate(value))

    return check_all


def inside(where: str, value: Any) -> str:
    """A path below the top of the repository, without the `/` at its end."""
    path = value.strip("/").removeprefix("./") if isinstance(value, str) and value[:1] != "/" else ""
    if path in ("", ".") or not is_inside(path):
        raise wrong(where, "a path below the top of the repository", value, hint='for example "outputs"')
    return path


def remote(where: str, value: Any) -> str:
    """The name of a Git remote; what a URL may make git do is not for a file in a repository to say."""
    if not isinstance(value, str) or not _REMOTE.fullmatch(value):
        raise wrong(where, "the name of a Git remote", value, hint='for example "origin"; git remote lists them')
    return value


def web_address(where: str, value: Any) -> str:
    """An address that something can be posted to."""
    if not isinstance(value, str) or not _WEB_ADDRESS.fullmatch(value):
        raise wrong(where, "an address that begins with https:// or http://", "…" if isinstance(value, str) else value)
    return value


def name_glob(where: str, value: Any) -> str:
    """The name of an environment variable, or a glob such as `WANDB_*`."""
    if not isinstance(value, str) or not _NAME_GLOB.fullmatch(value):
        raise wrong(where, "the name of an environment variable", value, hint='for example "WANDB_API_KEY"')
    return value


def environment(where: str, value: Any) -> dict[str, str]:
    """Environment variables with their values as text."""
    result = {}
    for name, item in table(where, value).items():
        if not _NAME.fullmatch(name):
            raise UsageError(f"{where} has {show(name)!r}, which cannot name an environment variable")
        if name.startswith("REPRUN_"):
            raise UsageError(f"{where} has {name}, but the names that begin with REPRUN_ are set by reprun")
        if name in ("PYTHONHASHSEED", "PYTHONPYCACHEPREFIX"):
            raise UsageError(
                f"{where} has {name}, which reprun sets for every run", hint="seeds come from --seed or the config's seeds"
            )
        if isinstance(item, (dict, list)):
            raise wrong(f"{where}.{name}", "a string, a number, true or false", item)
        result[name] = scalar(item)
    return result


def label(where: str, value: Any) -> str:
    """The label of a channel: one part of an address."""
    if not isinstance(value, str) or not _LABEL.fullmatch(value):
        raise wrong(where, "the label of a channel", value, hint='for example "broken"')
    return value


def slot(where: str, value: Any) -> str:
    """A slot of the queue: a GPU by number or UUID, or several with commas, `0`, `"2,3"`."""
    found = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not _SLOT.fullmatch(found):
        raise wrong(where, "a GPU or several with commas", value, hint='for example [0, 1, "2,3"]')
    return found


def python_version(where: str, value: Any) -> str:
    """Which Python: `3.11`, or what PEP 440 calls specifiers, `>=3.10,<3.13`."""
    if not isinstance(value, str) or not _PYTHON.fullmatch(value.replace(" ", "")):
        raise wrong(where, "a version of Python", value, hint='for example "3.11" or ">=3.10,<3.13"')
    return value.replace(" ", "")


def virtual_packages(where: str, value: Any) -> dict[str, str]:
    """Virtual packages by name, with their versions as text; an empty one takes the package away."""
    result = {}
    for name, item in table(where, value).items():
        if not _VIRTUAL.fullmatch(name):
            raise UsageError(f"{where} has {show(name)!r}, which is no virtual package", hint='for example __cuda = "12.4"')
        if not isinstance(item, str) or not _VERSION.fullmatch(item):
            raise wrong(f"{where}.{name}", "a version in quotes", item, hint='for example __cuda = "12.4", or "" for none')
        result[name] = item
    return result


def table(where: str, value: Any) -> dict[str, Any]:
    """A table."""
    if not isinstance(value, dict):
        raise wrong(where, "a table", value, hint=f"write it as [{where.rpartition(' ')[2]}]")
    return value
