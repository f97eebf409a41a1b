"""What differs between two runs: code, config, seeds, packages, host, data and everything else on record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reprun.core import facts
from reprun.core.canonical import ABSENT
from reprun.core.dotted import flatten
from reprun.core.facts import Facts
from reprun.core.measured import FIELDS, Metric, Record, mapping, metrics_of, number_as_text, outputs_of, same


@dataclass(frozen=True)
class Difference:
    """One thing that differs, as texts to show; `old` or `new` is `—` where that side has none.

    `area` is one of `AREAS`, or `metrics` or `outputs`.
    """

    area: str
    name: str
    old: str
    new: str


@dataclass(frozen=True)
class Side:
    """One run: its manifest, its outcome (None when it has none yet) and the parsed values of its config. `captured` says of
    its packages where each came from, and a digest of its files, as far as that is known.

    `config` is None when there is no config or it could not be parsed; then only its text is compared.
    """

    manifest: Mapping[str, Any]
    outcome: Mapping[str, Any] | None = None
    config: Mapping[str, Any] | None = None
    captured: Mapping[str, tuple[str, str]] | None = None


def differences(old: Side, new: Side) -> list[Difference]:
    """Everything that defines the two runs and differs between them, area by area in the order of `AREAS`.

    What is different in every run (its id, dates, paths that hold the id) is no difference, and neither are
    facts about the host while a side has none on record: unknown is not different. No strange record raises;
    a config of more than 100,000 values does (`UsageError` of `dotted.flatten`).
    """
    return [row for area, compare in AREAS.items() for row in compare(area, old, new)]


def metric_differences(old: Side, new: Side) -> list[Difference]:
    """The metrics that are not exactly equal, one row for each value (last, min, max, count)."""
    before, after = metrics_of(old.outcome), metrics_of(new.outcome)
    rows = []
    for name in sorted({*before, *after}):
        one, other = before.get(name, Metric()), after.get(name, Metric())
        for field in (*FIELDS, "count"):
            if not same(one.value(field), other.value(field)):
                label = name if field == "last" else f"{name} ({field})"
                texts = number_as_text(one.value(field)), number_as_text(other.value(field))
                rows.append(Difference("metrics", label, *texts))
    return rows


def output_differences(old: Side, new: Side) -> list[Difference]:
    """The output files that differ in size or sha256, or that one run lacks."""
    before, after = (
        {path: facts.file(output) for path, output in sorted(outputs_of(side.outcome).items())} for side in (old, new)
    )
    return list(_rows("outputs", before, after))


def difference_as_json(difference: Difference) -> dict[str, str | None]:
    """A difference as plain JSON values; None where a side has nothing."""
    old, new = (None if text == ABSENT else text for text in (difference.old, difference.new))
    return {"area": difference.area, "name": difference.name, "old": old, "new": new}


def _rows(area: str, old: Facts, new: Facts) -> Iterator[Difference]:
    # Texts are compared, so that no row shows the same text twice; `canonical` keeps types apart in them.
    for name in [*old, *(name for name in new if name not in old)]:
        before, after = old.get(name, ABSENT), new.get(name, ABSENT)
        if before != after:
            yield Difference(area, name, before, after)


_Compare = Callable[[str, Side, Side], Iterator[Difference]]


def _manifest(read: Callable[[Record], Facts]) -> _Compare:
    return lambda area, old, new: _rows(area, read(old.manifest), read(new.manifest))


def _host(read: Callable[[Record], Facts]) -> _Compare:
    def compare(area: str, old: Side, new: Side) -> Iterator[Difference]:
        before, after = (mapping(mapping(side.outcome).get("host")) for side in (old, new))
        if before and after:
            yield from _rows(area, read(before), read(after))

    return compare


def _code(area: str, old: Side, new: Side) -> Iterator[Difference]:
    rows = list(_rows(area, facts.code(old.manifest), facts.code(new.manifest)))
    # How many files were uncommitted describes how a snapshot was taken: it says nothing about one commit.
    if any(row.name in ("commit", "tree") for row in rows):
        # A reproduction has the files of submodules but no record of them: unknown is not different.
        yield from (row for row in rows if not (row.name.startswith("submodule ") and ABSENT in (row.old, row.new)))


def _config(area: str, old: Side, new: Side) -> Iterator[Difference]:
    before, after = (mapping(side.manifest.get("config")) for side in (old, new))
    rows = _config_file(before, after, "format")
    if not ((before and old.config is None) or (after and new.config is None)):
        rows += _rows(area, *(facts.values(flatten(side.config or {})) for side in (old, new)))
    if not rows:  # other comments or another order: the job gets other bytes, although they say the same
        rows = _config_file(before, after, "sha256")
    yield from rows


def _config_file(old: Record, new: Record, key: str) -> list[Difference]:
    rows = _rows("config", facts.pick(old, value=key), facts.pick(new, value=key))
    # In brackets, because a config may have keys of these names.
    return [Difference("config", f"(file {key})", row.old, row.new) for row in rows]


def _environment(area: str, old: Side, new: Side) -> Iterator[Difference]:
    def rows(*readers: Callable[[Record], Facts]) -> list[Difference]:
        return [row for read in readers for row in _rows(area, read(old.manifest), read(new.manifest))]

    yield from rows(facts.environment)
    # The digest covers all of these: it is no news when one of them differs.
    if not rows(facts.environment, facts.python, facts.packages):
        yield from rows(facts.environment_digest)


def _packages(area: str, old: Side, new: Side) -> Iterator[Difference]:
    before, after = facts.packages(old.manifest), facts.packages(new.manifest)
    yield from _rows(area, before, after)
    left, right = old.captured or {}, new.captured or {}
    for name, version in before.items():
        if after.get(name) == version and name in left and name in right:
            texts = facts.told_apart(version, left[name], right[name])
            if texts:
                yield Difference(area, name, *texts)


# Also the order in which the areas are shown: what most often explains another result comes first.
AREAS: dict[str, _Compare] = {
    "code": _code,
    "config": _config,
    "seeds": _manifest(facts.seeds),
    "command": _manifest(facts.command),
    "data": _manifest(facts.data),
    "carried": _manifest(facts.carried),
    "environment": _environment,
    "python": _manifest(facts.python),
    "packages": _packages,
    "gpu": _host(facts.gpu),
    "driver": _host(facts.driver),
    "cpu": _host(facts.cpu),
    "host": _host(facts.machine),
    "variables": _manifest(facts.variables),
    "target": _manifest(facts.target),
}
