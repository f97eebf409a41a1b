"""What differs between two runs, area by area; for the code also which files."""

from __future__ import annotations

from reprun.commands.reproduce import side_of
from reprun.commands.states import get_state
from reprun.core.compare import Difference, differences, metric_differences, output_differences
from reprun.core.frozen import dataclass
from reprun.repo.history import FileChange, changed_files
from reprun.store.rows import Row
from reprun.workspace import Workspace


@dataclass(frozen=True)
class RunDiff:
    """Two runs compared: `differences` in all areas, `files` that changed between their commits (None: a commit is not here)."""

    old: str
    new: str
    differences: list[Difference]
    files: list[FileChange] | None


def diff_runs(workspace: Workspace, old: Row, new: Row) -> RunDiff:
    """Compares code, config, seeds, environment, host, data, metrics and outputs of two recorded runs."""
    left, right = workspace.manifest(old.run_id), workspace.manifest(new.run_id)
    pairs = ((left, old), (right, new))
    sides = [side_of(workspace, manifest.data, get_state(workspace, row).record) for manifest, row in pairs]
    found = [*differences(*sides), *metric_differences(*sides), *output_differences(*sides)]
    files = changed_files(workspace.repository.git_dir, left.commit, right.commit)
    return RunDiff(old.run_id, new.run_id, found, files)
