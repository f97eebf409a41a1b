"""The project's own tests of what a run needs: pytest with the interpreter of the job, or a command of the project."""

from __future__ import annotations

import os
from typing import Any, Dict, List, Optional

from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, find_bytes, write_atomic
from reprun.runner.probe import Context, Facts
from reprun.runner.probe_process import Ways, run_probe


def probe(context: Context) -> Facts:
    """The `status` (null: not within the time), the last lines, and the digests of what is kept in the folder of the run."""
    report = os.path.join(context.scratch, "tests.xml")
    facts: Dict[str, Any] = {"status": -1, "last": "", "lacks": False}
    words = _words(context, report)
    if not words:
        return {**facts, "last": "there is no Python to run pytest with", "lacks": True}, {}
    try:
        done = run_probe(words, context, Ways(cwd=context.tree))
    except OSError as error:
        return {**facts, "last": "%s cannot be started: %s" % (words[0], error.strerror), "lacks": True}, {}
    facts["status"] = done.status
    facts["last"] = _summary(done.out, done.err)
    facts["lacks"] = done.status == 1 and b"No module named pytest" in done.err
    facts["report"] = _keep(context, {"log": done.out + done.err, "xml": find_bytes(report)})
    return facts, {}


def _keep(context: Context, reports: Dict[str, Optional[bytes]]) -> Dict[str, str]:
    """Keeps them under names of their own: a launch that is carried on may have sealed a manifest with those of its first try."""
    folder, kept = ensure_dir(os.path.join(context.run.path, "preflight")), {}
    for kind, data in reports.items():
        if data is not None:
            digest = sha256(data).hexdigest()
            name = "tests-%s.%s" % (digest[:8], kind)
            write_atomic(os.path.join(folder, name), data, durable=False)
            kept[name] = digest
    return kept


def _words(context: Context, report: str) -> List[str]:
    if context.ask.get("command"):
        return list(context.ask["command"])
    if context.interpreter is None:
        return []
    quiet = ["-q", "-p", "no:cacheprovider", "--tb=short", "--junitxml=" + report]
    return [context.interpreter, "-m", "pytest", *quiet, "--", *context.ask["tests"]]


def _summary(out: bytes, err: bytes) -> str:
    """What failed, as pytest sums it up at the end, or the last line."""
    lines = out.decode("utf-8", "replace").strip().splitlines()
    failed = [line for line in lines if line.startswith(("FAILED ", "ERROR "))]
    last = failed[:5] or lines[-1:] or err.decode("utf-8", "replace").strip().splitlines()[-1:]
    return "; ".join(line.strip()[:200] for line in last)
