"""The runs of sweeps that a repository knows, read from their manifests, with a memo of those that were read."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterable
from math import isfinite

from reprun.commands.states import find_states
from reprun.commands.unheard import unheard
from reprun.core.errors import ToolError
from reprun.core.ids import is_run_id
from reprun.repo import refs
from reprun.store.rows import Row
from reprun.sweeps.plan import Known
from reprun.system.files import find_json, write_json
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MARK = b"\n[sweep]\n"
_FIELDS = ("file", "task", "name", "stage", "identity", "loose", "code")


def sweep_tables(workspace: Workspace) -> dict[str, dict[str, Any]]:
    """What the manifests of runs say of their sweeps, by run id."""
    path = _path(workspace)
    known = _memo(path)
    listed = {name.removeprefix(refs.MANIFESTS) for name, _ in refs.list_refs(workspace.repository, refs.MANIFESTS)}
    missing = sorted(run_id for run_id in listed - set(known) if is_run_id(run_id))
    texts = refs.read_blobs(workspace.repository.git, [refs.MANIFESTS + run_id for run_id in missing]) if missing else ()
    for run_id, text in zip(missing, texts, strict=False):
        known[run_id] = _table(text)
    found = {run_id: table for run_id, table in known.items() if run_id in listed}
    if missing or len(found) != len(known):
        try:
            write_json(path, found)
        except ToolError:
            pass  # it is read again
    return {run_id: table for run_id, table in found.items() if table}


def _path(workspace: Workspace) -> str:
    return os.path.join(workspace.repository.state_dir, "sweeps", "runs.json")


def _memo(path: str) -> dict[str, dict[str, Any]]:
    try:
        found = find_json(path) or {}
    except OSError:
        return {}
    return {run_id: table for run_id, table in found.items() if isinstance(table, dict)}


def _table(text: bytes | None) -> dict[str, Any]:
    """The table of a sweep in a manifest; nothing where there is none, or it cannot be read."""
    if text is None or _MARK not in text:
        return {}
    try:
        table = tomllib.loads(_part(text).decode("utf-8")).get("sweep", {})
    except (ValueError, RecursionError):
        return {}
    return _checked(table)


def _checked(table: Any) -> dict[str, Any]:
    is_whole = isinstance(table, dict) and all(isinstance(table.get(name), str) for name in _FIELDS)
    if not is_whole:
        return {}
    search = {"search": table["search"]} if "search" in table else {}
    return {**{name: table[name] for name in _FIELDS}, "params": _params(table.get("params")), **search}


def _params(found: Any) -> dict[str, Any]:
    """The parameters as JSON can hold them: a manifest of somebody else may have dates, or numbers that are none."""
    values = found.items() if isinstance(found, dict) else ()
    plain = (str, bool, int)
    return {
        name: one if isinstance(one, plain) or (isinstance(one, float) and isfinite(one)) else str(one) for name, one in values
    }


def _part(text: bytes) -> bytes:
    """The part of a manifest that is read for this: the whole of it, unless it is sure where the table begins and ends."""
    before, mark, part = text.partition(_MARK)
    is_sure = (
        b"'''\n" not in text and b'"""\n' not in text and _MARK not in part and b"\n[" not in part.replace(b"\n[sweep.", b"")
    )
    return mark + part if is_sure and before else text


def remember_tables(workspace: Workspace, tables: dict[str, dict[str, Any]]) -> None:
    """Notes what runs that were just launched say of their sweep, so that nobody has to read their manifests for it."""
    path = _path(workspace)
    try:
        write_json(path, {**_memo(path), **{run_id: _checked(table) for run_id, table in tables.items()}})
    except ToolError:
        pass


def known_runs(
    workspace: Workspace, tables: dict[str, dict[str, Any]], wanted: Iterable[str], silent: Collection[str] = ()
) -> list[Known]:
    """Those runs as they are now. Targets that are `silent` are not asked."""
    rows = rows_of(workspace, wanted)
    unasked = [row for row in rows if row.target in silent and not row.run_state.is_final]
    left = {row.run_id for row in unasked}
    states = unheard(workspace, unasked) | find_states(workspace, [row for row in rows if row.run_id not in left])
    found = []
    for row in rows:
        table, state = tables[row.run_id], states[row.run_id]
        heard = state.link == "ok" or state.is_final
        task, stage, identity, loose = (str(table[name]) for name in ("task", "stage", "identity", "loose"))
        where = (str(table["code"]), row.target, row.parent)
        found.append(Known(row.run_id, task, stage, identity, loose, state.state, state.words, heard, *where))
    return found


def rows_of(workspace: Workspace, run_ids: Iterable[str]) -> list[Row]:
    """The rows of the runs in the index."""
    history = workspace.history()
    return [row for run_id in run_ids if (row := history.find(run_id)) is not None]
