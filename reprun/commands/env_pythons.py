"""Which Python of a target a virtual environment is made from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress

from reprun.commands.env_choosing import wanted_on
from reprun.commands.env_memory import recall_platform, recall_pythons
from reprun.core.environment import EnvironmentRules
from reprun.core.errors import RefusedError, UsageError
from reprun.core.text import show
from reprun.env.sources import Wanted
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.targets import Target

_VERSION = re.compile(r"(?:cpython[-@]|python)?(\d+(?:\.\d+){1,2})")


def wanted_for(workspace: Workspace, target: Target, rules: EnvironmentRules, lock: bytes) -> Wanted:
    """What a recorded lock has to fit on this target."""
    from reprun.env.pylock import is_pylock, parse_pylock

    if not is_pylock(lock):
        return wanted_on(workspace, target, rules)
    parsed = parse_pylock(lock)
    with suppress(RefusedError):
        return wanted_with(workspace, target, rules, get_python(workspace, target, [parsed.full, parsed.python])[0])
    return wanted_with(workspace, target, rules, get_python(workspace, target, [parsed.python])[0])


def get_python(
    workspace: Workspace, target: Target, wanted: Sequence[str]
) -> tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """The Python of the target that is all that is wanted, and those that it was chosen from. Raises as `choose_python`."""
    near = recall_pythons(workspace, target.host, may_be_old=False, every=False)
    with suppress(RefusedError):
        return choose_python(near, wanted, target.name), near
    every = recall_pythons(workspace, target.host, may_be_old=True)
    return choose_python(every, wanted, target.name), every


def wanted_with(
    workspace: Workspace, target: Target, rules: EnvironmentRules, python: Mapping[str, Any], may_be_old: bool = False
) -> Wanted:
    """What packages of pip have to fit: virtual packages are none of their business."""
    platform = str(recall_platform(workspace, target.host, may_be_old)["platform"])
    return Wanted(platform, {}, {}, rules.categories, python)


def choose_python(pythons: Sequence[Mapping[str, Any]], wanted: Sequence[str], where: str) -> Mapping[str, Any]:
    """The first that is all that is `wanted`: versions ("3.11") and specifiers (">=3.10"). Raises `RefusedError` for none."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        specs = [SpecifierSet(_specifier(text)) for text in wanted if text]
    except InvalidSpecifier as error:
        raise UsageError(f"the version of Python cannot be read: {show(str(error)[:200])}", hint='python = "3.11"') from None
    for python in pythons:
        version = str(python["markers"]["python_full_version"]).rstrip("+")
        if all(spec.contains(version, prereleases=True) for spec in specs):
            return python
    pins = [text for text in wanted if re.fullmatch(r"[\d.]+", text)]
    there = ", ".join(str(python["markers"]["python_full_version"]) for python in pythons) or "none"
    needs = ", ".join(text for text in wanted if text)
    install = pins[0] if pins else "3.12"
    raise RefusedError(
        f"{show(where)} has no Python {show(needs)}: it has {there}",
        hint=f'uv python install {install} there, or [environment] python = "…" in reprun.toml',
    )


def read_python_version(data: bytes | None) -> str:
    """The version in a `.python-version`; empty for none, and for what is no version of CPython."""
    lines = [line.strip() for line in (data or b"").decode("utf-8", "replace").splitlines()]
    first = next((line for line in lines if line and not line.startswith("#")), "")
    match = _VERSION.fullmatch(first)
    return match[1] if match else ""


def _specifier(text: str) -> str:
    if not re.fullmatch(r"\d+(\.\d+)*", text):
        return text
    return f"=={text}" if text.count(".") >= 2 else f"=={text}.*"
