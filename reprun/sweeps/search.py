"""What a sweep file says of its search: `search: {sampler: tpe, trials: 50, metric: accuracy, direction: max}`."""

from __future__ import annotations

import difflib
from collections.abc import Callable

from reprun.core.errors import UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

ADAPTIVE = ("tpe", "gp")  # they look at what has come out so far
FIXED = ("qmc", "random")
MAX_TRIALS = 10_000
_DIRECTIONS = {"max": "max", "min": "min", "maximize": "max", "minimize": "min"}
_KEYS = ("sampler", "trials", "metric", "direction", "seed", "parallel", "startup")
_EXAMPLE = "search: {sampler: tpe, trials: 50, metric: accuracy, direction: max}"
_MEANT = {"halton": "qmc", "sobol": "qmc", "cmaes": "gp", "grid": "leave search out, and give each range a num"}


@dataclass(frozen=True)
class Search:
    """`trials` for each study; the first `startup` of an adaptive one are spread evenly. `seed` and `parallel` are None unless
    the file has them. `where` is the place in the file, for errors."""

    sampler: str
    trials: int
    metric: str = ""
    direction: str = ""
    seed: int | None = None
    parallel: int | None = None
    startup: int = 10
    where: str = ""

    @property
    def is_adaptive(self) -> bool:
        """Whether later trials depend on what came out of earlier ones."""
        return self.sampler in ADAPTIVE

    def wanted(self, sample: int | None) -> int:
        """How many trials there are to be, when only a sample is wanted."""
        return self.trials if sample is None else min(self.trials, sample)

    def at_first(self, sample: int | None) -> int:
        """How many of them do not depend on results."""
        return min(self.wanted(sample), self.startup) if self.is_adaptive else self.wanted(sample)


def parse_search(raw: Any, where: Callable[[str], str]) -> Search:
    """The search that a file describes; `where` gives the place of a key. Raises `UsageError` for what cannot be meant."""
    if not isinstance(raw, dict):
        raise UsageError(f"{where('')}: search is no mapping", hint=_EXAMPLE)
    for key in raw:
        if key not in _KEYS:
            close = difflib.get_close_matches(str(key), _KEYS, n=1)
            hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(_KEYS)}"
            raise UsageError(f"{where(key)}: search has no {show(str(key))!r}", hint=hint)
    if "trials" not in raw:
        raise UsageError(f"{where('')}: search does not say how many trials", hint=_EXAMPLE)
    trials = _count(raw, "trials", where, most=MAX_TRIALS)
    assert trials is not None
    search = Search(
        _sampler(raw.get("sampler", "tpe"), where("sampler")),
        trials,
        _metric(raw, where),
        _direction(raw, where),
        _count(raw, "seed", where, least=0, most=2**32 - 1),
        _count(raw, "parallel", where, most=MAX_TRIALS),
        _count(raw, "startup", where, most=MAX_TRIALS) or Search.startup,
        where(""),
    )
    if not search.is_adaptive and (given := [key for key in ("parallel", "startup") if key in raw]):
        hint = "all its trials are known at once; resource says how many run at once"
        raise UsageError(f"{where(given[0])}: {given[0]} means nothing for the sampler {search.sampler}", hint=hint)
    return search


def _sampler(raw: Any, where: str) -> str:
    if isinstance(raw, str) and raw in (*ADAPTIVE, *FIXED):
        return raw
    known = (*ADAPTIVE, *FIXED)
    text = show(str(raw))
    meant = _MEANT.get(str(raw).lower()) or next(iter(difflib.get_close_matches(str(raw).lower(), known, n=1)), "")
    hint = f"sampler: {meant}" if meant in known else meant or f"it is one of {', '.join(known)}"
    raise UsageError(f"{where}: there is no sampler {text}", hint=hint)


def _count(raw: dict[str, Any], key: str, where: Callable[[str], str], least: int = 1, most: int = MAX_TRIALS) -> int | None:
    if key not in raw:
        return None
    value = raw[key]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise UsageError(f"{where(key)}: {key} is no whole number from {least} to {most}", hint=f"{key}: {min(50, most)}")
    return value


def _metric(raw: dict[str, Any], where: Callable[[str], str]) -> str:
    value = raw.get("metric", "")
    if isinstance(value, list):
        hint = "choose one, or let the job report one number made of them"
        raise UsageError(f"{where('metric')}: a search is for one metric, and these are {len(value)}", hint=hint)
    if not isinstance(value, str):
        raise UsageError(f"{where('metric')}: metric is no name", hint="metric: accuracy")
    return value


def _direction(raw: dict[str, Any], where: Callable[[str], str]) -> str:
    value = raw.get("direction", "")
    if isinstance(value, list) or (value and value not in _DIRECTIONS):
        raise UsageError(f"{where('direction')}: direction is neither max nor min", hint="direction: min")
    if not isinstance(value, str):
        raise UsageError(f"{where('direction')}: direction is neither max nor min", hint="direction: min")
    return _DIRECTIONS.get(value, "")
