"""Putting back a copy of a manifest that was damaged, from the one that is whole. What only looks leaves both as they are."""

from __future__ import annotations

import os
from collections.abc import Sequence

from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass
from reprun.repo import refs
from reprun.store.copies import Copies, Kept, choose
from reprun.system.files import explained, remove_file, write_atomic
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Damage:
    """A manifest of which a copy is broken: what is wrong, and whether the other copy is whole."""

    run_id: str
    detail: str
    can_be_mended: bool
    hint: str = ""


def mended(workspace: Workspace, run_id: str) -> Kept:
    """The manifest of a run, both copies of it whole again; what was put back is said in the notes of the workspace."""
    kept = workspace.kept(run_id)
    if kept.broken:
        workspace.notes.append(f"{kept.note} and put back: {_put_back(workspace, workspace.copies(run_id, None), kept)}")
    return kept


def find_damage(workspace: Workspace, run_ids: Sequence[str]) -> list[Damage]:
    """The manifests of these runs of which a copy is damaged or gone."""
    found = []
    stored = refs.read_blobs(workspace.repository.git, [refs.MANIFESTS + run_id for run_id in run_ids])
    for run_id, text in zip(run_ids, stored, strict=True):
        copies = workspace.copies(run_id, text)
        if copies.stored is None and copies.filed is None and not copies.expected:
            continue  # its launch did not get as far as a manifest
        try:
            kept = choose(copies)
        except ReprunError as error:
            found.append(Damage(run_id, error.message, False, error.hint if copies.stored else refs.FETCH))
            continue
        if kept.broken:
            found.append(Damage(run_id, kept.note, True, "reprun doctor --mend"))
    return found


def _put_back(workspace: Workspace, copies: Copies, kept: Kept) -> str:
    """Writes the broken copy anew, and says where."""
    if kept.broken == "file":
        with explained(copies.path, "written"):
            if os.path.isdir(copies.path) and not os.path.islink(copies.path):
                os.rename(copies.path, f"{copies.path}.damaged")  # whatever it is, it is not ours to remove
            write_atomic(copies.path, kept.text)
        return copies.path
    ref, repository = refs.MANIFESTS + copies.run_id, workspace.repository
    blob = refs.write_blob(repository, kept.text)
    if next(refs.read_blobs(repository.git, [blob]), None) != kept.text:
        # Git believes that it has the object, and writes none: the file that cannot be read is in the way.
        remove_file(os.path.join(refs.objects_dir(repository), blob[:2], blob[2:]))
        refs.write_blob(repository, kept.text)
    refs.restore_ref(repository, ref, blob)
    return ref
