"""Reading `uv.lock`: which of its packages the project needs on one machine. It is taken as it is, nothing is solved."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.installed import normalized
from reprun.env.wheels import Pinned, Wheel

_MOST = 64 << 20  # bytes
_SHA256 = re.compile(r"sha256:([0-9a-f]{64})")
# How uv writes that extras or groups that exclude each other are chosen: `extra == 'extra-4-demo-cpu'`.
_CHOSEN = re.compile(r"""extra\s*(==|!=)\s*['"]([^'"]*)['"]""")
_RELOCK = "uv lock"
Row = dict[str, Any]


@dataclass(frozen=True)
class UvLock:
    """The rows of a lock by the names of their packages, that of the project, and what Python the project wants."""

    packages: dict[str, list[Row]]
    root: Row
    requires_python: str

    @property
    def direct(self) -> dict[str, list[Row]]:
        """What the project itself needs, by `main`, extra and group."""
        found = {"main": _rows(self.root.get("dependencies"))}
        for table in ("optional-dependencies", "dev-dependencies"):
            known = self.root.get(table)
            found.update({str(name): _rows(rows) for name, rows in known.items()} if isinstance(known, dict) else {})
        return found


def parse_uv_lock(text: bytes, path: str = "uv.lock") -> UvLock:
    """The lock. Raises `UsageError` for what is none, or is of a version that came later."""
    data = _load(text, path)
    if data.get("version") != 1:
        raise UsageError(f"{show(path)} is of version {show(str(data.get('version')))}: 1 is known here", hint=_RELOCK)
    packages: dict[str, list[Row]] = {}
    for row in _rows(data.get("package")):
        packages.setdefault(normalized(str(row.get("name"))), []).append(row)
    roots = [row for rows in packages.values() for row in rows if _is_here(row)]
    root = roots[0] if len(roots) == 1 else None if roots else _root_of_workspace(data, packages)
    if root is None:
        raise UsageError(f"{show(path)} does not say which of its packages is the project at its side", hint=_RELOCK)
    return UvLock(packages, root, str(data.get("requires-python") or ""))


def _root_of_workspace(data: Row, packages: Mapping[str, list[Row]]) -> Row | None:
    """A workspace whose top is no project needs all of its members, as for `uv sync`."""
    manifest = data.get("manifest")
    named = manifest.get("members") if isinstance(manifest, dict) else None
    names = [normalized(str(name)) for name in named] if isinstance(named, list) else []
    edges = [{"name": name} for name in names if name in packages]
    return {"name": "", "dependencies": edges} if edges else None


def resolve(lock: UvLock, markers: Mapping[str, str], categories: Sequence[str]) -> tuple[list[Pinned], list[str]]:
    """The packages for a machine with these markers; of the project those that the `categories` (`main`, extras, groups) need.

    And the folders, beside the lock, of the packages among them that lie in the repository itself: they come from the worktree.
    """
    direct, name = lock.direct, normalized(str(lock.root.get("name")))
    strange = [one for one in categories if one not in direct]
    if strange:
        raise UsageError(
            f"[environment] categories: {show(strange[0])} is neither an extra nor a group of {show(name)}",
            hint=f"it has {', '.join(map(show, direct))}",
        )
    chosen = {f"{kind}-{len(name)}-{name}-{normalized(one)}" for one in categories for kind in ("extra", "group")}
    walk = _Walk(lock, dict(markers), frozenset(chosen))
    for one in categories:
        walk.follow(direct[one])
    found = list(walk.found())
    members = [
        _local(row) for row in found if "virtual" not in row["source"]
    ]  # which is no package, only a list of what it needs
    return [_pinned(row) for row in found if not _local(row)], sorted(filter(None, members))


class _Walk:
    """From what the project needs to all that this needs."""

    def __init__(self, lock: UvLock, markers: dict[str, str], chosen: frozenset[str]) -> None:
        self.lock, self.chosen = lock, chosen
        self.markers = {"extra": "", "platform_release": "", "platform_version": "", **markers}
        self.seen: dict[tuple[int, str], Row] = {}
        self.answers: dict[str, bool] = {}

    def follow(self, edges: list[Row]) -> None:
        todo = list(edges)
        while todo:
            edge = todo.pop()
            if not self._holds(str(edge.get("marker") or "")):
                continue
            row = self._target(edge)
            extras = edge.get("extra")
            for extra in ("", *(map(str, extras) if isinstance(extras, list) else ())):
                if (id(row), extra) in self.seen:
                    continue
                self.seen[id(row), extra] = row
                optional = row.get("optional-dependencies")
                more = (optional if isinstance(optional, dict) else {}).get(extra) if extra else row.get("dependencies")
                todo += _rows(more)

    def found(self) -> Iterator[Row]:
        """Each package once."""
        rows = {id(row): row for row in self.seen.values() if row is not self.lock.root}
        names = [normalized(str(row.get("name"))) for row in rows.values()]
        twice = next((name for name in names if names.count(name) > 1), "") if len(set(names)) < len(names) else ""
        if twice:
            raise UsageError(f"uv.lock wants two versions of {show(twice)} here", hint=_RELOCK)
        yield from rows.values()

    def _target(self, edge: Row) -> Row:
        name = normalized(str(edge.get("name")))
        rows = self.lock.packages.get(name, [])
        for key in ("version", "source"):
            if key in edge:
                rows = [row for row in rows if row.get(key) == edge[key]]
        if len(rows) > 1:
            rows = [row for row in rows if self._any_holds(row.get("resolution-markers"))]
        if len(rows) != 1:
            raise UsageError(f"uv.lock names {show(name)}, and has {len(rows) or 'none'} of it", hint=_RELOCK)
        return rows[0]

    def _any_holds(self, markers: Any) -> bool:
        return not isinstance(markers, list) or any(self._holds(str(marker)) for marker in markers)

    def _holds(self, marker: str) -> bool:
        if not marker:
            return True
        if marker not in self.answers:
            self.answers[marker] = self._evaluate(marker)
        return self.answers[marker]

    def _evaluate(self, marker: str) -> bool:
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

        def chosen(match: re.Match[str]) -> str:
            return "python_version >= '0'" if (match[2] in self.chosen) == (match[1] == "==") else "python_version < '0'"

        try:
            return Marker(_CHOSEN.sub(chosen, marker)).evaluate(self.markers)
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName, RecursionError):
            raise UsageError(f"uv.lock has a marker that cannot be read: {show(marker[:200])}", hint=_RELOCK) from None


def check_fresh(lock: UvLock, project: Mapping[str, Any], markers: Mapping[str, str]) -> None:
    """Raises `RefusedError` when the lock lacks what pyproject.toml wants, or has another version of it."""
    from packaging.requirements import InvalidRequirement, Requirement

    table = project.get("project")
    wanted = table.get("dependencies", []) if isinstance(table, dict) else []
    locked: dict[str, list[Row]] = {}
    for edge in _rows(lock.root.get("dependencies")):
        locked.setdefault(normalized(str(edge.get("name"))), []).append(edge)
    full = {"extra": "", "platform_release": "", "platform_version": "", **markers}
    for text in wanted if isinstance(wanted, list) else []:
        try:
            one = Requirement(str(text))
            holds = one.marker is None or one.marker.evaluate(full)
        except (InvalidRequirement, ValueError, RecursionError):
            raise UsageError(f"pyproject.toml has a dependency that cannot be read: {show(str(text)[:200])}") from None
        name = normalized(one.name)
        if not holds:
            continue
        versions = {str(row.get("version")) for row in lock.packages.get(name, []) if "version" in row}
        if name not in locked:
            raise RefusedError(f"uv.lock does not fit pyproject.toml: it lacks {show(name)}", hint=_RELOCK)
        if versions and not any(one.specifier.contains(version, prereleases=True) for version in versions):
            there = ", ".join(sorted(versions))
            raise RefusedError(
                f"uv.lock does not fit pyproject.toml: it has {name} {show(there)}, not {one.specifier}", hint=_RELOCK
            )


def _pinned(row: Row) -> Pinned:
    name, version = normalized(str(row.get("name"))), str(row.get("version"))
    source = row.get("source")
    kind = next(iter(source), "") if isinstance(source, dict) else ""
    wheels, problem = list[Wheel](), "it has only a source distribution" if row.get("sdist") else "it has no wheels"
    if kind not in ("registry", "url"):
        return Pinned(name, version, (), f"it comes from {show(kind or 'nowhere')}")
    for item in _rows(row.get("wheels")):
        address, match = str(item.get("url") or ""), _SHA256.fullmatch(str(item.get("hash") or ""))
        if not match or not address.startswith(("https://", "http://", "file://")):
            problem = "its files have no address and SHA-256"
            continue
        size = item.get("size")
        wheels.append(Wheel(file_of(address), plain(address), match[1], size if isinstance(size, int) else 0))
    return Pinned(name, version, tuple(wheels), "" if wheels else problem)


def file_of(address: str) -> str:
    """The name of the file at an address."""
    from urllib.parse import unquote, urlsplit

    return unquote(urlsplit(address).path).rpartition("/")[2]


def plain(address: str) -> str:
    """An address without the name and password that may stand in it."""
    from urllib.parse import urlsplit, urlunsplit

    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, parts.query, ""))


def _is_here(row: Row) -> bool:
    source = row.get("source")
    return isinstance(source, dict) and any(source.get(kind) == "." for kind in ("editable", "virtual", "directory"))


def _local(row: Row) -> str:
    """The folder of a member of the same workspace, or of another package in the repository; empty for none."""
    source = row.get("source")
    kinds = source if isinstance(source, dict) else {}
    path = next((str(kinds[kind]) for kind in ("editable", "virtual", "directory") if kind in kinds), "")
    inside = posixpath.normpath(path) if path else ""
    return "" if not inside or inside.startswith(("/", "..")) or "\0" in inside else inside


def _load(text: bytes, path: str) -> dict[str, Any]:
    import tomllib

    if len(text) > _MOST:
        raise UsageError(f"{show(path)} is larger than any lock: {len(text) >> 20} MiB", hint=_RELOCK)
    try:
        return tomllib.loads(text.decode())
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{show(path)} is not valid TOML: {show(str(error)[:200])}", hint=_RELOCK) from None


def _rows(value: Any) -> list[Row]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
