"""The runs that lie on this host, for a dev machine that knows nothing of them, and the code of such runs as a pack."""

from __future__ import annotations

import hashlib
import os
import re
import time
from typing import Any, Dict, Iterable, List, Tuple

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, find_bytes, list_names, read_text
from reprun.runner.git import Git
from reprun.runner.paths import Home
from reprun.runner.state import find_state

_RUN_ID = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-hjkmnp-tv-z]{6}")
_COMMIT = re.compile(r'^commit = "([0-9a-f]{40}|[0-9a-f]{64})"$', re.MULTILINE)
_HEAD = 1 << 16  # bytes of a manifest before the long list of packages, at most
_PAGE = 500
_OLD = 86400.0  # seconds after which a pack that nobody fetched goes


def find_runs(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The runs on this host, newest first and older than `before`: their state, the beginning of their manifest, and the `key`
    of the store that has their commit. `roots`: for each such key, where its history begins."""
    names = sorted((name for name in list_names(home.runs) if _RUN_ID.fullmatch(name)), reverse=True)
    names = [name for name in names if not request.get("before") or name < request["before"]]
    runs = [_look(home, name) for name in names[:_PAGE]]
    known = {commit for run in runs for commit in [run["commit"]] if commit}
    where: Dict[str, str] = {}
    for key in _keys(home):
        for commit in _present(_git(home, key), known - set(where)):
            where[commit] = key
    for run in runs:
        run["key"] = where.get(run["commit"], "")
    tips = {run["key"]: run["commit"] for run in reversed(runs) if run["key"]}
    roots = {key: _roots(_git(home, key), commit) for key, commit in tips.items()}
    return {"runs": runs, "roots": roots, "more": len(names) > _PAGE, "home": home.root}


def records(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The manifest and the state, outcome and all, of each run."""
    result = {}
    for run_id in request["run_ids"]:
        run = home.run(run_id)
        result[run_id] = {"manifest": (find_bytes(run.manifest) or b"").decode("latin-1"), "state": find_state(run)}
    return result


def offer(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Makes a pack with the `commits` of store `key` beyond the `known` ones, to be read with `pieces`; drops the pack `drop`."""
    folder = ensure_dir(os.path.join(home.cache, "outgoing"))
    _sweep(folder, request.get("drop", ""))
    if not request.get("commits"):
        return {}
    if os.path.basename(request["key"]) != request["key"]:
        raise RunnerError("usage", "%s is no store" % request["key"])
    git = _git(home, request["key"])
    known = _present(git, request.get("known", []))
    asked = "".join(["%s\n" % one for one in request["commits"]] + ["^%s\n" % one for one in known])
    name = hashlib.sha256((request["key"] + "\n" + asked).encode()).hexdigest() + ".pack"
    path = os.path.join(folder, name)
    if not os.path.lexists(path):
        _pack(git, asked, path)
    shallow = read_text(os.path.join(home.store(request["key"]), "shallow")).split()
    found = os.stat(path)
    return {"name": name, "size": found.st_size, "mtime_ns": found.st_mtime_ns, "shallow": shallow}


def _look(home: Home, run_id: str) -> Dict[str, Any]:
    run = home.run(run_id)
    head = (find_bytes(run.manifest) or b"")[:_HEAD].decode("utf-8", "replace").partition("\n[environment]")[0]
    found = _COMMIT.search(head)
    state = find_state(run)
    return {
        "run_id": run_id, "run_dir": run.path, "head": head, "commit": found.group(1) if found else "",
        "state": state["state"], "reason": state["reason"], "exit_code": state["exit_code"],
    }  # fmt: skip


def _keys(home: Home) -> List[str]:
    return sorted(name[:-4] for name in list_names(home.repos) if name.endswith(".git"))


def _git(home: Home, key: str) -> Git:
    store = home.store(key)
    return Git(store, {"GIT_DIR": store})


def _present(git: Git, commits: Iterable[str]) -> List[str]:
    """Those of the commits that the store has."""
    wanted = [one for one in commits if one.isalnum()]
    if not wanted:
        return []
    done = git.run("cat-file", "--batch-check", stdin="".join(one + "\n" for one in wanted).encode(), check=False)
    lines = (line.split(" ") for line in done.stdout.decode("ascii", "replace").splitlines())
    return [words[0] for words in lines if words[1:2] == ["commit"]]


def _roots(git: Git, commit: str) -> List[str]:
    done = git.run("rev-list", "--max-parents=0", commit, check=False)
    return done.stdout.decode("ascii", "replace").split() if done.returncode == 0 else []


def _pack(git: Git, asked: str, path: str) -> None:
    """Writes the pack aside and renames it: what is on offer is whole."""
    aside = "%s.%d.tmp" % (path, os.getpid())
    process = git.spawn("pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q")
    assert process.stdin is not None and process.stdout is not None
    with open(aside, "wb") as file:
        process.stdin.write(asked.encode("ascii"))
        process.stdin.close()
        process.stdin = None
        for piece in iter(lambda: process.stdout.read(1 << 20), b""):  # type: ignore[union-attr]
            file.write(piece)
    _, said = process.communicate()
    if process.returncode:
        os.unlink(aside)
        text = (said or b"").decode("utf-8", "replace").strip() or str(process.returncode)
        raise RunnerError("tool", "git cannot pack the code of the runs: %s" % text)
    os.rename(aside, path)


def _sweep(folder: str, drop: str) -> None:
    """Removes the pack that was fetched, and those that nobody came for."""
    for path, changed in _ages(folder):
        if os.path.basename(path) == drop or time.time() - changed > _OLD:
            try:
                os.unlink(path)
            except OSError:
                pass


def _ages(folder: str) -> List[Tuple[str, float]]:
    result = []
    for name in list_names(folder):
        try:
            result.append((os.path.join(folder, name), os.lstat(os.path.join(folder, name)).st_mtime))
        except OSError:
            pass
    return result
