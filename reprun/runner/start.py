"""Preparing a run on the host and handing it to the scheduler. Both may be repeated: everything is named by run id or digest."""

from __future__ import annotations

import os
from typing import Any, Dict, List

from reprun.runner.carried import record_of
from reprun.runner.checkout import Place
from reprun.runner.collect import place_of
from reprun.runner.data import data_facts
from reprun.runner.errors import RunnerError
from reprun.runner.expected import differing, refusal
from reprun.runner.facts import ask_gpus, host_facts, read_gpus
from reprun.runner.files import ensure_dir, write_atomic, write_json
from reprun.runner.interpreter import find_interpreter, probe, which
from reprun.runner.paths import Home
from reprun.runner.privacy import check_home
from reprun.runner.receive import known_commits, receive
from reprun.runner.state import find_state
from reprun.runner.store import ensure_store
from reprun.runner.submit import collect_early, submit
from reprun.runner.variables import inherited
from reprun.runner.worktree import ensure_own_tree, ensure_worktree, exists, remove_worktree, verify_newest


def warm(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """What of a launch can begin before its snapshot is there, for a `prepare` and a `start` that follow in this process.

    The worktree that the launch will most likely start in or build on is verified, while the supervisor starts.
    """
    collect_early(request["run_id"])
    place = Place(home.store(request["key"]), home.trees(request["key"]))
    if os.path.exists(place.lock):
        verify_newest(place)
    return {}


def prepare(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Makes the run folder and the worktree, and answers with everything the manifest has to say of this host.

    Where the code does not come with the request, and is not here, the answer is only `lacks`, the commits that are here.
    """
    check_home(home)
    asked = ask_gpus() if request.get("gpus") not in ("", None, "none") else None
    objects = request.get("objects", "")
    store = ensure_store(home, request["key"], objects, request["object_format"])
    if not (os.path.isdir(objects) if objects else receive(store, request)):
        return {"lacks": known_commits(store)}
    tree = {"store": store, "trees": home.trees(request["key"]), "form": request.get("form", {})}
    run = home.run(request["run_id"])
    ensure_dir(run.output)
    commit, writable, carry = request["commit"], request.get("writable", []), request.get("carry", [])
    place = place_of(tree)
    differ = _compare(place, request)
    if writable or carry:
        path, name = ensure_own_tree(place, commit, run.run_id, run.tree, writable, carry), run.run_id
    else:
        path, name = ensure_worktree(place, commit), place.form.name(commit)
    tree.update(path=path, name=name, commit=commit, writable=writable, carried=record_of(carry))
    if not os.path.lexists(run.launch):
        write_json(run.launch, {"worktree": tree}, durable=False)  # so that gc knows of the tree; `start` writes the rest
    folder = os.path.normpath(os.path.join(path, request["cwd"]))
    if not os.path.isdir(folder):
        raise RunnerError(
            "refused",
            "the folder %s is not in the snapshot: git keeps no empty or ignored folders" % request["cwd"],
            "launch from another folder",
        )
    env = inherited(request.get("pass_env", []))
    seen = {**env, **request.get("variables", {})}
    interpreter = find_interpreter(request["argv"], seen, folder)
    return {
        "worktree": tree,
        "differ": differ,
        "run_dir": run.path,
        "cwd": folder,
        "inherited": env,
        "host": host_facts(),
        "environment": probe(interpreter, seen, folder, home.cache),
        "data": data_facts(request.get("data", []), request.get("data_base") or folder, home.cache),
        "gpus": read_gpus(asked),
        "socket": home.socket(),
        "pycache": os.path.join(home.cache, "pycache"),
        "program": which(request["argv"][0], seen, folder) or "",
        "free_bytes": _free_bytes(run.path),
    }


def _compare(place: Place, request: Dict[str, Any]) -> List[str]:
    """The files that git writes otherwise than they are in the dev tree; unless such are accepted, there must be none."""
    if not request.get("expected"):
        return []
    commit = request["commit"]
    known = exists(place, place.form.name(commit))
    path = ensure_worktree(place, commit)
    differ = differing(path, request["expected"])
    if differ and not request.get("accept"):
        if not known:
            remove_worktree(place, place.form.name(commit), path)  # what is refused leaves nothing behind
        raise refusal(differ)
    return differ


def _free_bytes(path: str) -> int:
    found = os.statvfs(path)
    return found.f_bavail * found.f_frsize


def start(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Writes the sealed manifest and the plan of the launch, submits, and waits for the supervisor's claim."""
    run = home.run(request["run_id"])
    state = find_state(run)
    if state["state"] != "unstarted":
        return state
    write_atomic(run.manifest, request["manifest"].encode())
    if request.get("config"):
        write_atomic(os.path.join(run.path, os.path.basename(request["config"]["name"])), request["config"]["text"].encode())
    write_json(run.launch, request["plan"])
    return submit(home, request)
