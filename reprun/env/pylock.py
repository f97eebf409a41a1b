"""The lock of packages of pip that a run is tied to: `pylock.toml` (PEP 751), with the files that its Python can use anywhere.

It comes from a uv.lock or from a requirements.txt with hashes, whatever of that was for this target: so a reproduction asks
neither of them, and no index.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reprun.core.errors import RefusedError, ToolError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.wheels import Pinned, Wheel, choose_wheel, may_fit, tags_of, version_of

_HEAD = b"# A lock of packages of pip, written by reprun from "
_SHA256 = re.compile(r"[0-9a-f]{64}")
# What chooses packages and is the same on all machines of a kind.
_MARKERS = ("implementation_name", "os_name", "platform_machine", "python_version", "sys_platform")
_RELOCK = "launch again with the code, which chooses packages anew"


@dataclass(frozen=True)
class Pylock:
    """What such a lock says: the kind of its source, the version of Python (`3.11`), the markers that it was made for, and the
    packages."""

    kind: str
    python: str
    markers: dict[str, str]
    packages: tuple[Pinned, ...]
    solver: str = ""
    members: tuple[str, ...] = ()  # folders of the repository with other packages of it, which come from the worktree
    full: str = ""  # the very Python that the first run had, `3.11.7`: another patch of it is the next best


def is_pylock(text: bytes) -> bool:
    """Whether a lock is one of these, and not of conda."""
    return text.startswith(_HEAD)


def render(lock: Pylock, python: Mapping[str, Any]) -> bytes:
    """The text of a lock for a Python. Files that no Python of this version can use are left out."""
    import tomli_w

    version, full = version_of(python), str(python["markers"]["python_full_version"])
    markers = {name: str(python["markers"][name]) for name in _MARKERS}
    own: dict[str, Any] = {"kind": lock.kind, "python": lock.python, "full": full, "solver": lock.solver}
    if lock.members:
        own["members"] = list(lock.members)
    data = {
        "lock-version": "1.0",
        "environments": [" and ".join(f'{name} == "{value}"' for name, value in markers.items())],
        "requires-python": f"=={lock.python}.*",
        "created-by": "reprun",
        "packages": [_row(package, version) for package in sorted(lock.packages, key=lambda one: one.name)],
        "tool": {"reprun": {**own, "markers": markers}},
    }
    return _HEAD + lock.kind.encode() + b". It is a pylock.toml as PEP 751 says.\n" + tomli_w.dumps(data).encode()


def parse_pylock(text: bytes) -> Pylock:
    """What the text of a lock says. Raises `ToolError` for what is none: it may come from a stranger."""
    import tomllib

    try:
        data = tomllib.loads(text.decode())
        own = data["tool"]["reprun"]
        markers = {name: str(own["markers"][name]) for name in _MARKERS}
        packages = tuple(_package(row) for row in data["packages"])
        solver, members = str(own.get("solver", "")), tuple(str(path) for path in own.get("members", ()))
        return Pylock(str(own["kind"]), str(own["python"]), markers, packages, solver, members, str(own.get("full", "")))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ToolError(f"the lock is not whole: {show(str(error)[:200])}", hint=_RELOCK) from None


def plan_rows(lock: Pylock, python: Mapping[str, Any], where: str) -> list[dict[str, Any]]:
    """The packages as a plan lists them: of each the file that fits this Python best.

    Raises `RefusedError` for another kind of machine, and names packages that have no wheel for it.
    """
    other = [f"{name} {lock.markers[name]}" for name in _MARKERS if lock.markers[name] != str(python["markers"].get(name))]
    if other:
        raise RefusedError(f"the lock is not for {show(where)}: it is for {', '.join(map(show, other))}", hint=_RELOCK)
    ranks = {tag: rank for rank, tag in reversed(list(enumerate(tags_of(python))))}
    rows, without = list[dict[str, Any]](), list[str]()
    for package in lock.packages:
        wheel = choose_wheel(package.wheels, ranks)
        if wheel is None:
            without.append(f"{package.name} {package.version} ({package.problem or _which(package)})")
        else:
            rows.append(row_of(package, wheel))
    if without:
        what = f"no wheel for Python {python['markers']['python_full_version']} on {show(where)}: {show('; '.join(without[:10]))}"
        if lock.kind == "requirements":
            raise RefusedError(f"{what}: a lock of requirements.txt has the files for one kind of machine", hint=_RELOCK)
        raise RefusedError(
            what,
            hint="only wheels give the same files everywhere: take versions that have one, or another [environment] python",
        )
    return rows


def list_rows(lock: Pylock) -> list[dict[str, Any]]:
    """The packages for people: of each one file, whatever machine it is for."""
    return [row_of(package, package.wheels[0] if package.wheels else Wheel("", "", "")) for package in lock.packages]


def row_of(package: Pinned, wheel: Wheel) -> dict[str, Any]:
    """An entry of a plan."""
    return {
        "manager": "pip", "name": package.name, "version": package.version, "url": wheel.url, "build": "", "subdir": "",
        "file": wheel.file, "sha256": wheel.sha256, "md5": "", "size": wheel.size, "depends": [], "constrains": [],
    }  # fmt: skip


def _which(package: Pinned) -> str:
    return f"its {len(package.wheels)} wheels are for others" if package.wheels else "it has no wheels"


def _row(package: Pinned, version: tuple[int, int]) -> dict[str, Any]:
    wheels = [_wheel_row(wheel) for wheel in package.wheels if may_fit(wheel.file, version)]
    return {"name": package.name, "version": package.version, "wheels": wheels}


def _wheel_row(wheel: Wheel) -> dict[str, Any]:
    size = {"size": wheel.size} if wheel.size else {}
    return {"name": wheel.file, "url": wheel.url, **size, "hashes": {"sha256": wheel.sha256}}


def _package(row: Mapping[str, Any]) -> Pinned:
    wheels: Sequence[Mapping[str, Any]] = row.get("wheels", ())
    found = tuple(
        Wheel(str(item["name"]), str(item["url"]), str(item["hashes"]["sha256"]), int(item.get("size", 0))) for item in wheels
    )
    strange = next((wheel.file for wheel in found if not _SHA256.fullmatch(wheel.sha256)), "")
    if strange:
        raise ValueError(f"{strange} has no SHA-256")
    return Pinned(str(row["name"]), str(row["version"]), found)
