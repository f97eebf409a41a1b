"""What is noted of hooks of runs that are gone, and what was half written by processes that are."""

from __future__ import annotations

from reprun.core.frozen import dataclass
from reprun.hooks.marks import Marks
from reprun.repo import refs
from reprun.system.files import remove_file
from reprun.workspace import Workspace


@dataclass(frozen=True)
class SpareMarks:
    """The runs that are gone, and the paths of the halves."""

    runs: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()


def find_spare_marks(workspace: Workspace) -> SpareMarks:
    """Those of which there is neither a ref nor a journal. A launch has a journal before it has a mark."""
    marks = Marks(workspace.repository.state_dir)
    noted, torn = marks.runs(), tuple(marks.torn())  # before the runs: what begins in between is not seen
    if not noted:
        return SpareMarks((), torn)
    places = refs.RUNS, refs.MANIFESTS, refs.OUTCOMES
    known = {name.removeprefix(place) for place in places for name, _ in refs.list_refs(workspace.repository, place)}
    gone = [run_id for run_id in noted if run_id not in known and not workspace.journal(run_id).exists()]
    return SpareMarks(tuple(gone), torn)


def remove_spare_marks(workspace: Workspace, spare: SpareMarks) -> list[str]:
    """Removes what was found. Answers with what is gone."""
    marks = Marks(workspace.repository.state_dir)
    for run_id in spare.runs:
        marks.forget(run_id)
    for path in spare.torn:
        remove_file(path)
    return [*(marks.folder(run_id) for run_id in spare.runs), *spare.torn]
