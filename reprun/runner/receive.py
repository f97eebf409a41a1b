"""Git objects that come from a dev machine: into the store, whole or not at all, and kept by the ref of their run."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Iterable, Iterator, List, Sequence

from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, find_bytes, locked, remove_tree, sync_dir, write_atomic
from reprun.runner.git import Git
from reprun.runner.progress import report
from reprun.runner.refs import create_ref

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_FEW = 200  # objects: so many are kept one by one, more as a pack, as `git fetch` does it
_NAMED = 200  # commits that are told to the dev side, the newest
_LOOSE = 512  # refs: more are put into one file, where git finds them faster
_BASES = (b"unresolved delta", b"base object")  # what git says of a pack that builds on what is not here
_FULL = ("No space left on device", "Disk quota exceeded", "File too large")


def known_commits(store: str) -> List[str]:
    """Commits of runs that are here with all that they need, newest first."""
    if not os.path.isdir(store):
        return []
    words = ("for-each-ref", "--sort=-refname", "--count=%d" % _NAMED, "--format=%(objectname)", "refs/reprun/runs")
    return list(dict.fromkeys(_git(store).text(*words).split()))


def receive(store: str, request: Dict[str, Any]) -> bool:
    """Takes in the pack that is attached and makes the ref of the run. False when objects are still missing after that."""
    git, commit = _git(store), request["commit"]
    _stand_alone(store)
    _cut_history(store, request.get("shallow", ""))
    pieces = request.get("attached")
    report("taking in the code")
    if pieces is not None and not _unpack(git, store, iter(pieces)):
        return False
    report("verifying the code")
    if not _is_whole(git, commit, [one for one in request.get("known", []) if one != commit and _COMMIT.fullmatch(one)]):
        return False
    said = create_ref(git, store, "refs/reprun/runs/" + request["run_id"], commit)
    if said:
        raise RunnerError("tool", "git cannot keep the commit of %s on the host: %s" % (request["run_id"], said))
    _gather_refs(git, store)
    return True


def _git(store: str) -> Git:
    return Git(store, {"GIT_DIR": store})


def _is_whole(git: Git, commit: str, known: Sequence[str]) -> bool:
    """Whether all that the commit needs is here, but for what commits of runs need: that was asked in its time.

    Those that the dev side has built on are asked first, which spares git all the others; if something is wrong with them or
    with one of the others, everything is asked.
    """
    words = ("rev-list", "--objects", "--quiet", commit)
    limits = [["--not", *known]] * bool(known) + [["--not", "--all"], []]
    return any(git.run(*words, *limit, check=False).returncode == 0 for limit in limits)


def _unpack(git: Git, store: str, pieces: Iterator[bytes]) -> bool:
    first = next(pieces, b"")
    if not first:
        return True
    is_few = int.from_bytes(first[8:12], "big") < _FEW
    # Aside, so that a link that breaks or a disk that is full leaves nothing in the store.
    aside, objects = os.path.join(store, "incoming.%d.tmp" % os.getpid()), os.path.join(store, "objects")
    remove_tree(aside)
    ensure_dir(os.path.join(aside, "pack"))
    try:
        outside = git.at(GIT_OBJECT_DIRECTORY=aside, GIT_ALTERNATE_OBJECT_DIRECTORIES=objects)
        if not _feed(outside, ("unpack-objects", "-q") if is_few else ("index-pack", "--stdin", "--fix-thin"), first, pieces):
            return False
        for folder in sorted(os.listdir(aside)):
            _take_over(os.path.join(aside, folder), os.path.join(objects, folder))
        return True
    finally:
        remove_tree(aside)


def _feed(git: Git, words: Iterable[str], first: bytes, pieces: Iterable[bytes]) -> bool:
    """Gives the pack to git. False when it builds on objects that the dev side wrongly takes to be here."""
    process = git.spawn(*words)
    assert process.stdin is not None
    try:
        try:
            process.stdin.write(first)
            for piece in pieces:
                process.stdin.write(piece)
        except BrokenPipeError:
            pass  # git says below why it has stopped to listen
        _, said = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode == 0:
        return True
    if any(word in said for word in _BASES):
        return False
    raise _failure(git.cwd, said.decode("utf-8", "replace"), process.returncode)


def _failure(store: str, said: str, status: int) -> RunnerError:
    full = [word for word in _FULL if word in said]
    if full:
        what = "the code of this repository does not fit into %s: %s" % (store, full[0])
        return RunnerError("tool", what, "make room there, or name another disk with home in [targets]")
    lines = [line for line in said.splitlines() if line.startswith(("fatal:", "error:"))] or said.splitlines()
    return RunnerError("tool", "git cannot take in the code on the host: %s" % (lines[0].strip() if lines else status))


def _take_over(source: str, target: str) -> None:
    """Moves finished objects. Of a pack the index comes last, for that is what makes git see it."""
    names = sorted(os.listdir(source), key=lambda name: (name.endswith(".idx"), name))
    if names:
        ensure_dir(target)
    for name in names:
        os.rename(os.path.join(source, name), os.path.join(target, name))
    if names and os.path.basename(target) == "pack":
        sync_dir(target)


def _gather_refs(git: Git, store: str) -> None:
    try:
        if len(os.listdir(os.path.join(store, "refs", "reprun", "runs"))) > _LOOSE:
            git.run("pack-refs", "--all", check=False)
    except OSError:
        pass


def _stand_alone(store: str) -> None:
    """Ends the borrowing of a store that once saw the disk of its dev repository: what is there now may be gone tomorrow."""
    alternates = os.path.join(store, "objects", "info", "alternates")
    if os.path.lexists(alternates):
        os.unlink(alternates)


def _cut_history(store: str, shallow: str) -> None:
    """Where the history of the dev repository was cut, it is cut here too; what another clone has cut stays so."""
    if not shallow:
        return
    path = os.path.join(store, "shallow")
    with locked(os.path.join(store, "reprun-shallow.lock"), exclusive=True):
        known = (find_bytes(path) or b"").decode("ascii", "replace").split()
        cut = list(dict.fromkeys([*known, *shallow.split()]))
        if cut != known:
            write_atomic(path, "".join(commit + "\n" for commit in cut).encode("ascii"))
