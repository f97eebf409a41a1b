"""Looking, before a run starts, at what it will meet here: in its worktree, with its own interpreter and variables.

Each probe is a module `probe_*`, loaded where it is asked for. What it finds are facts; what they mean is judged by the dev
side, see reprun/preflight. A probe that fails says so, and fails nothing else.
"""

from __future__ import annotations

import importlib
import os
import time
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from reprun.runner.files import ensure_dir, remove_tree, write_atomic
from reprun.runner.paths import Home, RunDir, job_paths
from reprun.runner.progress import report

MARK = "\0"  # around the name of a placeholder that is filled in here
# In this order: what is quick first. Those whose name is not in the request are not loaded.
PROBES = ("places", "ports", "schema", "frozen", "programs", "gpu", "imports", "project", "tests")
_ALSO = {"places": ("readable", "writable", "disk"), "tests": ("command",)}
_WORDS = {"imports": "trying the imports", "tests": "running the preflight tests", "gpu": "trying the GPUs"}
_OURS = "REPRUN_PREFLIGHT"  # the variable by which programs of probes are known, and know it themselves
Facts = Tuple[Dict[str, Any], Dict[str, Any]]  # what is the same in every launch, and what is measured


class Context(NamedTuple):
    """What a probe works with. `ask` is the request for all of them, `trial` what it says of this run."""

    ask: Dict[str, Any]
    words: List[str]
    env: Dict[str, str]
    cwd: str
    tree: str
    run: RunDir
    scratch: str
    home: Home
    interpreter: Optional[str]
    facts: Dict[str, Any]
    started: List[int]  # the programs that probes have started


def probe_all(home: Home, request: Dict[str, Any], facts: Dict[str, Any]) -> Facts:
    """The facts of all probes that are asked for, by their names. `facts` is what is known of the job here.

    Nothing is looked at for a job that has started: a request for it is one that was repeated.
    """
    run = home.run(request["run_id"])
    if os.path.lexists(run.started) or os.path.lexists(run.outcome):
        return {}, {}
    scratch = ensure_dir(os.path.join(run.path, "preflight.%d.tmp" % os.getpid()))
    found: Dict[str, Any] = {}
    started: List[int] = []
    measured: Dict[str, Any] = {"time": time.time()}
    try:
        context = _context(home, request, facts, run, scratch)._replace(started=started)
        for name in PROBES:
            if context.ask.keys() & {name, *_ALSO.get(name, ())}:
                report(_WORDS.get(name, "looking at what the job needs"))
                begin = time.monotonic()
                found[name], measured[name] = _probe(name, context)
                measured[name]["seconds"] = round(time.monotonic() - begin, 3)
    finally:
        if started:
            from reprun.runner.processes import kill_marked

            kill_marked(_OURS, scratch)  # what has left the group of its program; never by the run: its job may live
        remove_tree(scratch)
    reports = {name: fact.pop("report") for name, fact in found.items() if fact.get("report")}
    if reports:
        found["reports"] = {key: value for one in reports.values() for key, value in one.items()}
    measured["time"] = time.time()
    return found, measured


def has_run_code(found: Dict[str, Any], measured: Dict[str, Any]) -> bool:
    """Whether anything of the project was run, which may have written where it should not."""
    imported = "imports" in measured and not measured["imports"].get("cached") and found["imports"].get("entry")
    return bool(imported or found.get("project", {}).get("programs") or "tests" in found)


def _probe(name: str, context: Context) -> Facts:
    try:
        stable, measured = importlib.import_module("reprun.runner.probe_" + name).probe(context)
    except Exception as error:  # whatever it met: that nothing is known is what there is to say
        return {"failed": "%s: %s" % (type(error).__name__, error)}, {}
    return stable, measured


def _context(home: Home, request: Dict[str, Any], facts: Dict[str, Any], run: RunDir, scratch: str) -> Context:
    from reprun.runner.interpreter import find_interpreter

    trial = request.get("trial", {})
    config = ""
    if trial.get("config"):
        config = os.path.join(run.path, os.path.basename(trial["config"]["name"]))
        write_atomic(config, trial["config"]["text"].encode(), durable=False)
    output = ensure_dir(os.path.join(scratch, "output"))
    env = {**facts["inherited"], **request.get("variables", {}), **trial.get("env", {})}
    env["PYTHONPYCACHEPREFIX"] = facts["pycache"]  # where the job will look: what is compiled now it need not compile
    env.update(REPRUN_RUN_ID=run.run_id, REPRUN_OUTPUT=output, REPRUN_CONFIG=config)
    env["REPRUN_METRICS"] = os.path.join(scratch, "metrics.jsonl")
    env[_OURS] = scratch
    env["PYTHONPATH"] = job_paths(env, watch=False)
    tree = facts["worktree"]["path"]
    facts = {**facts, "data_base": request.get("data_base") or tree}
    values = {"config": config, "output": output, "run_id": run.run_id, "worktree": tree}
    words = [_filled(word, values) for word in trial.get("words", request["argv"])]
    interpreter = find_interpreter(request["argv"], env, facts["cwd"])
    return Context(request["preflight"], words, env, facts["cwd"], tree, run, scratch, home, interpreter, facts, [])


def _filled(word: str, values: Dict[str, str]) -> str:
    for name, value in values.items():
        word = word.replace(MARK + name + MARK, value)
    return word
