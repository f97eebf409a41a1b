"""What the tree of a snapshot would hold, without a snapshot: for who only asks. Its objects are written aside, and removed."""

from __future__ import annotations

from tempfile import TemporaryDirectory

from reprun.repo.discover import Repository
from reprun.repo.index_copy import scratch_folder
from reprun.repo.parts import Opening, apply_all, opened_parts, sort_out_all
from reprun.repo.refs import objects_dir
from reprun.system.process import translated


def find_entries(repository: Repository) -> list[bytes] | None:
    """The entries of the dev tree as `list_tree` gives those of a commit. None for one with submodules, whose trees would have to
    be put together."""
    folder = scratch_folder(repository)
    opening = Opening("unwritten", folder, during_operation=True)
    with translated(), TemporaryDirectory(dir=folder) as aside, opened_parts(repository, opening) as parts:
        if len(parts) > 1:
            return None
        part = parts[0]
        part.git = part.git.at(GIT_OBJECT_DIRECTORY=aside, GIT_ALTERNATE_OBJECT_DIRECTORIES=objects_dir(repository))
        apply_all(parts, sort_out_all(parts))
        said = part.git.run("ls-tree", "-r", "-z", "--full-tree", part.write_tree()).stdout
    return [entry for entry in said.split(b"\0") if entry]
