"""Why two runs with the same seeds may have parted: the usual culprits, named from what is known of the two."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reprun.core.measured import Record, gap, items, mapping, number
from reprun.core.randomness import unseeded_draws

_LAST_BITS = 1e-5  # relative: what sums of 32-bit floats in another order differ by
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_SEED_IT = "reprun_job.seed_everything() gives libraries the seeds of the run"


def culprits(parting: Record, manifest: Record, outcomes: tuple[Record, Record]) -> list[str]:
    """Sentences, the likeliest first; none when the runs did not part."""
    metric = mapping(parting.get("metric"))
    outputs = items(parting.get("outputs"))
    if not metric and not outputs:
        return []
    found = _unseeded(outcomes)
    if metric:
        found += _of_metrics(metric, manifest, outcomes, blank=not found)
    else:
        found.append("every metric agrees and a file does not: look for a date, a path, the run id or an order of files in it")
    return found


def _unseeded(outcomes: tuple[Record, Record]) -> list[str]:
    draws = list(dict.fromkeys(draw for outcome in outcomes for draw in unseeded_draws(outcome)))
    return [f"drawn without a seed: {', '.join(draws[:5])}; {_SEED_IT}"] if draws else []


def _of_metrics(metric: Record, manifest: Record, outcomes: tuple[Record, Record], blank: bool) -> list[str]:
    old, new = number(metric.get("old")), number(metric.get("new"))
    _, relative = gap(old, new)
    if old is None or new is None:
        return ["one of the two wrote fewer values: something else than the seeds decides how many, time perhaps"]
    if relative <= _LAST_BITS:
        return [_last_bits(manifest, outcomes)]
    first = metric.get("number") == 1
    if not blank:
        return []  # what was drawn without a seed says it all
    found = ["they part at the first step: the initial weights, or the data"]
    if not first:
        found = ["they part after equal steps: the order of the data, workers that load it, or dropout"]
    watched = any("unseeded" in outcome for outcome in outcomes)
    nothing = "no generator that is watched drew without a seed" if watched else "randomness was not watched"
    found.append(f"{nothing}: look for the time, an order of files or sets, threads, or a generator of a library's own")
    return found


def _last_bits(manifest: Record, outcomes: tuple[Record, Record]) -> str:
    values: Mapping[str, Any] = mapping(mapping(manifest.get("variables")).get("values"))
    gpus = any(items(mapping(outcome.get("host")).get("gpus")) for outcome in outcomes)
    text = "they differ in the last bits only: sums in another order, by threads"
    text += " or by atomic additions on the GPU" if gpus else ""
    advice = [] if any(name in values for name in _THREADS) else ["[env] OMP_NUM_THREADS = 1 in reprun.toml"]
    if gpus:
        advice.append("reprun_job.seed_everything(deterministic=True)")
    return text + (f"; try {', '.join(advice)}" if advice else "")
