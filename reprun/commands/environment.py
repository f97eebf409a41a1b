"""The environment of a run: the lock that belongs to its code, kept with the run, and its prefix, made on the target."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from reprun.commands.env_choosing import Ground, find_ground, read_files, wanted_on
from reprun.commands.env_memory import recall_made, remember_made
from reprun.commands.env_wanted import active_prefix, active_venv, find_kind
from reprun.core.errors import NotFoundError, RefusedError, UsageError
from reprun.core.manifest import Manifest
from reprun.core.spec import Attempt, RunSpec, Snapshot
from reprun.core.text import show
from reprun.env.choosing import Choice, choose, read_plan
from reprun.env.kept import Locked
from reprun.env.plan import md5_only, texts
from reprun.env.sources import Sources, Wanted, key_of, key_of_tree
from reprun.repo import refs
from reprun.repo.direct import has_ref
from reprun.repo.pruning import keep_blob
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.core.environment import EnvironmentRules
    from reprun.targets import Target

Tell = Callable[[str], None]
_LOCKING = "reprun env lock, then launch again: that run will have one"
_REFRESH = "reprun env export -o conda-lock.yml locks what is installed; or change environment.yml"
_SHOWN, _KEPT = 10, 100  # packages of a drift that are named in a refusal, and in a manifest


def ensure_environment(
    workspace: Workspace, target: Target, spec: RunSpec, attempt: Attempt, snapshot: Snapshot, tell: Tell
) -> dict[str, Any]:
    """The `[environment]` of the manifest, as far as it is known before the job's Python is asked; its prefix is on the target.

    A run that is carried on, and a reproduction, gets the lock that was recorded, and nothing is solved for it.
    """
    ground, drift = find_ground(workspace), list[str]()
    recorded = spec.lock or _chosen_before(workspace, attempt)
    if recorded:
        locked, wanted, _ = recorded_for(workspace, target, recorded)
    else:
        found = find_chosen(workspace, ground, target, snapshot.commit, tell, snapshot.tree)
        if found is None:
            return {}
        locked, wanted = found
        locked, drift = _drifted(workspace, ground, wanted, locked, target)
        workspace.notes.extend(locked.notes)
    _keep(workspace, ground, locked.digest)
    workspace.journal(attempt.run_id).write("environment", lock=locked.digest)
    made = _make(workspace, target, locked, ground, tell)
    tell_replaced(workspace, made)
    return _record(locked, wanted, made, drift)


def foresee(workspace: Workspace, target: Target, spec: RunSpec, recorded: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """The environment that a reproduction would get, and its digest where it is on the target already, else "". Makes nothing.

    Raises what `ensure_environment` raises before it makes anything.
    """
    locked, wanted, _ = recorded_for(workspace, target, spec.lock)
    digest = str(locked.plan["digest"])
    found = target.host.ask({"op": "env", "digest": digest}).get("record")
    made = found or {key: recorded.get(key, "") for key in ("prefix", "installer", "post_link")}
    return _record(locked, wanted, made, []), digest if found else ""


def read_lock(workspace: Workspace, digest: str) -> bytes:
    """The text of a recorded lock. Raises `NotFoundError` when this repository does not have it."""
    return _recorded_text(workspace, find_ground(workspace), digest)


def lock_of(manifest: Manifest) -> str:
    """The digest of a run's lock. Raises `RefusedError` for a run without one."""
    lock = str(manifest.table("environment").get("lock", ""))
    if not lock:
        raise RefusedError(f"{manifest.run_id} has no locked environment: it ran with what was installed", hint=_LOCKING)
    return lock


def recorded_for(workspace: Workspace, target: Target, digest: str) -> tuple[Locked, Wanted, bytes]:
    """A recorded lock with its plan for a target, what it has to fit there, and its text."""
    ground = find_ground(workspace)
    text = _recorded_text(workspace, ground, digest)
    wanted = _wanted_for(workspace, target, ground, text)
    return read_plan(text, wanted, target.name, "recorded"), wanted, text


def recorded_plan(workspace: Workspace, manifest: Manifest, target: Target) -> tuple[Locked, bytes]:
    """The lock of a run with its plan for the machine where it ran, and its text. Raises `RefusedError` for a run without one."""
    from reprun.env.pylock import is_pylock

    table, ground = manifest.table("environment"), find_ground(workspace)
    text = _recorded_text(workspace, ground, lock_of(manifest))
    if is_pylock(text):  # wheels are for one Python: that of the target
        return read_plan(text, _wanted_for(workspace, target, ground, text), target.name, "recorded"), text
    wanted = Wanted(str(table["platform"]), table.get("virtual", {}), table.get("overrides", {}), ground.rules.categories)
    return read_plan(text, wanted, "where it ran", "recorded"), text


def _wanted_for(workspace: Workspace, target: Target, ground: Ground, lock: bytes) -> Wanted:
    from reprun.commands.env_pythons import wanted_for

    return wanted_for(workspace, target, ground.rules, lock)


def _chosen_before(workspace: Workspace, attempt: Attempt) -> str:
    receipt = None if attempt.first else workspace.journal(attempt.run_id).find("environment")
    return str((receipt or {}).get("lock", ""))


def _recorded_text(workspace: Workspace, ground: Ground, digest: str) -> bytes:
    from reprun.env.kept import digest_of

    text = ground.kept.find_text(digest)
    if text is None:
        text = next(refs.read_blobs(workspace.repository.git, [refs.LOCKS + digest]), None)
    if text is None or digest_of(text) != digest:
        raise NotFoundError(f"the lock {digest[:12]} of this run is not in this repository", hint=refs.FETCH)
    return text


def find_chosen(
    workspace: Workspace, ground: Ground, target: Target, commit: str, tell: Tell, tree: str = ""
) -> tuple[Locked, Wanted] | None:
    """The lock for a new run, by the kind of its environment; None where its files turn out to be no lock. Without a commit it is
    that for the files of the dev tree; the `tree` of the commit is the quick way to what was used for it before."""
    settings = workspace.settings.environment
    if ground.rules.files != settings.get("files", ()):  # somebody asks for others
        settings = {"files": ground.rules.files}
    kind = find_kind(workspace.repository.top, settings)
    if kind == "conda":
        return _chosen_now(workspace, ground, target, (commit, tree), tell)
    from reprun.commands.env_pip import find_locked

    return find_locked(workspace, ground, target, (kind, commit), tell)


def _chosen_now(
    workspace: Workspace, ground: Ground, target: Target, source: tuple[str, str], tell: Tell
) -> tuple[Locked, Wanted]:
    """The lock for the files of the snapshot: what was edited since then is not asked. And what it has to fit."""
    rules, kept, paths = ground.rules, ground.kept, [*ground.paths, ground.rules.lock]
    wanted = wanted_on(workspace, target, rules, may_be_old=True)
    commit, tree = source
    name = key_of_tree(tree, paths, wanted) if tree else ""
    known = kept.find_for(name) if name else None
    if known is not None:
        return known, wanted
    *files, lock = read_files(workspace, commit, paths)
    missing = next((path for path, data in zip(ground.paths, files, strict=True) if data is None), "")
    if missing and rules.files:
        what, hint = (
            ("snapshot", f"git check-ignore -v {show(missing)} says why") if commit else ("dev tree", f"ls {show(missing)}")
        )
        raise UsageError(f"{show(missing)} is not in the {what}", hint=hint)
    sources = Sources(tuple((path, data) for path, data in zip(ground.paths, files, strict=True) if data is not None))
    if lock is None and not sources.files:
        return _exported(ground, wanted, target.name), wanted
    key = key_of(sources, lock, wanted)
    known = kept.find(key)
    if known is not None:
        if name:
            kept.note_tree(name, key)
        return known, wanted
    wanted = wanted_on(workspace, target, rules)  # nothing is solved for what a host was once
    return choose(kept, Choice(sources, lock, wanted, target.name), rules, ground.cache, tell), wanted


def _exported(ground: Ground, wanted: Wanted, where: str) -> Locked:
    """Where nobody has written down what is needed: what is installed in the active environment."""
    from reprun.commands.env_export import get_exported

    prefix = active_prefix(os.environ)
    if not prefix:
        raise UsageError(
            "there is no environment.yml, no conda-lock.yml, and no conda environment is active",
            hint='conda activate NAME, or reprun env lock, or [environment] kind = "system" in reprun.toml',
        )
    text = get_exported(prefix, wanted.platform, wanted.virtual)
    locked = read_plan(text, wanted, where, "exported", (f"the run gets what is installed in {show(prefix)}",))
    ground.kept.keep(locked.digest, locked, text)
    return locked


def _drifted(workspace: Workspace, ground: Ground, wanted: Wanted, locked: Locked, target: Target) -> tuple[Locked, list[str]]:
    """Compares the active environment with the lock, and does about it what the settings say."""
    is_conda = "python" not in locked.plan
    prefix = (active_prefix if is_conda else active_venv)(os.environ)
    if not prefix or not target.host.is_here or locked.origin == "exported":
        return locked, []
    from reprun.env.drift import find_drift
    from reprun.env.installed import glance, read_venv

    drift = [change.words for change in find_drift(locked.plan, (glance if is_conda else read_venv)(prefix))]
    if not drift:
        return locked, []
    more = f"; and {len(drift) - _SHOWN} more" if len(drift) > _SHOWN else ""
    what = f"the active environment {show(prefix)} is not what the lock says: {show('; '.join(drift[:_SHOWN]))}{more}"
    if ground.rules.drift == "refuse":
        raise RefusedError(what, hint=_REFRESH if is_conda else "uv sync, or pip-sync, installs what the lock says")
    if ground.rules.drift == "export" and is_conda:
        return _exported(ground, wanted, target.name), drift
    workspace.notes.append(f"{what}; the run gets the lock")
    return locked, drift


def _keep(workspace: Workspace, ground: Ground, digest: str) -> None:
    """The lock is an object of the repository, under a ref of its own that all its runs share."""
    ref = refs.LOCKS + digest
    if not has_ref(workspace.repository, ref):
        keep_blob(workspace.repository, ref, _recorded_text(workspace, ground, digest))


def _make(workspace: Workspace, target: Target, locked: Locked, ground: Ground, tell: Tell) -> dict[str, Any]:
    digest = str(locked.plan["digest"])
    known = recall_made(workspace, target.host, digest)
    if known is not None:
        return known
    return make(workspace, target, locked, ground.rules, tell)


def make(workspace: Workspace, target: Target, locked: Locked, rules: EnvironmentRules, tell: Tell) -> dict[str, Any]:
    """The record of the environment on the target, which is asked whether it has it; made there, if it has not."""
    from reprun.commands.env_making import Ways, ensure_environment

    def unpack() -> None:
        from reprun.commands.env_unpack import unpack_kept  # only to make something

        unpack_kept(workspace, locked.plan, tell)

    tell(f"preparing the environment on {target.name}")
    made = ensure_environment(target.host, locked.plan, tell, Ways(rules.fetch, rules.labels, unpack))
    remember_made(workspace, target.host, str(locked.plan["digest"]), made)
    if made.get("is_new") and made.get("post_link"):
        names = show(", ".join(made["post_link"]))
        workspace.notes.append(f"scripts that packages want to be run after linking are not run: {names}")
    return made


def tell_replaced(workspace: Workspace, made: Mapping[str, Any]) -> None:
    """Notes which packages are not from where the lock says: nobody is to believe that all was as ever."""
    by_source: dict[str, list[str]] = {}
    for file, source in made.get("replaced", ()):
        channel = str(source).rsplit("/", 2)[0] if str(source).endswith(f"/{file}") else str(source)
        by_source.setdefault(channel, []).append(str(file))
    for source, files in by_source.items():
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        workspace.notes.append(
            f"not from where the lock says, but the same bytes: {', '.join(files[:_SHOWN])}{more}, from {source}"
        )


def _record(locked: Locked, wanted: Wanted, made: Mapping[str, Any], drift: list[str]) -> dict[str, Any]:
    plan = locked.plan
    record: dict[str, Any] = {
        "kind": plan.get("kind", "conda"), "strength": "locked", "digest": plan["digest"], "lock": locked.digest,
        "origin": locked.origin, "platform": plan["platform"], "prefix": str(made["prefix"]), "solver": locked.solver,
        "installer": str(made["installer"]), "virtual": dict(wanted.virtual), "packages": texts(plan),
    }  # fmt: skip
    if plan.get("members"):
        record["members"] = list(plan["members"])
    if wanted.overrides:
        record["overrides"] = dict(wanted.overrides)
    if md5_only(plan):
        record["md5_only"] = md5_only(plan)
    if made.get("replaced"):
        record["replaced"] = [f"{file} from {source}" for file, source in made["replaced"]]
    if made.get("post_link"):
        record["post_link"] = [str(name) for name in made["post_link"]]
    if drift:
        record["drift"] = drift[:_KEPT]
    return record
