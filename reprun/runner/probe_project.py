"""The project's own checks: each `preflight/*.py` is run with the job's interpreter, gets facts and prints findings."""

from __future__ import annotations

import json
import os
from typing import Any, Dict, List

from reprun.runner.files import list_names
from reprun.runner.probe import Context, Facts
from reprun.runner.probe_process import Ways, run_probe

FOLDER = "preflight"
_MOST = 50  # findings of one program
_TOLD = ("host", "environment", "data", "worktree", "cwd", "run_dir")


def probe(context: Context) -> Facts:
    """`findings` as {check, severity, message, hint}, and the names of the `programs`; the seconds of each are measured."""
    folder = os.path.join(context.tree, FOLDER)
    if context.interpreter is None or os.path.lexists(os.path.join(folder, "__init__.py")):
        return {}, {}  # a package of the project's, not a folder of programs
    names = [name for name in list_names(folder) if name.endswith(".py") and not name.startswith(("_", "test_", "conftest"))]
    findings: List[Dict[str, Any]] = []
    for name in names:
        findings += _run(os.path.join(folder, name), name, context)
    return ({"programs": names, "findings": findings} if names else {}), {}


def _run(path: str, name: str, context: Context) -> List[Dict[str, Any]]:
    told = {key: context.facts[key] for key in _TOLD if key in context.facts}
    told.update(level=context.ask["level"], words=context.words, config=context.env.get("REPRUN_CONFIG", ""))
    try:
        done = run_probe([str(context.interpreter), path], context, Ways(json.dumps(told).encode()))
    except OSError as error:
        return [_doubt(name, "cannot be started: %s" % error.strerror)]
    findings: List[Dict[str, Any]] = []
    for line in done.out.splitlines()[: _MOST + 1]:
        finding = _parse(line, name)
        if finding is None:
            return [*findings, _doubt(name, "prints %r, which is no finding" % line[:80].decode("utf-8", "replace"))]
        findings.append(finding)
    if len(findings) > _MOST:
        return [*findings[:_MOST], _doubt(name, "has more than %d findings" % _MOST)]
    if done.status is None:
        findings.append(_doubt(name, "did not end within %g s" % context.ask["seconds"]))
    elif done.status != 0:
        findings.append(_doubt(name, "fails: " + done.last_line() if done.last_line() else "ended with status %d" % done.status))
    return findings


def _parse(line: bytes, name: str) -> Any:
    try:
        data = json.loads(line.decode("utf-8"))
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("message"), str) or not data["message"].strip():
        return None
    hint = data.get("hint") if isinstance(data.get("hint"), str) and data["hint"].strip() else ""
    severity = "warn" if data.get("severity") == "warn" else "refuse"
    return _finding(name, severity, data["message"], hint or "look into %s/%s" % (FOLDER, name))


def _finding(name: str, severity: str, message: str, hint: str) -> Dict[str, Any]:
    plain = [" ".join(text.split())[:500] for text in (message, hint)]
    return {"check": name, "severity": severity, "message": plain[0], "hint": plain[1]}


def _doubt(name: str, why: str) -> Dict[str, Any]:
    """A check that says nothing that can be understood refuses nothing."""
    return _finding(name, "warn", "the check %s/%s %s" % (FOLDER, name, why), "mend %s/%s" % (FOLDER, name))
