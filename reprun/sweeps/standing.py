"""How a search stands: how many trials, what came out of them, the best, and how it was come by."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from reprun.core.frozen import dataclass
from reprun.sweeps.expansion import Task
from reprun.sweeps.outcomes import Told
from reprun.sweeps.summary import Result

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Standing:
    """A study with the number of its trials by what became of them, and the steps by which its best was come by."""

    study: str
    wanted: int
    complete: int
    failed: int
    running: int
    best: tuple[Told, ...]

    @property
    def asked(self) -> int:
        """How many trials there are."""
        return self.complete + self.failed + self.running

    def data(self) -> dict[str, Any]:
        """For JSON."""
        best = self.best[-1] if self.best else None
        return {
            "study": self.study, "trials": self.wanted, "asked": self.asked, "complete": self.complete, "failed": self.failed,
            "running": self.running,
            "best": _data(best) if best else None,
        }  # fmt: skip


def standings(told: Iterable[Told], wanted: int, direction: str) -> list[Standing]:
    """How each study stands."""
    studies: dict[str, list[Told]] = {}
    for one in told:
        studies.setdefault(one.trial.study, []).append(one)
    found = []
    for study, some in studies.items():
        counts = [sum(one.state == state for one in some) for state in ("complete", "failed", "running")]
        found.append(Standing(study, wanted, counts[0], counts[1], counts[2], tuple(improvements(some, direction))))
    return found


def improvements(told: Sequence[Told], direction: str) -> list[Told]:
    """The trials that were better than all before them."""
    found: list[Told] = []
    for one in sorted(told, key=lambda one: one.trial.number):
        if one.value is not None and (not found or _is_better(one.value, found[-1].value, direction)):
            found.append(one)
    return found


def best_so_far(told: Sequence[Told], direction: str) -> list[float]:
    """The best value after each trial, from the first that has one."""
    found: list[float] = []
    for one in sorted(told, key=lambda one: one.trial.number):
        if one.value is not None and (not found or _is_better(one.value, found[-1], direction)):
            found.append(one.value)
        elif found:
            found.append(found[-1])
    return found


def trialled(pairs: Iterable[tuple[Task, Result]]) -> list[Told]:
    """The trials that have a value for each of their seeds."""
    found: dict[tuple[str, int], list[tuple[Task, Result]]] = {}
    for task, result in pairs:
        if task.trial is not None:
            found.setdefault((task.trial.study, task.trial.number), []).append((task, result))
    told = []
    for some in found.values():
        values = [result.value for _, result in some if result.value is not None and math.isfinite(result.value)]
        trial = some[0][0].trial
        if trial is not None and len(values) == len(some):
            told.append(Told(trial, "complete", math.fsum(values) / len(values), run_id=some[-1][1].run_id))
    return told


def _data(told: Told) -> dict[str, Any]:
    return {"trial": told.trial.number, "value": told.value, "chosen": told.trial.chosen, "run_id": told.run_id}


def _is_better(value: float, other: float | None, direction: str) -> bool:
    if other is None or math.isnan(other):
        return True
    return value > other if direction == "max" else value < other
