"""Running all checks: the proof, or a refusal with every finding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass, replace
from reprun.core.spec import Attempt, RunSpec
from reprun.core.text import show
from reprun.preflight.base import REFUSE, WARN, Check, Cleared, Finding
from reprun.preflight.disk import DiskCheck
from reprun.preflight.gpus import GpuCheck
from reprun.preflight.program import ProgramCheck

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What costs nothing. The others are in `asked`, and loaded where the target was asked for something.
CHECKS: tuple[Check, ...] = (ProgramCheck(), GpuCheck(), DiskCheck())


@dataclass(frozen=True)
class Report:
    """Which checks looked at a run, and what they found."""

    level: str
    checks: tuple[str, ...]
    findings: tuple[Finding, ...]


def examine(spec: RunSpec, prepared: Mapping[str, Any]) -> Report:
    """Runs the checks that are due for this run."""
    level = level_of(spec)
    # What is not there cannot be recorded, so this is no matter of levels.
    lacking = tuple(Finding("data", *words) for words in prepared.get("data_missing", ()))
    if level == "off":
        return Report(level, ("data",) * bool(lacking), lacking)
    checks, skipped = CHECKS, ()
    if spec.preflight or "preflight" in prepared:
        from reprun.preflight.asked import checks_for

        checks, skipped = (*CHECKS, *checks_for(spec, prepared)), spec.preflight.get("skip", ())
    due = [check for check in checks if check.name not in skipped]
    strict = spec.preflight.get("refuse", ())
    found = [finding for check in due for finding in check.findings(spec, prepared)]
    if "data" not in skipped:
        found += [_beyond(*words) for words in prepared.get("out_of_reach", ())]
    judged = tuple(_judged(finding, strict) for finding in found)
    names = dict.fromkeys([*(check.name for check in due), *(one.check for one in (*found, *lacking))])
    return Report(level, tuple(names), (*judged, *lacking))


def _beyond(kind: str, path: str, whole: str) -> Finding:
    """A path that is in the dev tree and not in the worktree of the job. It may be that the job takes another way to it."""
    import shlex

    path = show(path)
    if kind == "data":
        hint = f"name it by its whole path, to the job too: {show(whole)}"
        return Finding("data", f"the data {path} is not in the worktree of the run, for Git does not hold it", hint, WARN)
    hint = f"ln -sfn {shlex.quote(show(whole))} {shlex.quote(path)}" if whole else "bring there what it leads to"
    return Finding("data", f"the link {path} leads nowhere from the worktree of the run", hint, WARN)


def _judged(finding: Finding, strict: Sequence[str]) -> Finding:
    """A warning of a check that the project takes for a refusal is one."""
    is_strict = finding.severity == WARN and not {finding.check, "*"}.isdisjoint(strict)
    judged: Finding = replace(finding, severity=REFUSE) if is_strict else finding
    return judged


def clear(attempt: Attempt, spec: RunSpec, prepared: Mapping[str, Any]) -> Cleared:
    """Runs all checks. Raises `RefusedError` with every finding together."""
    report = examine(spec, prepared)
    if any(finding.severity != WARN for finding in report.findings):
        raise refusal(report.findings)
    digests = tuple(sorted(prepared.get("preflight", {}).get("reports", {}).items()))
    return Cleared(attempt, report.checks, report.level, report.findings, digests, _rehearsed(prepared.get("preflight", {})))


def _rehearsed(facts: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if facts.get("sanity"):
        found["sanity"] = {one["name"]: one["run_id"] for one in facts["sanity"] if one["run_id"]}
    if facts.get("determinism", {}).get("deterministic") is not None:
        found["determinism"] = {name: facts["determinism"][name] for name in ("deterministic", "steps", "runs", "at")}
    return found


def refusal(findings: tuple[Finding, ...]) -> RefusedError:
    """The error that tells of all of them, those that alone would only be warned of too."""
    wrong = [finding for finding in findings if finding.severity != WARN]
    if len(findings) == 1:
        return RefusedError(wrong[0].message, hint=wrong[0].hint)
    ordered = [*wrong, *(finding for finding in findings if finding.severity == WARN)]
    lines = [f"\n  {_label(finding)}: {finding.message}\n      {finding.hint}" for finding in ordered]
    what = "one thing is wrong" if len(wrong) == 1 else f"{len(wrong)} things are wrong"
    return RefusedError(f"{what}, nothing was started{''.join(lines)}", hint="mend these, then launch again")


def level_of(spec: RunSpec) -> str:
    """How much is looked at: `quick`, `full` or `off`."""
    return str(spec.preflight.get("level", "quick"))


def _label(finding: Finding) -> str:
    return f"{finding.check} (warning)" if finding.severity == WARN else finding.check
