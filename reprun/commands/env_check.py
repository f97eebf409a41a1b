"""`reprun env check`: does the lock fit its sources, the target, and the active environment? Changes nothing but memos."""

from __future__ import annotations

import os

from reprun.commands.env_choosing import Ground, Tell, find_ground, wanted_on
from reprun.commands.env_wanted import HASHES, active_venv, find_kind, note_on_system
from reprun.core.errors import NotFoundError, RefusedError, ReprunError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.checking import check_sources
from reprun.env.choosing import fits, read_plan
from reprun.env.drift import Change, find_drift
from reprun.env.installed import read_prefix, read_venv
from reprun.env.kept import Locked
from reprun.env.sources import Sources, Wanted, key_of, read_sources
from reprun.system.files import find_bytes
from reprun.workspace import Workspace


@dataclass(frozen=True)
class CheckResult:
    """What was found: the sources, the lock ("" when there is none), `why` it does not fit ("" when it does), the prefix that was
    compared with it ("" when none is active) and how that differs; and who has solved the lock, where it says so."""

    sources: tuple[str, ...]
    lock: str
    why: str
    packages: int
    prefix: str
    drift: list[Change]
    notes: tuple[str, ...]
    remedy: str = "reprun env lock"
    solver: str = ""

    @property
    def is_fine(self) -> bool:
        """Nothing has to be done."""
        return not self.why and not self.drift


def check_environment(workspace: Workspace, target: str, prefix: str, tell: Tell) -> CheckResult:
    """Compares. Raises `UsageError` when there is neither a lock nor sources, or the sources cannot be read."""
    ground = find_ground(workspace)
    rules, top = ground.rules, workspace.repository.top
    kind = find_kind(top, workspace.settings.environment)
    if kind in ("uv", "requirements"):
        return _check_pip(workspace, ground, target, kind, prefix or active_venv(os.environ))
    sources = read_sources(top, ground.paths)
    lock = find_bytes(os.path.join(top, rules.lock))
    if lock is None and not sources.files:
        note = note_on_system(top, workspace.settings.environment)
        what = note.partition(", so")[0] if note else "there is no environment to check: no sources and no lock"
        raise UsageError(what, hint=HASHES if note else "reprun env export -o conda-lock.yml")
    notes = tuple(check_sources(sources))
    if lock is None:
        return CheckResult(ground.paths, "", f"there is no {show(rules.lock)}", 0, "", [], notes)
    wanted = wanted_on(workspace, workspace.target(target), rules)
    found, why = _compare(ground, sources, lock, wanted, (target, tell))
    drift = find_drift(found.plan, read_prefix(prefix)) if found and prefix else []
    count = len(found.plan["packages"]) if found else 0
    return CheckResult(ground.paths, rules.lock, why, count, prefix, drift, notes, solver=found.solver if found else "")


def _check_pip(workspace: Workspace, ground: Ground, target: str, kind: str, prefix: str) -> CheckResult:
    from reprun.commands.env_pip import check_locked

    try:
        found, locked = check_locked(workspace, ground, workspace.target(target), kind)
    except RefusedError as error:
        return CheckResult(ground.paths, kind, error.message, 0, "", [], (), error.hint)
    drift = find_drift(locked.plan, read_venv(prefix)) if prefix else []
    sources = tuple(path for path, data in found.files.items() if data is not None)
    return CheckResult(
        sources, found.paths[0], "", len(locked.plan["packages"]), prefix, drift, locked.notes, solver=locked.solver
    )


def _compare(ground: Ground, sources: Sources, lock: bytes, wanted: Wanted, who: tuple[str, Tell]) -> tuple[Locked | None, str]:
    """The lock with its plan, and why it does not fit."""
    where, tell = who
    key = key_of(sources, lock, wanted)
    known = ground.kept.find(key)
    if known is not None and known.origin == "committed":
        return known, ""
    tell(f"comparing {ground.rules.lock} with {sources.names or 'nothing'}")
    try:
        why = fits(lock, sources, wanted, ground.cache, ground.rules)
        chosen = read_plan(lock, wanted, where, "committed")
    except (RefusedError, NotFoundError) as error:
        return None, error.message
    except ReprunError as error:
        if error.exit_code != 5:
            raise
        return None, error.message
    if not why:
        ground.kept.keep(key, chosen, lock)
    return chosen, why
