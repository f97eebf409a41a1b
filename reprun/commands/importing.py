"""Runs that lie on a host and are not known here: found, and taken over with their code and records."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from reprun.commands.launch import Tell, ignore
from reprun.core.errors import NotFoundError, ReprunError, ToolError, UnreachableError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.ids import is_commit, is_run_id
from reprun.core.outcome import RunState, state_of
from reprun.core.text import human_bytes, show
from reprun.repo import refs
from reprun.repo.packing import list_known
from reprun.repo.unpacking import list_incomplete, list_tips, unpack
from reprun.workspace import Workspace

_AT_ONCE = 20  # runs whose records come with one answer


@dataclass(frozen=True)
class Found:
    """A run on a host. `key` names the store that has its commit; `ours`: its history is that of this repository; `known`: it
    can be watched from here already; `problem`: why it cannot be taken over."""

    run_id: str
    run_dir: str
    key: str
    commit: str
    state: RunState
    name: str = ""
    created: str = ""
    command: str = ""
    ours: bool = False
    known: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Imported:
    """What came of one run: empty `problem`, it is known here now. `note`: what did not come with it."""

    run_id: str
    state_words: str
    problem: str = ""
    note: str = ""


def find_on(workspace: Workspace, source: str) -> list[Found]:
    """The runs on a host, newest first. Raises what `Host.ask` raises."""
    host = workspace.target(source).host
    runs: list[dict[str, Any]] = []
    roots: dict[str, list[str]] = {}
    more = True
    while more:
        answer = host.ask({"op": "found", "before": str(runs[-1]["run_id"]) if runs else ""})
        runs += [run for run in answer["runs"] if is_run_id(str(run["run_id"]))]
        roots = {**answer["roots"], **roots}
        more = bool(answer["more"]) and bool(answer["runs"])
    heads = [_head(str(run["head"])) for run in runs]
    told = {commit for commits in roots.values() for commit in commits} | {_parent(head) for head in heads}
    here = set(list_known(workspace.repository, told))
    ours = {key for key, commits in roots.items() if here.intersection(commits)} | {workspace.key}
    ours |= {str(run["key"]) for run, head in zip(runs, heads, strict=True) if run["key"] and _parent(head) in here}
    known = {name.removeprefix(refs.MANIFESTS) for name, _ in refs.list_refs(workspace.repository, refs.MANIFESTS)}
    return [_found(workspace, run, head, ours, known) for run, head in zip(runs, heads, strict=True)]


def adopt(
    workspace: Workspace, source: str, found: list[Found], wanted: tuple[str, ...] = (), tell: Tell = ignore
) -> list[Imported]:
    """Takes over the `wanted` runs (ids or beginnings), or all of this repository that are not known: code and records.

    Raises `NotFoundError` or `UsageError` for a word that means no run, or several. What is wrong with one run holds up no other.
    """
    chosen = [_get(found, text, source) for text in wanted] or [run for run in found if run.ours and not run.known]
    result = [Imported(run.run_id, run.state.words, run.problem) for run in chosen if run.problem]
    chosen = [run for run in chosen if not run.problem]
    for key in sorted({run.key for run in chosen}):
        group = [run for run in chosen if run.key == key]
        _fetch(workspace, source, key, [run.commit for run in group], tell)
        result += _adopt_all(workspace, source, group, tell)
    return sorted(result, key=lambda item: item.run_id, reverse=True)


def _adopt_all(workspace: Workspace, source: str, runs: list[Found], tell: Tell) -> Iterator[Imported]:
    host = workspace.target(source).host
    for at in range(0, len(runs), _AT_ONCE):
        tell(f"taking over {len(runs)} runs of {source}, {at} are done")
        group = runs[at : at + _AT_ONCE]
        answers = host.ask({"op": "records", "run_ids": [run.run_id for run in group]})
        for run in group:
            text, state = str(answers[run.run_id]["manifest"]).encode("latin-1"), state_of(answers[run.run_id]["state"])
            try:
                note = _adopt(workspace, source, run, (text, state), tell)
            except UnreachableError:
                raise
            except ReprunError as error:
                yield Imported(run.run_id, run.state.words, error.message)
            else:
                yield Imported(run.run_id, state.words, note=note)


def _adopt(workspace: Workspace, source: str, run: Found, records: tuple[bytes, RunState], tell: Tell) -> str:
    """Takes over a run by its `records`, manifest and state; returns what there is to say of it.

    The refs come first and the journal last: until that is there, the next import does it again.
    """
    from reprun.commands.keeping import keep_outcomes
    from reprun.core.manifest import DamagedError
    from reprun.repo.pruning import keep_blob
    from reprun.store.manifests import parse_manifest
    from reprun.store.rows import Row

    (text, state), repository, journal = records, workspace.repository, workspace.journal(run.run_id)
    manifest = parse_manifest(text, run.run_id)
    if manifest.run_id != run.run_id or manifest.commit != run.commit:
        raise DamagedError(f"the manifest of {run.run_id} is the one of another run")
    if refs.get_tree(repository, run.commit) != manifest.data["code"]["tree"]:
        raise DamagedError(f"the manifest of {run.run_id} names a tree that is not the one of its commit")
    stored = next(refs.read_blobs(repository.git, [refs.MANIFESTS + run.run_id]), None)
    if stored is not None and stored != text:
        raise DamagedError(f"another manifest of {run.run_id} is known here")
    refs.create_ref(repository, refs.run_ref(run.run_id), run.commit)
    if stored is None:
        keep_blob(repository, refs.MANIFESTS + run.run_id, text)
    note = _fetch_contents(workspace, source, run, manifest.data["code"].get("conversions", {}), tell)
    if not journal.exists():
        journal.write("adopted", target=source, run_dir=run.run_dir, key=run.key)
        journal.close()
    keep_outcomes(workspace, [(Row(run.run_id, target=source, run_dir=run.run_dir), state)])
    return note


def _fetch(workspace: Workspace, source: str, key: str, commits: list[str], tell: Tell) -> None:
    """Brings the code of runs from the host's own store. Raises `ToolError` when it is not whole there."""
    repository, host = workspace.repository, workspace.target(source).host
    missing = list_incomplete(repository, commits)
    if not missing:
        return
    tell(f"looking for the code of {len(missing)} commits on {source}")
    pack = host.ask({"op": "offer", "key": key, "commits": missing, "known": list_tips(repository)})

    def pieces() -> Iterator[bytes | memoryview]:
        at, size = 0, int(pack["size"])
        with closing(host.fetch(lambda: {"op": "contents", "wanted": [[str(pack["name"]), at, size]]})) as parts:
            for head, data in parts:
                if head.get("problem"):
                    raise ToolError(f"the code of the runs cannot be read on {source}: {show(str(head['problem']))}")
                at += len(data)
                tell(f"bringing the code from {source}, {human_bytes(at)} of {human_bytes(size)}")
                yield data

    unpack(repository, pieces())
    host.ask({"op": "offer", "drop": str(pack["name"])})
    lost = list_incomplete(repository, missing)
    if lost:
        why = "keeps a part of their history only" if pack["shallow"] else "has lost a part of them"
        raise ToolError(f"{len(lost)} commits of the runs are not whole: {source} {why}", hint="git fetch --all, then again")


def _fetch_contents(workspace: Workspace, source: str, run: Found, record: dict[str, Any], tell: Tell) -> str:
    """Brings what Git LFS keeps beside the commit. What the host does not have is only told of: the run is what it is."""
    if not record.get("lfs") or not run.key:
        return ""
    from reprun.commands.contents import Source, fetch_contents
    from reprun.repo.recorded import find_contents

    storage, wanted = find_contents(workspace.repository, record, run.commit)
    place = Source(storage, {}, "the files of Git LFS", {"key": run.key})
    lost = fetch_contents(workspace.target(source).host, place, wanted, tell)
    return f"; {len(lost)} contents of Git LFS are not on {source}: git lfs fetch --all" if lost else ""


def _found(workspace: Workspace, run: dict[str, Any], head: dict[str, Any], ours: set[str], known: set[str]) -> Found:
    import shlex

    run_id, run_dir, commit = str(run["run_id"]), str(run["run_dir"]), str(run["commit"])
    state, command = state_of(run), head.get("command")
    argv = command.get("argv") if isinstance(command, dict) else None
    problem = ""
    if not is_commit(commit) or not os.path.isabs(run_dir) or os.path.basename(run_dir) != run_id:
        problem = "it has no manifest that can be read"
    elif state.state == "unstarted":
        problem = "it never started"
    elif not run["key"] and list_incomplete(workspace.repository, [commit]):
        problem = f"its commit {commit[:12]} is on that host no more"
    return Found(
        run_id, run_dir, str(run["key"]), commit, state, str(head.get("name", "")), str(head.get("created", "")),
        shlex.join(map(str, argv)) if isinstance(argv, list) else "",
        ours=str(run["key"]) in ours, known=run_id in known and workspace.journal(run_id).exists(), problem=problem,
    )  # fmt: skip


def _head(text: str) -> dict[str, Any]:
    """The beginning of a manifest, for the list; it is read whole, with its seal, when the run is taken over."""
    import tomllib

    from reprun.core.toml_cost import is_costly

    try:
        return {} if is_costly(text) else tomllib.loads(text)
    except (ValueError, RecursionError):
        return {}


def _parent(head: dict[str, Any]) -> str:
    code = head.get("code")
    return str(code.get("parent", "")) if isinstance(code, dict) else ""


def _get(found: list[Found], text: str, source: str) -> Found:
    fitting = [run for run in found if text and run.run_id.startswith(text)] or [run for run in found if run.name == text][:1]
    if not fitting:
        raise NotFoundError(f"no run on {show(source)} is called {show(text)}", hint=f"reprun import --from {show(source)}")
    if len(fitting) > 1:
        raise UsageError(f"{len(fitting)} runs on {show(source)} begin with {show(text)}", hint="type more of the id")
    return fitting[0]
