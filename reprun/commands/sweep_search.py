"""The search of a sweep: what came out of its trials, and which are asked for next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprun.commands.optuna_asking import Ask, suggest
from reprun.commands.optuna_keeping import keep_study
from reprun.commands.optuna_study import has_optuna, require_sampler
from reprun.commands.states import look
from reprun.commands.sweep_open import Opened
from reprun.commands.sweep_runs import rows_of
from reprun.commands.sweep_trials import asked_so_far, journal_of, next_number, record_of
from reprun.core.errors import UnreachableError
from reprun.core.frozen import replace
from reprun.core.measured import metrics_of
from reprun.core.text import show, show_some
from reprun.sweeps.drawing import fresh_points, key_at
from reprun.sweeps.expansion import expand, titled
from reprun.sweeps.outcomes import Facts, Told, data_of, fits, told_of
from reprun.sweeps.plan import Known, Runs, Step
from reprun.sweeps.resolving import is_allowed
from reprun.sweeps.shape import SweepFile, Trial
from reprun.sweeps.studies import Study, studies_of
from reprun.system.files import write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_HOPELESS = 3  # trials that have failed, and none has not: no more are asked for


class Searching:
    """The search of a sweep while it is planned. Who plans holds the lock of the sweeps."""

    def __init__(self, opened: Opened, tables: Mapping[str, Mapping[str, Any]]) -> None:
        assert opened.sweep.search is not None
        self.sweep, self.search, self.workspace = opened.sweep, opened.sweep.search, opened.workspace
        require_sampler(self.search.sampler)
        self.studies = [study for choice in titled(self.sweep, opened.options.title) for study in studies_of(self.sweep, choice)]
        self.asked: dict[str, list[Trial]] = {}
        self._found: dict[str, tuple[Trial, ...]] = {}
        if self.search.is_adaptive:
            self._found = asked_so_far(self.workspace, opened.file, tables)
            self.asked = {study.name: self.trials(study) for study in self.studies}
        most = self.search.trials
        self.known = (lambda study: self.trials(study)[:most]) if self.search.is_adaptive else None  # what the whole file wants
        self.opened = self._expanded(opened)
        self._metrics: dict[str, dict[str, float]] = {}
        self._ended: set[str] = set()
        self._remarks: list[str] = []

    def trials(self, study: Study) -> list[Trial]:
        """What a study has asked for."""
        if study.name in self.asked:
            return self.asked[study.name]
        return [trial for trial in self._found.get(study.name, ()) if fits(study, trial)]

    def _expanded(self, opened: Opened) -> Opened:
        if not self.search.is_adaptive:
            return opened
        most = self.search.wanted(opened.options.sample)
        wish = replace(opened.wish, trials=lambda study: self.trials(study)[:most])
        return replace(opened, tasks=tuple(expand(self.sweep, wish)))

    def ask(self, steps: Sequence[Step], runs: Runs) -> Opened:
        """Asks for new trials, so that not more than `parallel` are unfinished, and keeps a record of them."""
        if not self.search.is_adaptive:
            return self.opened
        told = self._told(steps, runs)
        self._remarks += self._new_spaces()
        by_study = {study.name: [one for one in told if one.trial.study == study.name] for study in self.studies}
        for _ in range(self._room_for(told)):
            if not self._ask_one(by_study):
                break
        trials = [data_of(trial, self.search.sampler) for some in {**self._found, **self.asked}.values() for trial in some]
        write_json(record_of(self.workspace, self.opened.file), {"version": 1, "file": self.opened.file, "trials": trials})
        self.opened = replace(self._expanded(self.opened), remarks=tuple(self._remarks))
        return self.opened

    def _new_spaces(self) -> list[str]:
        """What is to be said of studies that begin where there were others."""
        sweep = self.sweep
        wanted = {study.name for choice in sweep.choices for study in studies_of(sweep, choice)}
        others = {name: len(trials) for name, trials in self._found.items() if name not in wanted}
        begun = [study.name for study in self.studies if not self.asked[study.name]]
        if not others or not begun:
            return []
        old = show_some(f"{name} with {count} trials" for name, count in others.items())
        return [f"the space is another one, so this is a new study, {show_some(begun)}; there was {old}"]

    def _room_for(self, told: Sequence[Told]) -> int:
        """How many trials may be asked for now: none where what was run shows that more would say nothing."""
        why = _hopeless(told, self.sweep)
        if why and not self.opened.options.stages:
            self._remarks.append(f"{why}; no more are asked for")
            return 0
        return max(0, (self.search.parallel or self._slots()) - sum(one.state == "running" for one in told))

    def _ask_one(self, by_study: dict[str, list[Told]]) -> bool:
        """Asks for one more trial, of the study that has fewest; False where no study is to have any more."""
        wanted = self.search.wanted(self.opened.options.sample)
        open_ones = [study for study in self.studies if len(self.asked[study.name]) < wanted and study.name not in self._ended]
        while open_ones:
            study = min(open_ones, key=lambda one: len(self.asked[one.name]))
            trials = self.asked[study.name]
            chosen = self._next_point(study, by_study[study.name])
            if chosen is not None:
                trials.append(Trial(study.name, next_number(trials), chosen, study.seed))
                by_study[study.name].append(Told(trials[-1], "running"))
                return True
            self._ended.add(study.name)
            open_ones.remove(study)
            self._remarks.append(f"{show(study.name)}: there are only {len(trials)} different trials")
        return False

    def _next_point(self, study: Study, told: Sequence[Told]) -> dict[str, Any] | None:
        taken = {key_at(self.sweep, study, one.trial.chosen) for one in told}
        if len(told) >= self.search.startup and sum(one.state == "complete" for one in told) > 1:

            def refused(chosen: dict[str, Any]) -> bool:
                return not is_allowed(self.sweep, study.choice, chosen) or key_at(self.sweep, study, chosen) in taken

            found = suggest(Ask(self.sweep, study, told, next_number(self.asked[study.name]), refused))
            if found is not None:
                return found
        return next(fresh_points(self.sweep, study, taken), None)

    def _slots(self) -> int:
        """As many trials as there are slots for their seeds."""
        slots = 0
        for name in self.opened.targets:
            try:
                slots += len(self.workspace.target(name).host.ask({"op": "queue", "do": "ls"}).get("slots", ()))
            except UnreachableError:
                continue
        return max(1, -(-slots // max(len(study.seeds) for study in self.studies)))

    def tell(self, steps: Sequence[Step], runs: Runs) -> tuple[Told, ...]:
        """What there is to tell of all trials. Where Optuna is installed, and all of the file is wanted, its studies are brought
        up to date with it."""
        told = tuple(self._told(steps, runs))
        options = self.opened.options
        is_whole = not (options.sample or options.title or options.stages)
        if is_whole and self.sweep.metric and has_optuna():
            path = journal_of(self.workspace, self.opened.file)
            parts = [(study, [one for one in told if one.trial.study == study.name]) for study in self.studies]
            keep_study(path, self.sweep, parts)
        return told

    def _told(self, steps: Sequence[Step], runs: Runs) -> list[Told]:
        by_task: dict[str, list[Step]] = {}
        bad: dict[tuple[str, str], Known] = {}
        for step in steps:
            by_task.setdefault(step.wanted.task, []).append(step)
            found = runs.of(step.wanted)
            if step.action not in ("keep", "skip") and found and not any(run.state == "finished" for run in found):
                bad[step.wanted.task, step.wanted.stage] = found[0]
        self._read([step.run_id for step in steps if step.action == "skip"])
        return told_of(self.opened.tasks, Facts(by_task, bad, self._metrics), self.sweep.metric)

    def _read(self, run_ids: Sequence[str]) -> None:
        """The metrics of finished runs, from the repository, or from where they are when they have only just ended."""
        missing = [run_id for run_id in run_ids if run_id not in self._metrics]
        known = self.workspace.shared_outcomes(missing)
        rest = [run_id for run_id in missing if run_id not in known]
        known.update(look(self.workspace, rows_of(self.workspace, rest)) if rest else {})
        for run_id, state in known.items():
            found = {name: metric.last for name, metric in metrics_of(state.record).items()}
            self._metrics[run_id] = {name: float(value) for name, value in found.items() if value is not None}


def _hopeless(told: Sequence[Told], sweep: SweepFile) -> str:
    """Why no trial that is run now will be of use; empty unless all that have ended say so."""
    if any(one.state == "complete" for one in told):
        return ""
    lacking = next((one for one in told if one.lacks), None)
    if lacking is not None:
        return f"no finished trial has the metric {show(sweep.metric)}: {lacking.words}"
    bad = [one for one in told if one.state == "failed"]
    return f"{len(bad)} trials have failed and none has not: {bad[0].words}" if len(bad) >= _HOPELESS else ""
