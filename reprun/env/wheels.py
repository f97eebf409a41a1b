"""Which file of a package fits a Python: the tags of wheels, computed for a Python that may be on another machine."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from reprun.core.frozen import dataclass

_SOABI = re.compile(r"cpython-(\d{2,}[a-z]*)")
_OLDEST_GLIBC = 5  # 2.5: manylinux1
_ALIASES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}


@dataclass(frozen=True)
class Wheel:
    """A file of a package: its name, address, SHA-256, and size, 0 where that is not known."""

    file: str
    url: str
    sha256: str
    size: int = 0


@dataclass(frozen=True)
class Pinned:
    """A package of one version with its files; `problem` says why it has none that could be used."""

    name: str
    version: str
    wheels: tuple[Wheel, ...]
    problem: str = ""


def tags_of(python: Mapping[str, Any]) -> list[str]:
    """The tags of wheels that this Python can use, the best first."""
    from packaging.tags import compatible_tags, cpython_tags, generic_tags

    version, abi = version_of(python), abi_of(python)
    platforms = list(_platforms(python))
    if python["markers"]["implementation_name"] == "cpython":
        interpreter = f"cp{version[0]}{version[1]}"
        own = cpython_tags(version, [abi], platforms)
    else:
        interpreter = f"{python['markers']['implementation_name'][:2]}{version[0]}{version[1]}"
        own = generic_tags(interpreter, [abi], platforms)
    return [str(tag) for tag in (*own, *compatible_tags(version, interpreter, platforms))]


def version_of(python: Mapping[str, Any]) -> tuple[int, int]:
    """Its version, as far as wheels know it."""
    major, minor = str(python["markers"]["python_version"]).split(".")[:2]
    return int(major), int(minor)


def abi_of(python: Mapping[str, Any]) -> str:
    """`cp311`, `cp313t`: what compiled modules are made for."""
    soabi = str(python["soabi"])
    match = _SOABI.match(soabi)
    return f"cp{match[1]}" if match else re.sub(r"[-.]", "_", "-".join(soabi.split("-")[:2])) or "none"


def choose_wheel(wheels: Iterable[Wheel], ranks: Mapping[str, int]) -> Wheel | None:
    """The file whose tags come first in `ranks`; of builds of the same the newest. None where no file fits."""
    best: tuple[int, tuple[Any, ...]] | None = None
    chosen = None
    for wheel in wheels:
        build, tags = read_name(wheel.file)
        rank = min((ranks[tag] for tag in tags if tag in ranks), default=None)
        if rank is None:
            continue
        key = (-rank, build)
        if best is None or key > best:
            best, chosen = key, wheel
    return chosen


def read_name(file: str) -> tuple[tuple[Any, ...], frozenset[str]]:
    """The build number and the tags of a wheel by its name; no tags for what is none."""
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        _, _, build, tags = parse_wheel_filename(file)
    except (InvalidWheelFilename, ValueError):
        return (), frozenset()
    return build, frozenset(map(str, tags))


def may_fit(file: str, version: tuple[int, int]) -> bool:
    """Whether some machine with a Python of this version could use the file."""
    for tag in read_name(file)[1]:
        interpreter, abi, _ = tag.split("-")
        number = interpreter.lstrip("abcdefghijklmnopqrstuvwxyz")
        if number in (str(version[0]), f"{version[0]}{version[1]}") or (abi == "abi3" and number.startswith(str(version[0]))):
            return True
    return False


def _platforms(python: Mapping[str, Any]) -> Iterator[str]:
    name = re.sub(r"[-.]", "_", str(python["platform"]))
    if name.startswith("macosx"):
        from packaging.tags import mac_platforms

        _, major, minor, machine = name.split("_", 3)
        yield from mac_platforms((int(major), int(minor)), machine)
        return
    if name == "linux_x86_64" and python.get("bits") == 32:
        name = "linux_i686"
    yield name
    machine = name.removeprefix("linux_")
    kind, version = [*map(str, python.get("libc") or ()), "", ""][:2]
    minor = version.split(".")[1] if version.startswith("2.") else ""
    if kind == "glibc" and minor.isdigit() and name.startswith("linux_"):
        for number in range(int(minor), _OLDEST_GLIBC - 1, -1):
            yield f"manylinux_2_{number}_{machine}"
            if number in _ALIASES:
                yield f"{_ALIASES[number]}_{machine}"
