"""The project's own tests of what a run needs: pytest with the interpreter of the job, or a command of the project."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, find_bytes, remove_tree, write_atomic
from reprun.runner.probe import Context, Facts
from reprun.runner.probe_process import Ways, run_probe


def probe(context: Context) -> Facts:
    """The `status` (null: not within the time), the last lines, and the digests of what is kept in the folder of the run."""
    folder = os.path.join(context.run.path, "preflight")
    remove_tree(folder)
    ensure_dir(folder)
    report, log = os.path.join(folder, "tests.xml"), os.path.join(folder, "tests.log")
    facts: Dict[str, Any] = {"status": -1, "last": "", "lacks": False}
    words = _words(context, report)
    if not words:
        return {**facts, "last": "there is no Python to run pytest with", "lacks": True}, {}
    try:
        done = run_probe(words, context, Ways(cwd=context.tree))
    except OSError as error:
        return {**facts, "last": "%s cannot be started: %s" % (words[0], error.strerror), "lacks": True}, {}
    write_atomic(log, done.out + done.err, durable=False)
    facts["status"] = done.status
    facts["last"] = _summary(done.out, done.err)
    facts["lacks"] = done.status == 1 and b"No module named pytest" in done.err
    paths = [path for path in (report, log) if os.path.isfile(path)]
    facts["report"] = {os.path.basename(path): sha256(find_bytes(path) or b"").hexdigest() for path in paths}
    return facts, {}


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
