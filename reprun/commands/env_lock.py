"""`reprun env lock`: writes the lock beside its sources, into the dev tree, because it was asked to."""

from __future__ import annotations

import os
from typing import Any

from reprun.commands.env_choosing import Ground, Tell, find_ground, get_sources, wanted_on
from reprun.commands.env_wanted import HASHES, find_kind
from reprun.core.errors import ReprunError, UsageError
from reprun.core.frozen import dataclass, replace
from reprun.env.checking import check_sources
from reprun.env.choosing import fits, read_plan
from reprun.env.drift import Change, find_changes
from reprun.env.lockfile import read_all, read_head, read_names
from reprun.env.solver import Solver, find_solver
from reprun.env.sources import Sources, Wanted, key_of
from reprun.env.virtual import assumed
from reprun.system.files import ensure_dir, explained, find_bytes, write_atomic
from reprun.workspace import Workspace

_OTHERS = {
    "uv": ("uv.lock", "uv lock"),
    "requirements": ("requirements.txt", HASHES),
}


@dataclass(frozen=True)
class LockRequest:
    """What was typed: the target to solve for, `platforms` (none: the target's, or those that the settings name), names to
    `update`, and whether to `force` a new solution."""

    target: str = "local"
    platforms: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    force: bool = False


@dataclass(frozen=True)
class LockResult:
    """The lock at `path`: whether it was `written`, what changed for the target's platform, and what should be known."""

    path: str
    written: bool
    platforms: tuple[str, ...]
    solver: str
    packages: int
    changes: list[Change]
    notes: tuple[str, ...]


def lock_environment(workspace: Workspace, request: LockRequest, tell: Tell) -> LockResult:
    """Makes the lock if it does not fit its sources, and writes it. Raises what solving raises; then the old lock stays."""
    ground = find_ground(workspace)
    kind = find_kind(workspace.repository.top, workspace.settings.environment)
    if kind in _OTHERS:
        raise UsageError(f"the lock of this project is its {_OTHERS[kind][0]}, which another tool makes", hint=_OTHERS[kind][1])
    rules, sources = ground.rules, get_sources(workspace, ground)
    wanted = wanted_on(workspace, workspace.target(request.target), rules)
    platforms = {name: _virtual(name, wanted) for name in request.platforms or rules.platforms or (wanted.platform,)}
    path = os.path.join(workspace.repository.top, rules.lock)
    old, notes = find_bytes(path), tuple(check_sources(sources))
    is_plain = not (request.force or request.update) and list(platforms) == [wanted.platform]
    known = ground.kept.find(key_of(sources, old, wanted)) if is_plain else None
    if known is not None and known.origin == "made" and _is_alone(old, wanted.platform):
        text = ground.kept.find_text(known.digest)  # what the last launch has used is what is written
        if text is not None:
            return _write(ground, sources, path, (text, old), wanted, notes)
    if old is not None and not (request.force or request.update):
        tell(f"comparing {rules.lock} with {sources.names}")
        if all(_fits(ground, sources, old, wanted, name) for name in platforms):
            return _result(path, old, old, wanted, notes)
    solver = find_solver(rules.solver, os.environ)
    text = _solve(ground, sources, (platforms, wanted), _usable(old), (request, solver), tell)
    return _write(ground, sources, path, (text, old), wanted, (*notes, *solver.notes))


def _write(
    ground: Ground, sources: Sources, path: str, texts: tuple[bytes, bytes | None], wanted: Wanted, notes: tuple[str, ...]
) -> LockResult:
    """Puts the new text in the place of the old one, and remembers for the next launch that it fits."""
    text, old = texts
    with explained(path, "written"):
        ensure_dir(os.path.dirname(path))
        write_atomic(path, text, 0o644)  # it is committed and shared
    if wanted.platform in read_head(text).platforms:
        ground.kept.keep(key_of(sources, text, wanted), read_plan(text, wanted, "this target", "committed"), text)
    return _result(path, text, old, wanted, notes, written=True)


def _is_alone(lock: bytes | None, platform: str) -> bool:
    """Whether nothing of other platforms would be lost."""
    try:
        return lock is None or set(read_head(lock).platforms) <= {platform}
    except ReprunError:
        return True


def _virtual(platform: str, wanted: Wanted) -> dict[str, str]:
    """The virtual packages of the target; for another platform what is usual there."""
    from reprun.env.virtual import with_overrides

    return dict(wanted.virtual) if platform == wanted.platform else with_overrides(assumed(platform), wanted.overrides)


def _usable(lock: bytes | None) -> bytes | None:
    """A lock of which parts can be kept; what a merge or a full disk has left behind is made anew as if there were none."""
    try:
        return lock if lock is not None and read_head(lock).platforms and read_names(lock) else None
    except ReprunError:
        return None


def _fits(ground: Ground, sources: Sources, lock: bytes, wanted: Wanted, platform: str) -> bool:
    try:
        read_all(lock, platform)  # of a damaged one the head may be fine
        return not fits(lock, sources, replace(wanted, platform=platform), ground.cache, ground.rules)
    except ReprunError:  # it cannot even be read
        return False


def _solve(
    ground: Ground,
    sources: Sources,
    what: tuple[dict[str, dict[str, str]], Wanted],
    old: bytes | None,
    how: tuple[LockRequest, Solver],
    tell: Tell,
) -> bytes:
    """A new lock. What the old one says of other platforms stays, unless all is to be made anew, or is from other channels."""
    from reprun.env.locking import ChannelsError, Order, make_lock

    (platforms, wanted), rules, (request, solver) = what, ground.rules, how
    order = Order(sources, platforms, ground.cache, rules.timeout, request.update, rules.lock, rules.pypi_names)
    if not request.force:
        try:
            return make_lock(order, solver, old, tell)
        except ChannelsError:
            if request.update:
                raise
    others = {name: virtual or _virtual(name, wanted) for name, virtual in _recorded(old).items()}
    return make_lock(replace(order, platforms={**others, **platforms}), solver, None, tell)


def _recorded(lock: bytes | None) -> dict[str, dict[str, str]]:
    """The platforms of a lock, with the virtual packages that they were solved for, where it says so."""
    try:
        head = read_head(lock) if lock is not None else None
    except ReprunError:  # damaged
        head = None
    return {name: head.virtual.get(name, {}) for name in head.platforms} if head else {}


def _result(
    path: str, new: bytes, old: bytes | None, wanted: Wanted, notes: tuple[str, ...], written: bool = False
) -> LockResult:
    head = read_head(new)
    platform = wanted.platform if wanted.platform in head.platforms else head.platforms[0]
    packages = read_all(new, platform)
    changes = find_changes(_packages(old, platform), packages) if written else []
    return LockResult(path, written, head.platforms, head.solver, len(packages), changes, notes)


def _packages(lock: bytes | None, platform: str) -> list[dict[str, Any]]:
    try:
        return read_all(lock, platform) if lock is not None else []
    except ReprunError:  # damaged, or of another platform
        return []
