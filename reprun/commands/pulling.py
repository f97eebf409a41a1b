"""Bringing what a run has left on its host to this machine: few questions, whole files or none, on from where it was."""

from __future__ import annotations

import os

from reprun.commands.launch import Tell, ignore
from reprun.commands.states import get_state
from reprun.commands.transfer import Transfer
from reprun.core.errors import NotFoundError, ReprunError, UnreachableError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.outcome import RunState
from reprun.results.choosing import Choice, Remote, Wish, choose, parse_remote
from reprun.results.landing import Landing
from reprun.runner.paths import home
from reprun.store.rows import Row
from reprun.system.files import ensure_dir, locked
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Pulled:
    """What came of it. `here`: files that had been brought before; `left`: with the reason; `problems`: what went wrong."""

    run_id: str
    folder: str
    state: RunState
    brought: list[Remote] = field(default_factory=list)
    here: list[Remote] = field(default_factory=list)
    left: list[tuple[Remote, str]] = field(default_factory=list)
    problems: list[tuple[Remote, str]] = field(default_factory=list)


def pulled_dir(run_id: str) -> str:
    """Where the files of a run are brought to when nobody says another place."""
    return os.path.join(home(), "pulled", run_id)


def pull(workspace: Workspace, row: Row, wish: Wish, to: str = "", tell: Tell = ignore) -> Pulled:
    """Brings the records of a run and the outputs that are wished for. A run on this machine is only copied `to` a folder.

    Of a run that is not over, outputs come only by a pattern: they are being written. Raises what `Host.ask` raises; then the
    next call goes on where this one was.
    """
    state = get_state(workspace, row)
    tell(f"looking at the files of {row.run_id}")
    if state.state in ("running", "starting") and not wish.patterns:
        wish = replace(wish, outputs=False)
    choice = _choose(workspace, row, wish, state)
    if workspace.is_here(row) and not to:
        return Pulled(row.run_id, row.run_dir, state, here=[*choice.files, *choice.links], left=choice.left)
    result = Pulled(row.run_id, os.path.abspath(to or pulled_dir(row.run_id)), state, left=choice.left)
    with locked(_lock(workspace, row.run_id), exclusive=True):
        landing = Landing(result.folder, row.run_id)
        transfer = Transfer(workspace, row, landing, tell)
        try:
            try:
                transfer.bring(choice.files)
                transfer.make_links(choice.links)
            finally:
                result = replace(result, brought=transfer.brought, here=transfer.here, problems=transfer.problems)
        except UnreachableError as error:
            landing.close(complete=False)
            error.hint = "; ".join(part for part in (error.hint, f"reprun pull {row.run_id} goes on where this stopped") if part)
            raise
        except BaseException:
            landing.close(complete=False)
            raise
        landing.close(complete=not result.problems)
    return result


def _choose(workspace: Workspace, row: Row, wish: Wish, state: RunState) -> Choice:
    """What there is, sorted by what is wished. Files that were only carried to where a job may write are no outputs."""
    try:
        manifest = workspace.manifest(row.run_id).data
    except ReprunError:
        manifest = {}
    listed = {str(entry.get("path")) for entry in state.record.get("outputs", []) if isinstance(entry, dict)}
    carried = {f"tree/{entry['path']}" for entry in manifest.get("carried", [])}
    parts = list(manifest.get("run", {}).get("writable", []))
    wish = replace(wish, without=carried - listed if state.has_outcome else ())
    found: list[Remote] = []
    while True:
        skip = len(found)
        answer = workspace.ask(row, op="files", run_id=row.run_id, parts=parts, skip=skip)
        if not answer["there"]:
            elsewhere = f"reprun import --from TARGET {row.run_id}, if it ran on another machine"
            raise NotFoundError(
                f"the folder of {row.run_id} is not on {workspace.watched_place_of(row)[0]}: it is {state.words}",
                hint=f"reprun resume {row.run_id}" if state.state == "unstarted" else elsewhere,
            )
        found += [item for item in map(parse_remote, answer["files"]) if item is not None]
        if not answer["more"] or len(found) == skip:
            return choose(found, wish)


def _lock(workspace: Workspace, run_id: str) -> str:
    folder = ensure_dir(os.path.join(workspace.repository.state_dir, "pulled"))
    return os.path.join(folder, f"{run_id}.lock")
