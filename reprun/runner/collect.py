"""What is gathered when a job has ended: outputs, metrics, the state of the worktree. Together: outcome.json."""

from __future__ import annotations

import os

from reprun.runner.carried import but_for, changed_carried
from reprun.runner.data import sha256_file
from reprun.runner.events import read_events
from reprun.runner.metrics import read_metrics
from reprun.runner.paths import RunDir
from reprun.runner.worktree import find_changes, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Set, Tuple

MAX_OUTPUTS = 10_000


def collect(run: RunDir, plan: Dict[str, Any]) -> Dict[str, Any]:
    """The parts of the outcome that need reading; a part that fails says so and does not hold up the rest."""
    outcome: Dict[str, Any] = {"problems": []}
    for part in (_outputs, _metrics, _events, _worktree, _earlier):
        try:
            outcome.update(part(run, plan))
        except Exception as error:  # whatever it is, the exit status must still be recorded
            outcome["problems"].append("%s: %s: %s" % (part.__name__.strip("_"), type(error).__name__, error))
    return outcome


def _outputs(run: RunDir, plan: Dict[str, Any]) -> Dict[str, Any]:
    limit = int(plan.get("hash_limit", 1 << 30))
    roots = [("", run.output)]
    roots += [("tree/%s/" % part, os.path.join(run.tree, part)) for part in plan["worktree"].get("writable", [])]
    listed: List[Dict[str, Any]] = []
    left_out = 0
    left_alone = _left_alone(plan["worktree"])
    for name, path in _files(roots):
        if name in left_alone:
            continue
        if len(listed) >= MAX_OUTPUTS:
            left_out += 1
            continue
        size = os.lstat(path).st_size
        entry: Dict[str, Any] = {"path": name.encode("utf-8", "backslashreplace").decode(), "size": size}
        if os.path.islink(path):
            entry["link"] = os.fsencode(os.readlink(path)).decode("utf-8", "backslashreplace")
        elif size <= limit and os.path.isfile(path):
            try:
                entry["sha256"] = sha256_file(path)
            except OSError as error:
                entry["problem"] = str(error.strerror)
        listed.append(entry)
    return {"outputs": listed, "outputs_left_out": left_out}


def _earlier(run: RunDir, plan: Dict[str, Any]) -> Dict[str, Any]:
    """Of several attempts at the stage before the one whose output this run began with."""
    if not isinstance(plan.get("inherit"), list):
        return {}
    from reprun.runner.inherit import chosen

    return {"builds_on": os.path.basename(os.path.dirname(chosen(plan["inherit"])))}


def _left_alone(tree: Dict[str, Any]) -> Set[str]:
    """The carried files that the job has not changed: what was put where it may write is no output of it."""
    carried = tree.get("carried", [])
    changed = changed_carried(tree["path"], carried)
    return {"tree/%s" % file["path"] for file in carried if file["path"] not in changed}


def _files(roots: List[Tuple[str, str]]) -> Iterator[Tuple[str, str]]:
    for prefix, root in roots:
        if os.path.islink(root) or os.path.isfile(root):
            yield prefix.rstrip("/") or ".", root
            continue  # what a link leads to is not an output of this run
        for folder, folders, files in os.walk(root):
            folders.sort()
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]
            for file in sorted(files + links):
                path = os.path.join(folder, file)
                yield prefix + os.path.relpath(path, root), path


def _metrics(run: RunDir, plan: Dict[str, Any]) -> Dict[str, Any]:
    metrics, skipped = read_metrics(run.metrics)
    return {"metrics": metrics, "metrics_skipped": skipped}


def _events(run: RunDir, plan: Dict[str, Any]) -> Dict[str, Any]:
    return read_events(run.events)


def _worktree(run: RunDir, plan: Dict[str, Any]) -> Dict[str, Any]:
    tree = plan["worktree"]
    writable, carried = tree.get("writable", []), tree.get("carried", [])
    known = [*writable, *(file["path"] for file in carried)]
    changed = find_changes(place_of(tree), tree["name"], tree["path"], tree["commit"], known)
    changed = [*but_for(tree["path"], changed_carried(tree["path"], carried), writable), *changed][:50]
    shown = [path.encode("utf-8", "backslashreplace").decode() for path in changed]
    return {"worktree": {"modified": bool(changed), "paths": shown}}
