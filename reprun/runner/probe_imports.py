"""The imports of the job: tried in its interpreter, see `probe_try`. What went well is remembered for as long as it holds."""

from __future__ import annotations

import json
import os
import signal
import time
from typing import Any, Dict, List, Optional

from reprun.runner.data import sha256_file
from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, list_names, read_json, write_json
from reprun.runner.probe import Context, Facts
from reprun.runner.probe_entry import Entry, find_entry
from reprun.runner.probe_process import Done, Ways, run_probe

# The runner's files are a package for it, and nothing else changes: what Python looks at first is set by the trial.
_BOOT = (
    "import sys; sys.path[:] = [p for p in sys.path if p]; m = type(sys); a, b = m('reprun'), m('reprun.runner'); "
    "a.__path__, b.__path__ = [], [%r]; sys.modules.update({'reprun': a, 'reprun.runner': b}); "
    "sys.dont_write_bytecode |= getattr(sys, 'pycache_prefix', None) is None; "
    "import json; from reprun.runner.probe_try import main; "
    "[sys.modules.pop(n) for n in list(sys.modules) if n.partition('.')[0] == 'reprun']; "
    "main(json.load(sys.stdin), int(sys.argv[-1]))"
)
_OLD = 7 * 86400.0
_CRASHES = (signal.SIGILL, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGSEGV)


def probe(context: Context) -> Facts:
    """`problems` and `unseeded` sources of randomness; nothing for a job that is not plainly one of Python."""
    entry = find_entry(context)
    if entry is None:
        return {}, {}
    memo = _Memo(context, entry)
    known = memo.find()
    if known is not None:
        return {**known, "entry": entry.name}, {"cached": True, "times": []}
    ask = {"kind": entry.kind, "entry": entry.name, "args": entry.args, "top": context.tree}
    boot = _BOOT % os.path.dirname(os.path.abspath(__file__))
    done = run_probe([entry.python, *entry.options, "-c", boot], context, Ways(json.dumps(ask).encode(), result=True))
    lines = _lines(done.result)
    found = lines[-1] if lines else {}
    if "problems" not in found:
        return {"problems": [_ended(done, found, context)], "unseeded": [], "entry": entry.name}, {"times": []}
    facts = {"problems": found["problems"], "unseeded": found["unseeded"]}
    if not any(problem["certain"] or problem["kind"] in ("error", "exit") for problem in facts["problems"]):
        memo.keep(facts, found)
    return {**facts, "entry": entry.name}, {"times": found["times"]}


def _lines(data: bytes) -> List[Dict[str, Any]]:
    """What the trial has said; a line that is torn or strange is none."""
    found = []
    for line in data.splitlines():
        try:
            item = json.loads(line.decode("utf-8"))
        except ValueError:
            continue
        if isinstance(item, dict):
            found.append(item)
    return found


def _ended(done: Done, last: Dict[str, Any], context: Context) -> Dict[str, Any]:
    """The problem with an interpreter that did not come to its end."""
    name, certain = str(last.get("trying", "")), False
    if done.status is None:
        kind, message = "slow", "not done within %g s" % context.ask["seconds"]
    elif done.status < 0:
        kind, message = "ended", "the interpreter was ended by %s" % _signal(-done.status)
        certain = -done.status in _CRASHES and last.get("before") == "plain"
    else:
        kind, message = "ended", done.last_line() or "the interpreter ended with status %d" % done.status
    return {
        "kind": kind,
        "name": name,
        "where": str(last.get("where", "")),
        "message": message,
        "certain": certain and bool(name),
    }


def _signal(number: int) -> str:
    """Its name; KILL is what the kernel sends where memory runs out."""
    try:
        name = signal.Signals(number).name
    except ValueError:
        return "signal %d" % number
    return name + ", as where memory runs out" * (number == signal.SIGKILL)


class _Memo:
    """What was found before, with all that it depends on: the command, its variables, the interpreter with its packages, and the
    files of the project that were read."""

    def __init__(self, context: Context, entry: Entry) -> None:
        self.context = context
        tree, run = context.tree, context.run.path
        skipped = ("REPRUN_", "CUBLAS_", "PYTHONHASHSEED")
        env = {name: value for name, value in context.env.items() if not name.startswith(skipped)}
        asked = [entry, env, os.path.relpath(context.cwd, tree), context.facts["environment"].get("digest", "")]
        text = json.dumps(asked, sort_keys=True).replace(run, "{run}").replace(tree, "{tree}")
        name = sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        self.path = os.path.join(context.home.cache, "imports", name + ".json")
        self.is_useful = bool(context.ask.get("keep")) and bool(context.facts["environment"].get("digest"))

    def find(self) -> Optional[Dict[str, Any]]:
        """The facts, where nothing has changed since."""
        if not self.is_useful:
            return None
        try:
            known = read_json(self.path)
            if known is None or not 0 <= time.time() - known["time"] < self.context.ask["keep"]:
                return None
            state = self._state([path for path, _ in known["state"]])
            return dict(known["facts"]) if state == known["state"] else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def keep(self, facts: Dict[str, Any], found: Dict[str, Any]) -> None:
        """Remembers them. A cache: failing to do so harms nothing."""
        if not self.is_useful:
            return
        tree = os.path.realpath(self.context.tree)
        folders = {os.path.dirname(path) for path in found["files"]}
        folders |= {os.path.relpath(os.path.join(self.context.cwd, path), tree) for path in found["paths"]}
        self._sweep()
        paths = [*found["files"], *sorted(folder or "." for folder in folders), *found["outside"]]
        try:
            ensure_dir(os.path.dirname(self.path))
            state = self._state(paths)
            write_json(self.path, {"time": time.time(), "state": state, "facts": facts}, durable=False)
        except (OSError, ValueError):
            pass

    def _sweep(self) -> None:
        """Removes what is too old to be believed, of other commands too."""
        folder = os.path.dirname(self.path)
        for name in list_names(folder):
            try:
                if time.time() - os.stat(os.path.join(folder, name)).st_mtime > max(_OLD, self.context.ask["keep"]):
                    os.unlink(os.path.join(folder, name))
            except OSError:
                pass

    def _state(self, paths: List[str]) -> List[List[Any]]:
        state: List[List[Any]] = []
        for path in paths:
            whole = os.path.join(self.context.tree, path)
            if os.path.isdir(whole):
                state.append([path, sha256("\0".join(list_names(whole)).encode("utf-8", "surrogateescape")).hexdigest()])
            elif os.path.isabs(path):
                found = os.stat(path)
                state.append([path, "%d:%d:%d" % (found.st_ino, found.st_size, found.st_mtime_ns)])
            else:
                state.append([path, sha256_file(whole)])
        return state
