"""The sentences of a verdict: which metric or file, by how much, and what was not looked at."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reprun.core.compare import Difference
from reprun.core.evidence import ADDED, IGNORED, MISSING, UNHASHED, UNLISTED, MetricRow, OutputRow
from reprun.core.measured import Output, Record, items, mapping, natural, number_as_text
from reprun.core.randomness import unseeded_warning
from reprun.core.text import human_bytes

ORIGINAL, NEW = "the original", "the new run"
SHOWN = 5
BY_METRICS_ALONE = "every metric agrees: to go by metrics alone declare a tolerance, or list these files in [verdict] ignore"
_ADVICE = "let the job write files to {output}, or JSON lines to the file $REPRUN_METRICS"


def unfinished(who: str, outcome: Record | None) -> str:
    """Why this run cannot be compared, or an empty text when it finished."""
    if outcome is None:
        return f"{who} has no outcome: it did not end, or its end is not known here"
    state, code = mapping(outcome).get("state"), mapping(outcome).get("exit_code")
    if state == "finished":
        return ""
    if not isinstance(state, str) or not state:
        return f"{who} has no valid outcome: its state is missing"
    if state == "failed":
        known = natural(code) is not None
        return f"{who} failed with exit status {code}" if known else f"{who} failed"
    if state in ("stopped", "lost"):
        return f"{who} was {state}"
    return f"{who} did not finish: its state is {state!r}"


def nothing_compared(metrics: Sequence[MetricRow], outputs: Sequence[OutputRow], unlisted: bool) -> list[str]:
    """Why two finished runs hold nothing that could be compared, and what to do about it."""
    if unlisted or any(row.status in (UNHASHED, UNLISTED) for row in outputs):
        return [
            "there are no metrics, and no output has a sha256 on both sides: sizes alone prove nothing",
            "raise the limit up to which outputs are hashed, or let the job write metrics to $REPRUN_METRICS",
        ]
    if metrics or outputs:
        return ["every metric and every output is ignored", "make [verdict] ignore in reprun.toml narrower"]
    return ["neither run recorded a metric or an output", _ADVICE]


def equal_things(metrics: Sequence[MetricRow], outputs: Sequence[OutputRow]) -> list[str]:
    """One sentence that counts what is equal, or none when nothing is."""
    counts = [(len(metrics), "metric"), (len(outputs), "output")]
    parts = [_count(count, what) for count, what in counts if count]
    verb = "is" if len(metrics) + len(outputs) == 1 else "are"
    return [f"{' and '.join(parts)} {verb} exactly equal"] if parts else []


def drifted_metrics(rows: Iterable[MetricRow]) -> list[str]:
    """One sentence for each metric that drifted, the furthest first, and a count of the rest."""
    return _first([_drift(row) for row in _furthest_first(rows)], "metrics")


def moved_metrics(rows: Iterable[MetricRow]) -> list[str]:
    """One sentence for each metric that moved within its tolerance, the furthest first."""
    texts = []
    for row in _furthest_first(rows):
        end = "" if row.field == "count" else f", within {row.tolerance.source or 'its tolerance'}"
        texts.append(_movement(row) + end)
    return _first(texts, "metrics within their tolerance")


def drifted_outputs(rows: Iterable[OutputRow]) -> list[str]:
    """One sentence for each output that differs, the largest change of size first; a count of the rest."""
    ordered = sorted(rows, key=lambda row: (-abs(_size(row.old) - _size(row.new)), row.path))
    return _first([_output(row) for row in ordered], "outputs")


def remarks(metrics: Sequence[MetricRow], outputs: Sequence[OutputRow], unlisted: tuple[int, int]) -> list[str]:
    """What the verdict does not cover: ignored, unhashed and unlisted things."""
    result = []
    if ignored := [row.name for row in metrics if row.status == IGNORED]:
        result.append(f"ignored {_count(len(ignored), 'metric')}: {_names(ignored)}")
    if ignored := [row.path for row in outputs if row.status == IGNORED]:
        result.append(f"ignored {_count(len(ignored), 'output')}: {_names(ignored)}")
    if unhashed := [row.path for row in outputs if row.status == UNHASHED]:
        what = f"{_count(len(unhashed), 'output')} compared by size only"
        result.append(f"{what}, without a sha256: {_names(unhashed)}")
    for who, count in ((ORIGINAL, unlisted[0]), (NEW, unlisted[1])):
        if count:
            result.append(f"{_count(count, 'output')} of {who} not compared: left out of its list")
    return result


def warnings(old: Record, new: Record) -> list[str]:
    """What makes the evidence itself doubtful; each begins with `warning:`."""
    result = []
    for who, outcome in ((ORIGINAL, old), (NEW, new)):
        worktree = mapping(outcome.get("worktree"))
        if worktree.get("modified") is True:
            paths = [path for path in items(worktree.get("paths")) if isinstance(path, str)]
            where = f": {_names(paths)}" if paths else ""
            result.append(f"warning: the worktree of {who} was modified while it ran{where}")
        if unseeded := unseeded_warning(who, outcome):
            result.append(f"warning: {unseeded}")
        if skipped := natural(outcome.get("metrics_skipped")):
            result.append(f"warning: {_count(skipped, 'line')} of metrics of {who} could not be read")
    return result


def environment_warnings(old: Record, new: Record, differences: Sequence[Difference]) -> list[str]:
    """What the environments of two runs have to do with what came out, and whether anybody can make them again."""
    tables = [mapping(manifest.get("environment")) for manifest in (old, new)]
    loose = [who for who, table in zip((ORIGINAL, NEW), tables, strict=True) if not table.get("lock")]
    found = []
    if len(loose) == 1:
        found.append(f"warning: the environment of {loose[0]} is not locked: nobody can make it again")
    elif loose:
        found.append("warning: the environment is not locked, only recorded: nobody can make it again")
    rows = [f"{row.name} {row.old} → {row.new}" for row in differences if row.area == "packages"]
    return [*found, f"warning: the environments differ: {_names(rows)}"] if rows else found


def _furthest_first(rows: Iterable[MetricRow]) -> list[MetricRow]:
    return sorted(rows, key=lambda row: (-row.relative, -row.absolute, row.name))


def _drift(row: MetricRow) -> str:
    if row.status in (MISSING, ADDED):
        return f"metric {row.name}: only in {ORIGINAL if row.status == MISSING else NEW}"
    tolerances = {"relative": row.tolerance.relative, "absolute": row.tolerance.absolute}
    allowed = " or ".join(f"{kind} {value:g}" for kind, value in tolerances.items() if value)
    source = f", {row.tolerance.source}" if row.tolerance.source else ""
    return _movement(row) + (f"; allowed: {allowed}{source}" if allowed else "")


def _movement(row: MetricRow) -> str:
    old = row.old.value(row.field) if row.old else None
    new = row.new.value(row.field) if row.new else None
    field = {"last": "", "count": " (number of values)"}.get(row.field, f" ({row.field})")
    text = f"metric {row.name}{field}: {number_as_text(old)} → {number_as_text(new)}"
    if row.field == "count" or row.absolute == float("inf"):
        return text
    relative = "" if row.relative == float("inf") else f" (relative {row.relative:.3g})"
    return f"{text}, off by {row.absolute:.3g}{relative}"


def _output(row: OutputRow) -> str:
    if row.status in (MISSING, ADDED):
        return f"output {row.path}: only in {ORIGINAL if row.status == MISSING else NEW}"
    old, new = _size(row.old), _size(row.new)
    if old == new:
        return f"output {row.path}: other contents" + (f", same size ({human_bytes(old)})" if old else "")
    before, after = human_bytes(old), human_bytes(new)
    if before == after:  # 10.0 KiB → 10.0 KiB would say nothing
        before, after = f"{old} B", f"{new} B"
    return f"output {row.path}: {before} → {after}"


def _size(output: Output | None) -> int:
    return (output.size or 0) if output else 0


def _first(texts: list[str], what: str) -> list[str]:
    more = len(texts) - SHOWN
    return texts if more <= 0 else [*texts[:SHOWN], f"and {more} more {what}"]


def _names(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")


def _count(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
