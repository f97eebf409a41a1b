"""The manifest: everything that defines a run, sealed before the start and never edited afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from reprun.core.errors import NotFoundError, ReprunError
from reprun.core.ids import is_commit, is_run_id

SCHEMA_VERSION = 1
MAX_BYTES = 8 << 20
_SEAL = 'seal = "sha256:'


@dataclass(frozen=True)
class Manifest:
    """A manifest as read: `data` follows docs/reference/manifest.schema.json; the properties name what code asks for."""

    data: dict[str, Any] = field(repr=False)

    @property
    def run_id(self) -> str:
        """The id of the run."""
        return str(self.data["run_id"])

    @property
    def name(self) -> str:
        """The run's name, or an empty string."""
        return str(self.data.get("name", ""))

    @property
    def commit(self) -> str:
        """The full id of the commit that ran."""
        return str(self.data["code"]["commit"])

    @property
    def argv(self) -> tuple[str, ...]:
        """The command as typed, placeholders and all."""
        return tuple(self.data["command"]["argv"])

    def table(self, name: str) -> dict[str, Any]:
        """The named table, or an empty one."""
        value = self.data.get(name, {})
        return dict(value) if isinstance(value, Mapping) else {}


def seal(body: bytes) -> bytes:
    """Puts the seal line, the SHA-256 of everything after it, in front of a rendered manifest."""
    return f'{_SEAL}{sha256(body).hexdigest()}"\n'.encode() + body


def open_seal(text: bytes, what: str) -> bytes:
    """The body of a sealed manifest. Raises `DamagedError` when it is not what was sealed."""
    first, newline, body = text.partition(b"\n")
    if len(text) > MAX_BYTES or not newline or first != seal(body).partition(b"\n")[0]:
        ref = f"refs/reprun/manifests/{what}"
        raise DamagedError(
            f"the manifest of {what} is damaged or was edited: its seal does not match",
            hint=f"git fetch origin '+{ref}:{ref}' brings back the copy of a remote that has it",
        )
    return body


class DamagedError(NotFoundError):
    """A manifest that is there but is not the one that was sealed."""


def check(data: Any, what: str) -> Manifest:
    """Checks the shape of a parsed manifest, a stranger's too. Raises `DamagedError` naming the field."""
    expected: dict[str, type | tuple[type, ...]] = {
        "run_id": str, "created": str, "command": dict, "code": dict, "seeds": dict,
        "variables": dict, "target": dict, "environment": dict,
    }  # fmt: skip
    version = data.get("schema_version")
    if not isinstance(version, int) or version > SCHEMA_VERSION:
        raise FromTheFutureError(version)
    for key, kind in expected.items():
        if not isinstance(data.get(key), kind):
            raise DamagedError(f"the manifest of {what} has no valid field {key!r}")
    argv, code, seeds = data["command"].get("argv"), data["code"], data["seeds"]
    checks = {
        "run_id": is_run_id(data["run_id"]),
        "command.argv": isinstance(argv, list) and bool(argv) and all(isinstance(word, str) for word in argv),
        "command.cwd": is_inside(data["command"].get("cwd", "")),
        "code.commit": is_commit(str(code.get("commit"))),
        "code.tree": is_commit(str(code.get("tree"))),
        "seeds.root": isinstance(seeds.get("root"), int) and isinstance(seeds.get("named"), dict),
        "run.writable": all(is_inside(path) for path in data.get("run", {}).get("writable", [])),
    }
    for key, fine in checks.items():
        if not fine:
            raise DamagedError(f"the manifest of {what} has no valid field {key!r}")
    return Manifest(data)


class FromTheFutureError(ReprunError):
    """A record written by a newer reprun."""

    exit_code = 2

    def __init__(self, version: Any) -> None:
        super().__init__(
            f"the manifest has schema version {version!r}; this reprun reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade reprun",
        )


def is_inside(path: Any) -> bool:
    """True for a relative path that stays below its root: no `..`, not absolute, no NUL, not into `.git`."""
    if not isinstance(path, str) or path.startswith("/") or "\x00" in path:
        return False
    parts = path.split("/")
    return ".." not in parts and ".git" not in (part.lower() for part in parts)
