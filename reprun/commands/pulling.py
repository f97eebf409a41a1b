"""Bringing what a run has left on its host to this machine: few questions, whole files or none, on from where it was."""

from __future__ import annotations

import base64
import binascii
import os
from collections import deque
from typing import Any

from reprun.commands.launch import Tell, ignore
from reprun.commands.states import get_state
from reprun.core.errors import NotFoundError, ReprunError, ToolError, UnreachableError
from reprun.core.frozen import dataclass, field, replace
from reprun.core.outcome import RunState
from reprun.core.text import human_bytes
from reprun.results.choosing import Choice, Remote, Wish, choose, parse_remote
from reprun.results.landing import Arrival, Landing
from reprun.runner.paths import home
from reprun.store.rows import Row
from reprun.system.files import ensure_dir, explained, locked
from reprun.workspace import Workspace

_LIMIT = 4 << 20  # bytes in one answer: enough for a long way, little enough for a slow one
_MOST = 200  # files in one question


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
        transfer = Transfer(workspace, row, landing, result, tell)
        try:
            transfer.bring(choice.files)
            transfer.make_links(choice.links)
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
            raise NotFoundError(
                f"the folder of {row.run_id} is not on {workspace.watched_place_of(row)[0]}: it is {state.words}",
                hint=f"reprun import --from TARGET {row.run_id}, if it ran on another machine",
            )
        found += [item for item in map(parse_remote, answer["files"]) if item is not None]
        if not answer["more"] or len(found) == skip:
            return choose(found, wish)


def _lock(workspace: Workspace, run_id: str) -> str:
    folder = ensure_dir(os.path.join(workspace.repository.state_dir, "pulled"))
    return os.path.join(folder, f"{run_id}.lock")


@dataclass(frozen=True)
class Transfer:
    """Files on their way: `result` says what came of each."""

    workspace: Workspace
    row: Row
    landing: Landing
    result: Pulled
    tell: Tell

    def bring(self, files: list[Remote]) -> None:
        """Brings the files, many small ones with one question, pieces of a large one with several."""
        waiting, batch, again = deque(files), list[Arrival](), set[str]()
        total, done = sum(item.size for item in files), 0
        try:
            while self._fill(batch, waiting):
                finished = len(files) - len(waiting) - len(batch)
                self.tell(f"bringing {finished} of {len(files)} files, {human_bytes(done)} of {human_bytes(total)}")
                for arrival, piece in zip(tuple(batch), self._ask(batch), strict=False):
                    before = arrival.offset
                    if self._take(arrival, piece, again):
                        arrival.close()
                        batch.remove(arrival)
                    done += max(0, arrival.offset - before)
        finally:
            for arrival in batch:
                arrival.close()

    def make_links(self, links: list[Remote]) -> None:
        """Last of all: no file is written after a link is there."""
        for item in links:
            try:
                self.landing.link(item)
            except OSError as error:
                self.result.problems.append((item, f"cannot be written: {error.strerror}"))
            else:
                self.result.brought.append(item)

    def _fill(self, batch: list[Arrival], waiting: deque[Remote]) -> list[Arrival]:
        """Opens as many more files as fit into one answer."""
        size = sum(arrival.item.size - arrival.offset for arrival in batch)
        while waiting and size < _LIMIT and len(batch) < _MOST:
            item = waiting.popleft()
            if self.landing.is_here(item):
                self.result.here.append(item)
                continue
            with explained(self.landing.aside, "written"):
                batch.append(self.landing.begin(item))
            size += item.size - batch[-1].offset
        return batch

    def _ask(self, batch: list[Arrival]) -> list[dict[str, Any]]:
        wanted = [[arrival.item.name, arrival.offset, arrival.item.size] for arrival in batch]
        answer = self.workspace.ask(self.row, op="pieces", run_id=self.row.run_id, wanted=wanted, limit=_LIMIT)
        pieces: list[dict[str, Any]] = answer["pieces"]
        if not pieces:
            raise ToolError(f"the host sends nothing of the files of {self.row.run_id}", hint=f"reprun show {self.row.run_id}")
        return pieces

    def _take(self, arrival: Arrival, piece: dict[str, Any], again: set[str]) -> bool:
        """Adds a piece; True when nothing more is to come of this file."""
        item, problem = arrival.item, str(piece["problem"])
        try:
            with explained(self.landing.aside, "written"):
                arrival.add(base64.b64decode(str(piece["data"]), validate=True))
        except binascii.Error:
            problem = "what the host sends cannot be read"
        if problem:
            self.result.problems.append((item, problem))
            return True
        if arrival.offset < item.size and piece["data"]:
            return False
        try:
            if arrival.finish(str(piece["sha256"])):
                self.result.brought.append(item)
                return True
        except OSError as error:
            self.result.problems.append((item, f"cannot be written: {error.strerror}"))
            return True
        arrival.restart()
        if item.name not in again:
            again.add(item.name)
            return False
        self.result.problems.append((item, "its SHA-256 is not the one that the host has: it changes while it is read"))
        return True
