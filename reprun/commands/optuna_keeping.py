"""The studies of a sweep as a journal of Optuna, for its dashboard and for `optuna.load_study`; and which parameters matter."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from contextlib import suppress

from reprun.commands.optuna_study import direction_of, quiet, trial_of
from reprun.sweeps.outcomes import Told
from reprun.sweeps.shape import SweepFile
from reprun.sweeps.studies import Study
from reprun.system.files import ensure_dir, find_bytes, move_file, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _Locked:
    """In place of Optuna's lock, which a killed program leaves behind: who keeps a study holds the lock of the sweeps."""

    def acquire(self) -> bool:
        """Nothing is to be done."""
        return True

    def release(self) -> None:
        """Nothing is to be done."""


def keep_study(path: str, sweep: SweepFile, studies: Sequence[tuple[Study, Sequence[Told]]]) -> None:
    """Brings the journal of the studies up to date, for Optuna's own tools. It can be deleted: it is made anew from the runs.

    What has only grown is added to; anything else, a damaged one too, is written anew.
    """
    ensure_dir(os.path.dirname(path))
    with quiet() as library:
        try:
            text = find_bytes(path)
            if (
                text is not None
                and text.endswith(b"\n")
                and all(_grow(library, path, sweep, study, told) for study, told in studies)
            ):
                return
        except Exception:  # noqa: S110 - whatever is in the file, it can be made anew
            pass
        aside = f"{path}.new"
        write_atomic(aside, b"", durable=False)
        for study, told in studies:
            _grow(library, aside, sweep, study, told)
        move_file(aside, path)


def _grow(library: Any, path: str, sweep: SweepFile, study: Study, told: Sequence[Told]) -> bool:
    """Adds what is new; False when something is not as it was."""
    backend = library.storages.journal.JournalFileBackend(path, lock_obj=_Locked())
    storage = library.storages.JournalStorage(backend)
    direction = direction_of(library, sweep)
    if study.name in library.get_all_study_names(storage):
        kept = library.load_study(study_name=study.name, storage=storage)
    else:
        kept = library.create_study(study_name=study.name, storage=storage, direction=direction)
    trials = kept.get_trials(deepcopy=False)
    if kept.direction != direction or len(trials) > len(told):
        return False
    for old, one in zip(trials, told, strict=False):
        new = trial_of(library, study, one)
        is_same = (old.params, old.user_attrs.get("trial")) == (new.params, new.user_attrs["trial"])
        if not is_same or (old.state.is_finished() and (old.state, old.value) != (new.state, new.value)):
            return False
    for old, one in zip(trials, told, strict=False):
        new = trial_of(library, study, one)
        if not old.state.is_finished() and new.state.is_finished():
            for name, value in new.user_attrs.items():
                storage.set_trial_user_attr(old._trial_id, name, value)
            storage.set_trial_state_values(old._trial_id, new.state, new.values)
    for one in told[len(trials) :]:
        kept.add_trial(trial_of(library, study, one))
    return True


def find_importances(sweep: SweepFile, study: Study, told: Sequence[Told]) -> dict[str, float]:
    """The share of each parameter in what came out: by fANOVA where scikit-learn is there, else by PED-ANOVA, which asks what
    makes the best tenth; none where they cannot say."""
    with quiet() as library:
        kinds = library.importance
        forest = [lambda: kinds.FanovaImportanceEvaluator(seed=0)] if importlib.util.find_spec("sklearn") else []
        known = library.create_study(direction=direction_of(library, sweep))
        known.add_trials([trial_of(library, study, one) for one in told if one.state == "complete"])
        for evaluator in (*forest, kinds.PedAnovaImportanceEvaluator):
            with suppress(ValueError, RuntimeError, ArithmeticError, ImportError):
                found: dict[str, float] = kinds.get_param_importances(known, evaluator=evaluator())
                return found
        return {}
