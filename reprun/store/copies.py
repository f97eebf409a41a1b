"""The two copies of a manifest, in the object database and in the run folder: which is right when they are not the same."""

from __future__ import annotations

from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass, field
from reprun.core.manifest import DamagedError, Manifest
from reprun.store.manifests import digest_of, parse_manifest


@dataclass(frozen=True)
class Copies:
    """What was found of a manifest.

    `path` is the file in the run folder, empty when the run is not one of this machine; `digest` is what the journal of the
    launch says was sealed, empty when it does not say. `expected` is set when the file must be there: the job was started.
    """

    run_id: str
    stored: bytes | None
    filed: bytes | None = None
    path: str = ""
    digest: str = ""
    expected: bool = False


@dataclass(frozen=True)
class Kept:
    """The manifest that counts, and its text. `note` says which copy is damaged, and `broken` names it: file or object."""

    manifest: Manifest
    text: bytes = field(repr=False)
    note: str = ""
    broken: str = ""


def choose(copies: Copies) -> Kept:
    """The manifest that was sealed. Raises `DamagedError` when no copy is it.

    A seal that fits proves that a copy is whole, not that it is ours: anybody can seal. The journal remembers which one was.
    """
    stored, filed = _read(copies.stored, copies), _read(copies.filed, copies)
    if isinstance(filed, Manifest) and copies.filed is not None and not isinstance(stored, Manifest):
        what = "is missing" if copies.stored is None else "is damaged"
        note = f"the manifest of {copies.run_id} {what} in the object database: the copy in the run folder is used"
        return Kept(filed, copies.filed, note, "object")
    if not isinstance(stored, Manifest) or copies.stored is None:
        raise next((found for found in (stored, filed) if isinstance(found, ReprunError)), _nowhere(copies))
    if copies.filed == copies.stored or (copies.filed is None and not copies.expected):
        return Kept(stored, copies.stored)
    what = "is gone" if copies.filed is None else "is damaged or was edited"
    note = f"the manifest {copies.path} {what}: the copy in the object database is used"
    return Kept(stored, copies.stored, note, "file")


def _read(text: bytes | None, copies: Copies) -> Manifest | ReprunError | None:
    """The manifest, or why this copy is not it."""
    if text is None:
        return None
    try:
        manifest = parse_manifest(text, copies.run_id)
    except ReprunError as error:
        return error
    if manifest.run_id != copies.run_id:
        return DamagedError(f"what is kept as the manifest of {copies.run_id} is the one of another run")
    if copies.digest and digest_of(text) != copies.digest:
        return DamagedError(
            f"the manifest of {copies.run_id} was edited or replaced: its seal is not the one that its launch has set",
            hint="reprun doctor",
        )
    return manifest


def _nowhere(copies: Copies) -> DamagedError:
    return DamagedError(f"the manifest of {copies.run_id} is not in this repository")
