"""Which lock a run gets: the one that is committed with the code if it fits, else one that is solved now; each once.

A launch that finds all as it was loads nothing of what reads and makes locks.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from reprun.core.environment import EnvironmentRules
from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass, replace
from reprun.core.text import show
from reprun.env.checking import check_sources
from reprun.env.kept import Kept, Locked, digest_of
from reprun.env.sources import Sources, Wanted, key_of

_SHOWN = 5


@dataclass(frozen=True)
class Choice:
    """What a lock is chosen from: the `sources` of a snapshot (maybe none), the `lock` beside them (maybe none), the target."""

    sources: Sources
    lock: bytes | None
    wanted: Wanted
    where: str  # the target's name, for people


def choose(kept: Kept, choice: Choice, rules: EnvironmentRules, cache: str, tell: Callable[[str], None]) -> Locked:
    """The lock for this choice, from memory when nothing has changed.

    Raises `RefusedError` when no lock can fit, and what making one raises.
    """
    key = key_of(choice.sources, choice.lock, choice.wanted)
    known = kept.find(key)
    if known is not None:
        return known
    tell("waiting for another launch that locks the environment")
    with kept.alone(key):
        known = kept.find(key)
        if known is not None:
            return known
        once = check_sources(choice.sources)
        chosen, text, by = _choose(choice, rules, cache, tell)
        kept.keep(key, chosen, text)
        return replace(chosen, notes=(*once, *by, *chosen.notes))


def read_plan(text: bytes, wanted: Wanted, where: str, origin: str, notes: tuple[str, ...] = ()) -> Locked:
    """A lock with its plan for the target. Raises `RefusedError` when the target lacks what packages of it need."""
    from reprun.env.lockfile import read_head, read_packages
    from reprun.env.plan import make_plan, unmet
    from reprun.env.pylock import is_pylock

    if is_pylock(text):
        return _read_pip_plan(text, wanted, where, origin, notes)
    head = read_head(text)
    packages = read_packages(text, wanted.platform, wanted.categories)
    solved = head.virtual.get(wanted.platform, {})
    plan = make_plan(packages, wanted.platform, {name: solved[name] for name in wanted.solved_for if name in solved})
    lacking = unmet(plan, wanted.virtual)
    if lacking:
        more = f", and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
        raise RefusedError(
            f"the lock is not for {show(where)}: {'; '.join(lacking[:_SHOWN])}{more}",
            hint="reprun env lock on a machine like it, or [environment] overrides, solves for what it has",
        )
    return Locked(digest_of(text), origin, head.solver, plan, notes)


def _read_pip_plan(text: bytes, wanted: Wanted, where: str, origin: str, notes: tuple[str, ...]) -> Locked:
    from reprun.env.plan import make_plan
    from reprun.env.pylock import parse_pylock, plan_rows
    from reprun.runner.pythons import names

    lock, python = parse_pylock(text), dict(wanted.python or {})
    plan = make_plan(plan_rows(lock, python, where), wanted.platform, {}, names(python))
    members = {"members": list(lock.members)} if lock.members else {}
    return Locked(digest_of(text), origin, lock.solver, {**plan, "kind": lock.kind, **members}, notes)


def fits(lock: bytes, sources: Sources, wanted: Wanted, cache: str, rules: EnvironmentRules) -> str:
    """Why a lock is not the one of its sources; empty when it is. Asks conda-lock, which compares and solves nothing."""
    from reprun.env.lockfile import read_head
    from reprun.env.locking import Order, is_current

    head = read_head(lock)
    if wanted.platform not in head.platforms:
        return f"it has nothing for {wanted.platform}"
    virtual = head.virtual.get(wanted.platform, {})  # nothing: it was not made by reprun, and conda-lock assumes its defaults
    other = [name for name, text in wanted.overrides.items() if virtual and virtual.get(name, "") != text]
    if other:
        return f"it was solved with another {', '.join(other)} than [environment] overrides says"
    if not sources.files or head.made_from.get(wanted.platform) == sources.digest:
        return ""
    order = Order(sources, {wanted.platform: virtual}, cache, rules.timeout, lock=rules.lock, names=rules.pypi_names)
    return "" if is_current(order, lock) else f"{sources.names} {'have' if len(sources.files) > 1 else 'has'} changed since"


def _choose(
    choice: Choice, rules: EnvironmentRules, cache: str, tell: Callable[[str], None]
) -> tuple[Locked, bytes, tuple[str, ...]]:
    """The lock, its text, and what is to be said once of who has made it."""
    from reprun.env.lockfile import DamagedLockError
    from reprun.env.locking import Order, make_lock
    from reprun.env.solver import find_solver

    lock, wanted, notes = choice.lock, choice.wanted, list[str]()
    if lock is not None:
        tell(f"comparing {show(rules.lock)} with {choice.sources.names or 'nothing'}")
        try:
            why = fits(lock, choice.sources, wanted, cache, rules)
            if not why:
                return read_plan(lock, wanted, choice.where, "committed", tuple(notes)), lock, ()
        except DamagedLockError as error:  # nobody wants another environment for what a merge has left behind
            raise UsageError(f"{show(rules.lock)} cannot be used: {error.message}", hint=error.hint) from None
        except RefusedError as error:
            if not choice.sources.files:
                raise
            why = error.message
        if not choice.sources.files:
            raise RefusedError(f"{show(rules.lock)} is not for this run: {why}", hint="reprun env lock")
        notes.append(f"{show(rules.lock)} was not used: {why}; it was solved anew for this run (reprun env lock writes it)")
    solver = find_solver(rules.solver, os.environ)
    order = Order(
        choice.sources, {wanted.platform: wanted.virtual}, cache, rules.timeout, lock=rules.lock, names=rules.pypi_names
    )
    text = make_lock(order, solver, None, tell)
    return read_plan(text, wanted, choice.where, "made", tuple(notes)), text, solver.notes
