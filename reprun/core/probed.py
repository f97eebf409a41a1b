"""What a determinism probe showed: whether two runs of the same seeds did the same, and where they part."""

from __future__ import annotations

from typing import Any

from reprun.core.canonical import plain
from reprun.core.frozen import dataclass, field
from reprun.core.measured import Record, items, mapping, natural, number, number_as_text


@dataclass(frozen=True)
class Probed:
    """`deterministic` is None when nothing could be compared; then `problem` says why."""

    runs: tuple[str, ...]
    deterministic: bool | None
    steps: int = 0
    values: int = 0
    outputs: int = 0
    parting: dict[str, Any] = field(default_factory=dict)
    culprits: tuple[str, ...] = ()
    problem: str = ""

    @property
    def word(self) -> str:
        """The result as it is shown."""
        words = {True: "DETERMINISTIC", False: "NOT DETERMINISTIC", None: "NOT COMPARABLE"}
        return words[self.deterministic]

    @property
    def data(self) -> dict[str, Any]:
        """For JSON, and for the record that is kept."""
        return {
            "runs": list(self.runs), "deterministic": self.deterministic, "steps": self.steps, "values": self.values,
            "outputs": self.outputs, "parting": self.parting, "culprits": list(self.culprits), "problem": self.problem,
        }  # fmt: skip


def judge_parting(runs: tuple[str, ...], parting: dict[str, Any]) -> Probed:
    """What the comparison on the host says. Culprits are for the caller to find."""
    steps, values, outputs = (natural(parting.get(name)) or 0 for name in ("steps", "values", "compared"))
    differ = bool(parting.get("metric") or parting.get("outputs"))
    if not differ and not values and not outputs:
        advice = "neither run wrote a metric or an output: let the job write JSON lines to $REPRUN_METRICS"
        return Probed(runs, None, problem=advice)
    shown = {name: parting[name] for name in ("metric", "metrics", "outputs", "outputs_more") if parting.get(name)}
    return Probed(runs, not differ, steps, values, outputs, shown)


def sentences(data: Record) -> list[str]:
    """What was compared, and where the runs part: the first value, the first byte."""
    parting = mapping(data.get("parting"))
    steps, values, outputs = (natural(data.get(name)) or 0 for name in ("steps", "values", "outputs"))
    found = [plain(data["problem"])] if data.get("problem") else []
    if data.get("deterministic") is True:
        parts = [f"{values} values of metrics in {steps} steps"] if values else []
        parts += [f"{outputs} {'output' if outputs == 1 else 'outputs'}"] if outputs else []
        found.append(f"{' and '.join(parts)} {'is' if parts == ['1 output'] else 'are'} equal to the last bit")
    metric = mapping(parting.get("metric"))
    if metric:
        step = plain(metric.get("step")) or f"number {plain(metric.get('number'))}"
        old, new = (number_as_text(number(metric.get(side))) for side in ("old", "new"))
        more = len(items(parting.get("metrics"))) - 1
        found.append(f"they part at step {step}: metric {plain(metric.get('name'))} is {old} and {new}")
        if more > 0:
            found.append(f"{more} more {'metric differs' if more == 1 else 'metrics differ'}")
    listed = list(map(mapping, items(parting.get("outputs"))))
    for output in listed[:3]:
        only = {"old": "only in the first run", "new": "only in the second run"}.get(plain(output.get("only")))
        offset = natural(output.get("offset"))
        where = only or ("differs" if offset is None else f"differs from byte {offset} on")
        found.append(f"output {plain(output.get('path'))}: {where}")
    rest = len(listed) - 3 + (natural(parting.get("outputs_more")) or 0)
    return [*found, f"{rest} more outputs differ"] if rest > 0 else found


def remark(record: Record) -> str:
    """One sentence for those who look at a run of the experiment; empty when nothing is on record."""
    known = record.get("deterministic")
    if not isinstance(known, bool):
        return ""
    what = "deterministic" if known else "not deterministic"
    runs = " and ".join(plain(run) for run in items(record.get("runs")))
    return f"{what}: probed {plain(record.get('at'))} over {natural(record.get('steps')) or 0} steps ({runs})"
