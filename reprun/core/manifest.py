"""The manifest: everything that defines a run, sealed before the start and never edited afterwards."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.digests import sha256
from reprun.core.errors import NotFoundError, ReprunError
from reprun.core.frozen import dataclass, field
from reprun.core.manifest_shape import find_bad_fields
from reprun.core.manifest_shape import is_inside as is_inside

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SCHEMA_VERSION = 1
MAX_BYTES = 8 << 20
MAX_DEPTH = 32
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
    if _is_deep(data):
        raise DamagedError(f"the manifest of {what} is nested deeper than {MAX_DEPTH} levels")
    version = data.get("schema_version")
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise FromTheFutureError(version)
    bad = next(find_bad_fields(data), None)
    if bad is not None:
        raise DamagedError(f"the manifest of {what} has no valid field {bad!r}")
    return Manifest(data)


def _is_deep(data: Any) -> bool:
    """True for more than `MAX_DEPTH` levels, found without recursion: what writes the record as JSON recurses."""
    level = [data]
    for _ in range(MAX_DEPTH):
        tables = (
            list(value.values()) if isinstance(value, dict) else value for value in level if isinstance(value, (dict, list))
        )
        level = [item for table in tables for item in table]
    return bool(level)


class FromTheFutureError(ReprunError):
    """A record written by a newer reprun."""

    exit_code = 2

    def __init__(self, version: Any) -> None:
        super().__init__(
            f"the manifest has schema version {version!r}; this reprun reads up to {SCHEMA_VERSION}",
            hint="pip install --upgrade reprun",
        )
