"""The log of a keeper: what it has done, and what it waits for, once for each time that this changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from reprun.commands.sweep_pass import Passed
from reprun.core.errors import ReprunError
from reprun.core.text import show
from reprun.sweeps.sharing import words_of
from reprun.system.clock import local_now
from reprun.system.files import append_line


class Log:
    """Lines with their times, in a file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._troubles: dict[str, str] = {}
        self._counts = ""
        self._remarks: tuple[str, ...] = ()

    def say(self, text: str) -> None:
        """One line."""
        append_line(self.path, f"{local_now():%Y-%m-%d %H:%M:%S} {text}")

    def trouble(self, error: ReprunError) -> None:
        """A pass that came to nothing."""
        if self._troubles.get("") != error.message:
            self.say(f"{error.message}; it is tried again")
        self._troubles[""] = error.message

    def tell(self, passed: Passed, moved: Mapping[str, Sequence[str]]) -> None:
        """What a pass has started, which tasks were taken back from where, which hosts are left out and why, how things stand."""
        tasks = {task: at for at, task in enumerate(dict.fromkeys(step.wanted.task for step in passed.ran.steps), 1)}
        search, trials = passed.ran.opened.sweep.search, {task.key: task.trial for task in passed.ran.opened.tasks}
        for step in passed.ran.started:
            name = show(step.wanted.name or passed.ran.opened.stem)
            trial, at = trials.get(step.wanted.task), f"{tasks[step.wanted.task]} of {len(tasks)}"
            at = f"trial {trial.number} of {search.trials}" if search and trial else at
            where = f"{at}: {name}, {show(step.wanted.stage)}"
            self.say(f"{where} → {show(step.target)} as {step.run_id} ({show(step.reason)})")
        now = {place.name: place.trouble for place in passed.places if place.trouble} | passed.ran.left_out
        for name, why in now.items():
            if self._troubles.get(name, "").partition(" (since")[0] != why.partition(" (since")[0]:
                self.say(f"{show(name)} gets nothing: {show(why)}")
        for name in self._troubles.keys() - now.keys() - {""}:
            self.say(f"{show(name)} takes part again")
        self._troubles = now
        counts = {word: sum(step.action == word for step in passed.ran.steps) for word in ("skip", "keep", "later", "leave")}
        counts["keep"] += len(passed.ran.started)
        words = f"{counts['skip']} finished, {counts['keep']} under way, {counts['later']} wait here, {counts['leave']} failed"
        if words != self._counts:
            by_host = words_of(Counter(step.target for step in passed.ran.steps if step.action == "skip"))
            self.say(words + (f" ({by_host})" if by_host else ""))
        self._counts = words
        remarks = (*passed.ran.opened.remarks, *_held(passed))
        for remark in remarks:
            if remark not in self._remarks:
                self.say(remark)
        self._remarks = remarks
        names = {step.wanted.task: step.wanted.name for step in passed.ran.steps}
        for host, some in moved.items():
            for task in some:
                self.say(f"{show(names[task] or passed.ran.opened.stem)}: taken back from {show(host)}, another host is idle")


def _held(passed: Passed) -> list[str]:
    """Why nothing more of it is started, if too many have failed alike."""
    again = show(passed.ran.opened.options.file)
    return [
        f"what is left is held, {show(run.target)} says: {run.words}; reprun sweep {again} tries again" for run in passed.held[:1]
    ]
