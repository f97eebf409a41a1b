"""What the watch of a job's randomness has seen, as texts."""

from __future__ import annotations

from reprun.core.canonical import plain
from reprun.core.measured import Record, items, mapping


def unseeded_draws(outcome: Record | None) -> list[str]:
    """`numpy.random.rand at train.py:12` for each source that was used before it was seeded; none where nothing was watched."""
    found = []
    for entry in map(mapping, items(mapping(outcome).get("unseeded"))):
        call, source, file = (plain(entry.get(key)) for key in ("call", "source", "file"))
        if source:
            what = f"{source}: {call}" if " " in call else f"{source}.{call}" if call else source
            found.append(what + (f" at {file}:{plain(entry.get('line'))}" if file else ""))
    return list(dict.fromkeys(found))


def unseeded_warning(who: str, outcome: Record | None) -> str:
    """One sentence about them, or an empty text."""
    draws = unseeded_draws(outcome)
    more = f" and {len(draws) - 1} more" if len(draws) > 1 else ""
    return f"{who} drew random numbers without a seed: {draws[0]}{more}" if draws else ""
