"""Preparing a run on the host and handing it to the scheduler. Both may be repeated: everything is named by run id or digest."""

from __future__ import annotations

import os

from reprun.runner.carried import record_of
from reprun.runner.checkout import Place
from reprun.runner.data import data_facts, out_of_reach
from reprun.runner.errors import RunnerError
from reprun.runner.expected import differing, refusal
from reprun.runner.facts import ask_gpus, host_facts, read_gpus
from reprun.runner.files import ensure_dir, write_atomic, write_json
from reprun.runner.git import is_old
from reprun.runner.interpreter import find_interpreter, probe, which
from reprun.runner.lfs import LackingError
from reprun.runner.paths import Home
from reprun.runner.privacy import check_home
from reprun.runner.progress import report
from reprun.runner.state import find_state
from reprun.runner.store import ensure_store, sees_objects
from reprun.runner.submit import collect_early, submit
from reprun.runner.variables import has_environment, surroundings
from reprun.runner.virtual import find_platform
from reprun.runner.worktree import (
    ensure_own_tree,
    ensure_worktree,
    exists,
    find_changes,
    place_of,
    remove_worktree,
    verify_newest,
)
from reprun.runner.written import MissingObjectError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List


def warm(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """What of a launch can begin before its snapshot is there, for a `prepare` and a `start` that follow in this process.

    The store is made, and the worktree that the launch will most likely start in or build on is verified, while the supervisor
    starts.
    """
    collect_early(request["run_id"])
    is_old()  # who was not told has to ask git
    check_home(home)
    ensure_store(home, request["key"], "", request["object_format"])
    place = Place(home.store(request["key"]), home.trees(request["key"]))
    if os.path.exists(place.lock):
        verify_newest(place)
    return {}


def prepare(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Makes the run folder and the worktree, and answers with everything the manifest has to say of this host.

    Where the code does not come with the request, and is not here, the answer is only `lacks`, the commits that are here, or
    `lacks_contents`, the contents of files that are not here in full; for an environment that is not here it is
    `lacks_environment`.
    """
    check_home(home)
    if request.get("environment") and not has_environment(home, request["environment"]):
        return {"lacks_environment": request["environment"]}
    asked = ask_gpus() if request.get("gpus") not in ("", None, "none") else None
    is_shared = sees_objects(request)
    store = ensure_store(home, request["key"], request["objects"] if is_shared else "", request["object_format"])
    if not is_shared:
        from reprun.runner.receive import known_commits, receive

        if not receive(store, request):
            return {"lacks": known_commits(store)}
    form, is_own = dict(request.get("form", {})), False
    if form.get("lfs") and not (is_shared and os.path.isdir(form["storage"])):
        from reprun.runner.contents import discard, list_lacking, own_storage

        form["storage"], is_own = own_storage(store), True
    tree = {"store": store, "trees": home.trees(request["key"]), "form": form}
    lacking = list_lacking(form["storage"], form["lfs"]) if is_own and not _has_tree(tree, request["commit"]) else []
    if lacking:
        return {"lacks_contents": lacking}
    try:
        return {**_make(home, request, tree, is_shared), "gpus": read_gpus(asked)}
    except LackingError as error:
        if not is_own:
            raise
        discard(form["storage"], error.oid)
        return {"lacks_contents": list_lacking(form["storage"], form["lfs"])}
    except MissingObjectError:
        if is_shared:
            raise
        return {"lacks": []}  # the store is damaged: nothing in it is relied on


def _has_tree(tree: Dict[str, Any], commit: str) -> bool:
    place = place_of(tree)
    return exists(place, place.form.name(commit))


def _make(home: Home, request: Dict[str, Any], tree: Dict[str, Any], is_shared: bool) -> Dict[str, Any]:
    """The run folder and the worktree of a run whose code is here."""
    run = home.run(request["run_id"])
    ensure_dir(run.output)
    commit, writable, carry = request["commit"], request.get("writable", []), request.get("carry", [])
    place = place_of(tree)
    if not is_shared and not exists(place, place.form.name(commit)):
        from reprun.runner.filters import check_filters

        check_filters(place.form)
    differ = _compare(place, request)
    if writable or carry:
        path, name = ensure_own_tree(place, commit, run.run_id, run.tree, writable, carry), run.run_id
    else:
        path, name = ensure_worktree(place, commit), place.form.name(commit)
    tree.update(path=path, name=name, commit=commit, writable=writable, carried=record_of(carry))
    if not os.path.lexists(run.launch):
        known = {"worktree": tree, "environment": request.get("environment", "")}
        write_json(run.launch, known, durable=False)  # so that gc knows of them; `start` writes the rest
    folder = os.path.normpath(os.path.join(path, request["cwd"]))
    if not os.path.isdir(folder):
        raise RunnerError(
            "refused",
            "the folder %s is not in the snapshot: git keeps no empty or ignored folders" % request["cwd"],
            "launch from another folder",
        )
    answer = {"worktree": tree, "differ": differ, "run_dir": run.path, "cwd": folder, **_facts(home, request, path, folder)}
    if request.get("preflight"):
        from reprun.runner.probe import has_run_code, probe_all

        answer["preflight"], answer["measured"] = probe_all(home, request, answer)
        if has_run_code(answer["preflight"], answer["measured"]):
            _require_untouched(place, tree, request["preflight"])
    return answer


def _require_untouched(place: Place, tree: Dict[str, Any], asked: Dict[str, Any]) -> None:
    """What was run to look at a job may not change what the job will be. A changed tree is not used again, and is made anew."""
    known = [*tree["writable"], *(file["path"] for file in tree["carried"])]
    changed = find_changes(place, tree["name"], tree["path"], tree["commit"], known)
    if changed:
        shown = ", ".join(path.encode("utf-8", "backslashreplace").decode() for path in changed[:5])
        raise RunnerError(
            "refused",
            "what was run before the start has written into the worktree: %s" % shown,
            "let %s write to $REPRUN_OUTPUT"
            % ("the tests and preflight/*.py" if asked.get("tests") else "preflight/*.py and imports"),
        )


def _facts(home: Home, request: Dict[str, Any], path: str, folder: str) -> Dict[str, Any]:
    """What there is to say of this host, and of the job there."""
    report("looking at the interpreter")
    env, activated = surroundings(home, request, path)
    seen = {**env, **request.get("variables", {})}
    interpreter = find_interpreter(request["argv"], seen, folder)
    probed, missing = dict(seen), []  # type: Dict[str, str], List[List[str]]
    beyond = out_of_reach(request.get("data", []), request.get("data_base", ""), path)
    if "PYTHONPATH" in set(activated).difference(request.get("variables", {}), request.get("pass_env", [])):
        del probed["PYTHONPATH"]  # it says where the project is, in another folder for each tree, and not what is installed
    return {
        "inherited": env,
        "activated": activated,
        "host": host_facts(),
        "environment": probe(interpreter, probed, folder, home.cache),
        "data": data_facts(request.get("data", []), request.get("data_base") or path, home.cache, missing),
        **({"data_missing": missing} if missing else {}),
        **({"out_of_reach": beyond} if beyond else {}),
        "socket": home.socket(),
        "pycache": os.path.join(home.cache, "pycache"),
        **({"project": request["project"]["mode"]} if request.get("project") else {}),
        **({"platform": find_platform()} if request.get("environment") else {}),
        "program": which(request["argv"][0], seen, folder) or "",
        "free_bytes": _free_bytes(home.run(request["run_id"]).path),
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
    """Writes the sealed manifest and the plan of the launch, submits, and waits for the supervisor's claim.

    With `queue`, an entry, it is queued instead; without, a run that was queued starts now.
    With `expects` the manifest was sealed with an answer to `prepare` that was foreseen; if that `differs`, nothing is done.
    """
    run = home.run(request["run_id"])
    state = find_state(run)
    if state["state"] not in ("unstarted", "queued"):
        return state
    if request.get("expects"):
        from reprun.runner.foreseen import holds

        if not holds(run, request):
            return {**state, "differs": True}
    if request.get("queue"):
        from reprun.runner.queue_enter import enter_one

        return enter_one(home, request)
    write_atomic(run.manifest, request["manifest"].encode())
    if request.get("config"):
        write_atomic(os.path.join(run.path, os.path.basename(request["config"]["name"])), request["config"]["text"].encode())
    write_json(run.launch, request["plan"])
    return submit(home, request)
