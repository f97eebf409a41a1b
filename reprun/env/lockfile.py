"""Reading `conda-lock.yml` without conda-lock, whose import takes half a second."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from reprun.core.errors import ToolError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.pylock import is_pylock, list_rows, parse_pylock

_HEAD = re.compile(rb"^package:", re.MULTILINE)
_ARCHIVE = re.compile(r"(.+)-([^-]+)-([^-]+)(\.conda|\.tar\.bz2)")
_HEX = re.compile(r"[0-9a-f]+")


class DamagedLockError(ToolError):
    """The text is no lock, or not a whole one."""


@dataclass(frozen=True)
class Head:
    """What a lock says of itself. The last three only where reprun made it: by platform the virtual packages, and the digest of
    the sources."""

    platforms: tuple[str, ...]
    sources: tuple[str, ...]
    channels: tuple[str, ...]
    virtual: dict[str, dict[str, str]]
    solver: str
    made_from: dict[str, str]


def read_head(text: bytes) -> Head:
    """The head of a lock, without its packages. Raises `ToolError` for what is no lock."""
    if is_pylock(text):
        lock = parse_pylock(text)
        platform = f"{lock.markers['sys_platform']}-{lock.markers['platform_machine']}"
        return Head((f"{platform}, Python {lock.python}",), (lock.kind,), (), {}, lock.solver or lock.kind, {})
    cut = _HEAD.search(text)
    data = _load(text[: cut.start()] if cut else text)
    meta = data.get("metadata")
    if data.get("version") != 1 or not isinstance(meta, dict):
        raise DamagedLockError("this is no conda-lock.yml of version 1", hint="reprun env lock makes one")
    own = meta.get("custom_metadata")
    own = own if isinstance(own, dict) else {}
    return Head(
        platforms=tuple(str(name) for name in meta.get("platforms") or ()),
        sources=tuple(str(name) for name in meta.get("sources") or ()),
        channels=tuple(str(item.get("url", "")) for item in meta.get("channels") or () if isinstance(item, dict)),
        virtual={name: _texts(table) for name, table in _table(own.get("reprun-virtual-packages")).items()},
        solver=str(own.get("reprun-solver") or ""),
        made_from=_texts(_table(own.get("reprun-sources"))),
    )


def read_all(text: bytes, platform: str) -> list[dict[str, Any]]:
    """The packages of a lock for `platform`, whatever their category. Raises as `read_packages`."""
    return read_packages(text, platform, None)


def read_packages(text: bytes, platform: str, categories: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """The packages of a lock for `platform`, as a plan lists them. Raises `ToolError` for what is no lock or names none."""
    if is_pylock(text):
        return list_rows(parse_pylock(text))
    listed = _load(text).get("package")
    rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
    there = {str(row.get("platform")) for row in rows}
    if platform not in there and platform not in read_head(text).platforms:
        known = ", ".join(sorted(there)) or "no platform"
        raise ToolError(f"the lock has nothing for {platform}: it is for {known}", hint=f"reprun env lock --platform {platform}")
    wanted = [row for row in rows if row.get("platform") == platform]
    if categories is not None:
        _check_categories(categories, {str(row.get("category", "main")) for row in wanted})
        wanted = [row for row in wanted if row.get("category", "main") in categories]
    return sorted((_package(row) for row in wanted), key=lambda item: (item["manager"], item["name"]))


def _check_categories(wanted: tuple[str, ...], there: set[str]) -> None:
    """A category that is spelled wrongly would be an environment without what it has."""
    strange = [name for name in wanted if name not in {*there, "main"}]
    if strange:
        raise UsageError(
            f"the lock has no category {', '.join(map(show, strange))}: it has {', '.join(map(show, sorted(there))) or 'none'}",
            hint="[environment] categories in reprun.toml",
        )


def read_names(text: bytes) -> set[str]:
    """The names of all packages in a lock."""
    listed = _load(text).get("package")
    return {str(row.get("name")) for row in listed if isinstance(row, dict)} if isinstance(listed, list) else set()


def _package(row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        url, hashes = str(row["url"]), row["hash"]
        found = {"manager": str(row["manager"]), "name": str(row["name"]), "version": str(row["version"]), "url": url}
        digests = {kind: str(hashes.get(kind) or "") for kind in ("sha256", "md5")}
        depends = [f"{name} {spec}".strip() for name, spec in sorted((row.get("dependencies") or {}).items())]
    except (KeyError, AttributeError, TypeError):
        raise DamagedLockError(
            f"the lock has a package that is not whole: {show(str(row)[:200])}", hint="reprun env lock"
        ) from None
    if any(digest and not _HEX.fullmatch(digest) for digest in digests.values()):
        raise DamagedLockError(f"the lock has a wrong hash for {show(found['name'])}", hint="reprun env lock")
    from urllib.parse import unquote, urlsplit

    path = unquote(urlsplit(url).path)
    file = path.rpartition("/")[2]
    match = _ARCHIVE.fullmatch(file) if found["manager"] == "conda" else None
    if found["manager"] == "conda" and not match:
        raise DamagedLockError(f"the lock has an address that names no package: {show(url)}", hint="reprun env lock")
    if match and (match[1].lower(), match[2]) != (found["name"].lower(), found["version"]):
        said = f"{found['name']} {found['version']}"
        raise DamagedLockError(f"the lock says {show(said)}, and its address is that of {show(file)}", hint="reprun env lock")
    subdir = path.split("/")[-2] if match else ""
    return {
        **found, "build": match[3] if match else "", "subdir": subdir, "file": file, **digests, "size": 0, "depends": depends,
        "constrains": [],
    }  # fmt: skip


def _load(text: bytes) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506  # both are safe
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise DamagedLockError(f"the lock is not valid YAML{line}", hint="reprun env lock makes it anew") from None
    if not isinstance(data, dict):
        raise DamagedLockError("this is no conda-lock.yml", hint="reprun env lock makes one")
    return data


def _table(text: Any) -> dict[str, Any]:
    """What we have written as JSON: conda-lock lets nothing but texts into the metadata."""
    try:
        found = json.loads(text) if isinstance(text, str) else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _texts(table: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in table.items()} if isinstance(table, dict) else {}
