"""What a user does about a sweep that is kept: saying that a host is gone, ending it, reading its log."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence

from reprun.commands.launch import Tell, ignore
from reprun.commands.sweep import WAITING, lock_of
from reprun.commands.sweep_keep import ensure_keeper, is_kept
from reprun.commands.sweep_open import file_of
from reprun.commands.sweep_pin import Pin, end_pin, find_pin, folder_of, keep_pin
from reprun.commands.sweep_places import ask_queues
from reprun.commands.sweep_runs import known_runs, sweep_tables
from reprun.core.errors import NotFoundError, RefusedError, ReprunError, UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.outcome import FINAL, Sighting
from reprun.core.text import show
from reprun.sweeps.plan import PENDING, Known
from reprun.system.clock import iso_now, now_seconds
from reprun.system.files import find_bytes, locked
from reprun.workspace import Workspace


@dataclass(frozen=True)
class Kept:
    """A sweep with a pin: where it is, whether a keeper works on it, its runs."""

    pin: Pin
    folder: str
    is_alive: bool
    runs: tuple[Known, ...] = ()

    @property
    def under_way(self) -> list[Known]:
        """Its runs that are not over, as far as that is known."""
        return [run for run in self.runs if is_under_way(run)]


def is_under_way(run: Known) -> bool:
    """Whether a run is not over, as far as that is known."""
    return run.state in PENDING or not run.heard


def get_kept(workspace: Workspace, file: str, hint: str = "") -> Kept:
    """The sweep of a file that several passes are made for. Raises `NotFoundError` where there is none."""
    folder = folder_of(workspace.repository, file_of(workspace, file))
    pin = find_pin(folder)
    if pin is None:
        raise NotFoundError(
            f"{show(file)} was never shared by several hosts, so nothing goes on by itself",
            hint=hint or f"reprun sweep {shlex.quote(show(file))}",
        )
    return Kept(pin, folder, is_kept(folder))


def declare_gone(workspace: Workspace, file: str, names: Sequence[str], tell: Tell = ignore) -> Kept:
    """Writes down that hosts are off for good: what has not ended there is lost, and goes to others. Raises `UsageError` for a
    host that the sweep does not have, `RefusedError` for one that answers, and for the last."""
    tell(WAITING)
    with locked(lock_of(workspace), exclusive=True):
        kept = get_kept(workspace, file)
        if kept.pin.ended:
            raise NotFoundError(
                f"the sweep {show(file)} is over: {kept.pin.ended}", hint=f"reprun sweep {show(file)} --on TARGET"
            )
        targets = [name.strip() for name in kept.pin.what().target.split(",")]
        for name in names:
            if name not in targets:
                raise UsageError(f"{show(file)} is not shared with {show(name)}", hint=f"--gone {show(targets[-1])}")
        gone = {**kept.pin.gone, **{name: iso_now() for name in names if name not in kept.pin.gone}}
        if not set(targets) - set(gone):
            raise RefusedError(
                f"no host would be left of {show(', '.join(targets))}",
                hint=f"reprun sweep {show(file)} --on TARGET   with another one",
            )
        tell("asking whether it answers")
        for name, answer in ask_queues(workspace, names, {}).items():
            if not isinstance(answer, ReprunError):
                raise RefusedError(f"{show(name)} answers, so it is not gone", hint=f"reprun queue drain --on {show(name)}")
        pin = replace(kept.pin, gone=gone)
        runs = _lose(workspace, pin, names)
        keep_pin(workspace.repository, pin)
        ensure_keeper(workspace, pin)
        return Kept(pin, kept.folder, True, tuple(runs))


def _lose(workspace: Workspace, pin: Pin, names: Sequence[str]) -> list[Known]:
    """Notes for the runs of the sweep there that have not ended that they are lost, and why."""
    runs = [run for run in runs_of(workspace, pin.file, names) if run.target in names and run.state not in FINAL]
    now = now_seconds()
    workspace.sightings.add({run.run_id: Sighting("lost", f"{run.target} is gone", None, now) for run in runs}, ())
    return runs


def runs_of(workspace: Workspace, file: str, silent: Sequence[str] = ()) -> list[Known]:
    """The runs of that file."""
    tables = sweep_tables(workspace)
    return known_runs(workspace, tables, [run for run, table in tables.items() if table["file"] == file], silent)


@dataclass(frozen=True)
class Stopping:
    """A sweep that is to end: how it `stands` where passes were made for it, else empty; its runs that are `under_way`."""

    file: str
    stands: str
    under_way: list[Known]


def stop_keeping(workspace: Workspace, file: str, tell: Tell = ignore) -> Stopping:
    """Ends the passes, where such are made; its runs go on. Raises `NotFoundError` for a file that was never swept."""
    tell(WAITING)
    with locked(lock_of(workspace), exclusive=True):
        name = file_of(workspace, file)
        pin = find_pin(folder_of(workspace.repository, name))
        if pin is not None and not pin.ended:
            end_pin(workspace.repository, pin, "stopped")
    tell("asking what becomes of its runs")
    runs = runs_of(workspace, name)
    if pin is None and not runs:
        raise NotFoundError(f"{show(file)} was never swept here", hint=f"reprun sweep {shlex.quote(show(file))} --dry-run")
    stands = "" if pin is None else f"over: {pin.ended}" if pin.ended else "stopped"
    return Stopping(name, stands, [run for run in runs if is_under_way(run)])


def read_log(workspace: Workspace, file: str) -> tuple[Kept, list[str]]:
    """The lines that the keeper of a sweep has written."""
    kept = get_kept(workspace, file, "reprun queue   reprun ls")
    text = find_bytes(os.path.join(kept.folder, "log")) or b""
    return kept, text.decode("utf-8", "replace").splitlines()
