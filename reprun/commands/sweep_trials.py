"""The trials that a search has asked for so far.

The runs say it: their manifests hold the study, the number and the values of their trial. A record beside them knows those that
have no run of their own. Both together, and nothing else, are what is known; what Optuna has is made of it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import islice

from reprun.commands.sweep_runs import sweep_tables
from reprun.core.digests import sha256
from reprun.core.frozen import replace
from reprun.sweeps.drawing import fresh_points, key_at
from reprun.sweeps.expansion import Wish
from reprun.sweeps.outcomes import find_trial, fits, merge_trials
from reprun.sweeps.shape import SweepFile, Trial
from reprun.sweeps.studies import Study
from reprun.system.files import find_json
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def with_trials(wish: Wish, workspace: Workspace, sweep: SweepFile, file: str) -> Wish:
    """The wish with the trials of an adaptive search: those asked for so far, and the first, which depend on no result."""
    if sweep.search is None or not sweep.search.is_adaptive:
        return wish
    asked = asked_so_far(workspace, file, sweep_tables(workspace))
    return replace(wish, trials=lambda study: _with_first(sweep, study, asked, wish.sample))


def asked_so_far(workspace: Workspace, file: str, tables: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[Trial, ...]]:
    """The trials of all studies that the file ever had, as the runs have them, and the record. Those of `--debug` are none."""
    try:
        kept = (find_json(record_of(workspace, file)) or {}).get("trials")
    except OSError:
        kept = None
    raw = [table.get("search") for _, table in sorted(tables.items()) if table.get("identity") and table.get("file") == file]
    return merge_trials(trial for one in [*raw, *(kept if isinstance(kept, list) else ())] if (trial := find_trial(one)))


def _with_first(sweep: SweepFile, study: Study, asked: Mapping[str, Sequence[Trial]], sample: int | None) -> list[Trial]:
    assert sweep.search is not None
    trials = [trial for trial in asked.get(study.name, ()) if fits(study, trial)][: sweep.search.wanted(sample)]
    points = fresh_points(sweep, study, {key_at(sweep, study, trial.chosen) for trial in trials})
    for chosen in islice(points, max(0, sweep.search.at_first(sample) - len(trials))):
        trials.append(Trial(study.name, next_number(trials), chosen, study.seed))
    return trials


def next_number(trials: Sequence[Trial]) -> int:
    """The number of the trial after these."""
    return max((trial.number for trial in trials), default=-1) + 1


def journal_of(workspace: Workspace, file: str) -> str:
    """Where the studies of a sweep file are, for Optuna's own tools."""
    stem = os.path.splitext(os.path.basename(file))[0]
    digest = sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return os.path.join(workspace.repository.state_dir, "sweeps", "studies", f"{stem[:100]}-{digest}.journal")


def record_of(workspace: Workspace, file: str) -> str:
    """Where it is kept what was asked for."""
    return journal_of(workspace, file).removesuffix(".journal") + ".json"
