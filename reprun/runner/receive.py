"""Git objects that come from a dev machine: into the store, whole or not at all, and kept by the ref of their run."""

from __future__ import annotations

import os
from typing import Any, Dict, Iterable, List

from reprun.runner.errors import RunnerError
from reprun.runner.files import find_bytes, write_atomic
from reprun.runner.git import Git
from reprun.runner.refs import create_ref

_FEW = 200  # objects: so many are kept one by one, more as a pack, as `git fetch` does it
_NAMED = 200  # commits that are told to the dev side, the newest


def known_commits(store: str) -> List[str]:
    """Commits of runs that are here with all that they need, newest first."""
    if not os.path.isdir(store):
        return []
    words = ("for-each-ref", "--sort=-refname", "--count=%d" % _NAMED, "--format=%(objectname)", "refs/reprun/runs")
    return list(dict.fromkeys(_git(store).text(*words).split()))


def receive(store: str, request: Dict[str, Any]) -> bool:
    """Takes in the pack that is attached and makes the ref of the run. False when objects are still missing after that."""
    git, commit = _git(store), request["commit"]
    _cut_history(store, request.get("shallow", ""))
    pieces = request.get("attached")
    if pieces is not None and not _unpack(git, pieces):
        return False
    if git.run("rev-list", "--objects", "--quiet", commit, "--not", "--all", check=False).returncode:
        return False
    said = create_ref(git, store, "refs/reprun/runs/" + request["run_id"], commit)
    if said:
        raise RunnerError("tool", "git cannot keep the commit of %s on the host: %s" % (request["run_id"], said))
    return True


def _git(store: str) -> Git:
    return Git(store, {"GIT_DIR": store})


def _unpack(git: Git, pieces: Iterable[bytes]) -> bool:
    pieces = iter(pieces)
    first = next(pieces, b"")
    if not first:
        return True
    few = int.from_bytes(first[8:12], "big") < _FEW
    process = git.spawn(*(["unpack-objects", "-q"] if few else ["index-pack", "--stdin", "--fix-thin"]))
    assert process.stdin is not None
    try:
        process.stdin.write(first)
        for piece in pieces:
            process.stdin.write(piece)
    except BrokenPipeError:
        pass  # git says below why it has stopped to listen
    _, said = process.communicate()
    if process.returncode and any(word in said for word in (b"unresolved delta", b"missing", b"bad object")):
        return False  # it builds on objects that the dev side wrongly takes to be here
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise RunnerError("tool", "git cannot take in the code on the host: %s" % (lines[-1] if lines else process.returncode))
    return True


def _cut_history(store: str, shallow: str) -> None:
    """Where the history of the dev repository was cut, it is cut here too; what another clone has cut stays so."""
    path = os.path.join(store, "shallow")
    known = (find_bytes(path) or b"").decode("ascii").split()
    cut = list(dict.fromkeys([*known, *shallow.split()]))
    if cut != known:
        write_atomic(path, "".join(commit + "\n" for commit in cut).encode("ascii"))
