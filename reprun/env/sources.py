"""The files that say what an environment is to hold, and the key under which what came of them is remembered."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from reprun.core.digests import sha256
from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

USUAL = ("environment.yml", "environment.yaml")  # without `files` in the settings
LOCK = "conda-lock.yml"
_FORMAT = 2  # another one when the same files would give another lock or plan


@dataclass(frozen=True)
class Sources:
    """What a lock is made from: the `files` by their paths below the top of the repository, with their contents."""

    files: tuple[tuple[str, bytes], ...]

    @property
    def digest(self) -> str:
        """Of all of it, to the byte. It is in the locks that reprun makes, so that a fresh clone knows what its lock is for."""
        parts = [f"{path}\0{sha256(data).hexdigest()}" for path, data in sorted(self.files)]
        return sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()

    @property
    def names(self) -> str:
        """The paths, for people."""
        return ", ".join(show(path) for path, _ in self.files)

    @property
    def has_pip(self) -> bool:
        """Whether packages of pip may be wanted."""
        return any(b"pip:" in data or path.endswith(".toml") for path, data in self.files)


@dataclass(frozen=True)
class Wanted:
    """What a lock has to fit: the platform, its virtual packages (overrides included), the categories to install, for packages of
    pip alone the Python that they are installed for, and `names`, what tells one table of names of PyPI from another."""

    platform: str
    virtual: Mapping[str, str]
    overrides: Mapping[str, str]
    categories: tuple[str, ...] = ("main",)
    python: Mapping[str, Any] | None = None
    names: str = ""

    @property
    def solved_for(self) -> dict[str, str]:
        """The virtual packages that a solver chooses builds by. Versions of the kernel change with every update and decide
        nothing, so they are left out of what names a lock."""
        return {name: text for name, text in sorted(self.virtual.items()) if name not in ("__linux", "__unix")}


def key_of(sources: Sources, lock: bytes | None, wanted: Wanted) -> str:
    """The name of what comes of these: other bytes, another platform or other virtual packages give another one."""
    import json

    def digest(data: bytes | None) -> str:
        return "" if data is None else sha256(data).hexdigest()

    parts = [
        _FORMAT, wanted.platform, wanted.solved_for, dict(wanted.overrides), list(wanted.categories),
        [[path, digest(data)] for path, data in sources.files], digest(lock),
        *filter(None, [wanted.names]),
    ]  # fmt: skip
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def key_of_tree(tree: str, paths: Sequence[str], wanted: Wanted) -> str:
    """The same for a tree of git's in which the sources and the lock are at these paths: that tells their contents, too."""
    import json

    parts = [_FORMAT, wanted.platform, wanted.solved_for, dict(wanted.overrides), list(wanted.categories), wanted.names]
    return sha256(json.dumps([*parts, tree, list(paths)], sort_keys=True).encode()).hexdigest()


def read_sources(top: str, paths: Sequence[str]) -> Sources:
    """The sources as they lie in the dev tree. Raises `UsageError` for one that is missing."""
    from reprun.system.files import find_bytes

    found = []
    for path in paths:
        data = find_bytes(os.path.join(top, path))
        if data is None:
            raise UsageError(
                f"{show(path)} is not there", hint="[environment] files in reprun.toml names the sources of the lock"
            )
        found.append((path, data))
    return Sources(tuple(found))
