"""One run in the live view: what is known of it, its metrics as lines over the whole width, the end of its log."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from reprun.cli.top_marks import bar, short_seconds, spark
from reprun.core.canonical import plain
from reprun.core.measured import items, mapping, metrics_of, number
from reprun.core.text import show

_LINES = 12  # of the log


def describe(run_id: str, found: Mapping[str, Any], live: Any, width: int) -> str:
    """The text of the screen. `found`: what `Source.details` says; `live`: what the last look said of a running job."""
    state, manifest, run = mapping(found.get("state")), mapping(found.get("manifest")), mapping(live)
    record = mapping(state.get("record"))
    reason = f" ({show(plain(state['reason']))})" if state.get("reason") else ""
    lines = [f"{run_id}  {show(plain(state.get('state')))}{reason}", ""]
    lines += _facts(manifest, record, run)
    lines += _metrics(run, record, width)
    tail = [show(line) for line in str(found.get("log") or "").splitlines()[-_LINES:]]
    lines += (["", "  the end of its log; f follows it", *(f"    {line}" for line in tail)]) if tail else []
    return "\n".join([*lines, "", f"reprun show {run_id}"])


def _facts(manifest: Mapping[str, Any], record: Mapping[str, Any], run: Mapping[str, Any]) -> list[str]:
    code, slot = mapping(manifest.get("code")), mapping(record.get("slot"))
    seconds = number(run.get("seconds")) or number(record.get("seconds"))
    share = number(run.get("progress"))
    facts = (
        ("name", plain(manifest.get("name") or "")),
        ("why", plain(manifest.get("why") or "")),
        ("command", shlex.join(map(plain, items(mapping(manifest.get("command")).get("argv"))))),
        ("commit", plain(code.get("commit") or record.get("commit") or "")[:12]),
        ("branch", plain(code.get("branch") or "")),
        ("host", plain(record.get("hostname") or "")),
        ("slot", plain(slot.get("name") or "")),
        ("ran for", short_seconds(float(seconds)) if seconds else ""),
        ("progress", bar(float(share))[0] if share is not None and 0 <= share <= 1 else ""),
    )
    return [f"  {label:10}{show(text)}" for label, text in facts if text]


def _metrics(run: Mapping[str, Any], record: Mapping[str, Any], width: int) -> list[str]:
    """Name, last value, and the line with its least and most."""
    lines = []
    for name, values in mapping(run.get("metrics")).items():
        known = [float(value) for one in items(values) if (value := number(one)) is not None and abs(value) < float("inf")]
        if known:
            line = spark(items(values), max(8, min(40, width - 20)))
            lines += ["", f"  {show(name)} = {known[-1]:.6g}", f"    {line}  {min(known):.4g} to {max(known):.4g}"]
    if not lines:
        for name, metric in list(metrics_of(record).items())[:_LINES]:
            last = "-" if metric.last is None else f"{float(metric.last):.6g}"
            lines.append(f"  {'metric':10}{show(name)} = {last}")
    return lines
