"""Drift: what is installed in a prefix and is not what the lock says, package by package."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reprun.core.frozen import dataclass
from reprun.env.installed import Package, normalized

NONE = "—"


@dataclass(frozen=True)
class Change:
    """One package that differs: as the lock has it, and as it is installed; `—` where there is none."""

    name: str
    locked: str
    installed: str

    @property
    def words(self) -> str:
        """For people."""
        if self.installed == NONE:
            return f"{self.name} {self.locked} is not installed"
        if self.locked == NONE:
            return f"{self.name} {self.installed} is not in the lock"
        return f"{self.name} {self.locked} in the lock, {self.installed} installed"


def find_drift(plan: Mapping[str, Any], installed: Iterable[Package]) -> list[Change]:
    """What differs between a plan and a prefix, by name. The URL and the hash are compared where both are known."""
    locked = {_key(item["manager"], item["name"]): item for item in plan["packages"]}
    there = {_key(package.manager, package.name): package for package in installed}
    found = []
    for key in sorted({*locked, *there}):
        item, package = locked.get(key), there.get(key)
        before, after = _locked(item), _installed(package)
        if item and package and before == after and _other_content(item, package):
            before, after = (
                f"{before} ({_digest(item['sha256'], item['md5'])})",
                f"{after} ({_digest(package.sha256, package.md5)})",
            )
        if before != after:
            found.append(Change(key[1], before, after))
    return found


def find_changes(old: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]) -> list[Change]:
    """What differs between the packages of two plans; `locked` is the old one, `installed` the new one."""
    before, after = ({_key(item["manager"], item["name"]): _locked(item) for item in items} for items in (old, new))
    return [
        Change(key[1], before.get(key, NONE), after.get(key, NONE))
        for key in sorted({*before, *after})
        if before.get(key) != after.get(key)
    ]


def _key(manager: str, name: str) -> tuple[str, str]:
    return manager, normalized(name) if manager == "pip" else name


def _locked(item: Mapping[str, Any] | None) -> str:
    return NONE if item is None else _text(str(item["manager"]), str(item["version"]), str(item["build"]))


def _installed(package: Package | None) -> str:
    return NONE if package is None else _text(package.manager, package.version, package.build)


def _text(manager: str, version: str, build: str) -> str:
    return f"{version} (pip)" if manager == "pip" else f"{version}={build}"


def _other_content(item: Mapping[str, Any], package: Package) -> bool:
    """The same name, version and build, but made of another archive."""
    for kind in ("sha256", "md5"):
        old, new = str(item[kind]), str(getattr(package, kind))
        if old and new:
            return old != new
    return False


def _digest(sha256: str, md5: str) -> str:
    return f"sha256 {sha256[:12]}" if sha256 else f"md5 {md5[:12]}"
