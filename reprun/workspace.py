"""Wiring: the repository, its settings, its history and its targets, opened for one command."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from reprun.core.errors import NotFoundError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.manifest import Manifest
from reprun.core.outcome import RunState
from reprun.core.spec import Snapshot
from reprun.repo import refs
from reprun.repo.discover import Repository, find_repository
from reprun.store.journal import Journal, list_open
from reprun.targets import Target, get_target

if TYPE_CHECKING:
    from reprun.config.project import Settings
    from reprun.store.index import Index
    from reprun.store.rows import Row
    from reprun.store.scan import Sources


@dataclass(frozen=True)
class Workspace:
    """What a command works with. Cheap to make: history and targets are opened when they are asked for."""

    repository: Repository
    settings: Settings
    cwd: str

    @property
    def index_path(self) -> str:
        """The SQLite file with the history; a cache."""
        return os.path.join(self.repository.state_dir, "index.sqlite")

    @property
    def key(self) -> str:
        """The name of this repository's store on a host: readable, and different for every repository on this machine."""
        import hashlib

        digest = hashlib.sha256(os.fsencode(self.repository.common_dir)).hexdigest()[:16]
        name = os.path.basename(self.repository.top)
        plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in name)[:40]
        return f"{plain or 'repository'}-{digest}"

    def target(self, name: str) -> Target:
        """The target of that name."""
        return get_target(name, self.settings.targets)

    def journal(self, run_id: str) -> Journal:
        """The journal of a run."""
        return Journal(self.repository.state_dir, run_id)

    def history(self) -> Index:
        """The index for looking; it is in line with the refs, and looking changes nothing."""
        from reprun.store.scan import view

        index = view(self.index_path, self.repository.common_dir, self._sources())
        interrupted = [_interrupted(self.journal(run_id)) for run_id in list_open(self.repository.state_dir)]
        if interrupted:
            index.overlay((row for row in interrupted if index.find(row.run_id) is None), ())
        return index

    def record(self) -> None:
        """Brings the index up to date with the refs. It is a cache: failing to do so harms nothing."""
        from reprun.store.scan import sync

        sync(self.index_path, self.repository.common_dir, self._sources())

    def note(self, row: Row) -> None:
        """Adds one run to the index without looking at anything else: what a launch has time for."""
        from reprun.store.scan import note

        note(self.index_path, row)

    def find_run(self, text: str) -> Row:
        """The run that `text` names. Raises `NotFoundError`, or `UsageError` when it could be several."""
        from reprun.store.find import get_run

        return get_run(self.history(), text)

    def ask(self, row: Row, **request: Any) -> dict[str, Any]:
        """Asks the target of a run about it, in the place where the run was launched."""
        return self.target(row.target or "local").host.ask({**request, "home": home_of(row)})

    def manifest(self, run_id: str) -> Manifest:
        """The sealed manifest of a run, from the object database. Raises `NotFoundError` when it is missing or damaged."""
        from reprun.store.manifests import parse_manifest

        text = next(refs.read_blobs(self.repository, [refs.MANIFESTS + run_id]), None)
        if text is None:
            raise NotFoundError(f"the manifest of {run_id} is not in this repository", hint=refs.FETCH)
        manifest = parse_manifest(text, run_id)
        self._compare_copy(manifest, text)
        return manifest

    def _compare_copy(self, manifest: Manifest, text: bytes) -> None:
        """The copy in the run folder says the same to the byte, or somebody has edited it: then neither is to be believed."""
        from reprun.core.manifest import DamagedError
        from reprun.system.files import find_bytes

        path = os.path.join(str(manifest.table("target").get("run_dir", "")), "manifest.toml")
        copy = find_bytes(path) if os.path.isabs(path) else None
        if copy is not None and copy != text:
            mend = f"git cat-file blob {refs.MANIFESTS}{manifest.run_id} > {path}"
            raise DamagedError(f"the manifest {path} is damaged or was edited: it is not the one that was sealed", hint=mend)

    def snapshot(self, run_id: str) -> Snapshot | None:
        """The snapshot that a run's ref keeps, as far as git knows it; None when none was taken."""
        ref = refs.run_ref(run_id)
        commit = refs.find_ref(self.repository, ref)
        if commit is None:
            return None
        return Snapshot(commit, refs.get_tree(self.repository, commit), "", "", ref, dirty=False)

    def shared_outcome(self, run_id: str) -> RunState | None:
        """The outcome in the object database, checked for its shape: it may come from a colleague."""
        import json

        text = next(refs.read_blobs(self.repository, [refs.OUTCOMES + run_id]), None)
        try:
            data: Any = json.loads(text or b"null")
        except (ValueError, RecursionError):
            return None
        if not isinstance(data, dict) or data.get("run_id") != run_id or not isinstance(data.get("state"), str):
            return None
        code = data.get("exit_code")
        reason = str(data.get("stopped_by") or "")
        return RunState(data["state"], reason, code if isinstance(code, int) else None, data)

    def _sources(self) -> Sources:
        from reprun.config.formats import parse
        from reprun.store.scan import Sources
        from reprun.system.clock import now_ns, pause

        return Sources(
            read_blobs=lambda names: refs.read_blobs(self.repository, names),
            list_refs=lambda: iter(refs.list_refs(self.repository, "refs/reprun/")),
            parse_config=lambda text, fmt: parse(text, fmt, "a recorded config"),
            now_ns=now_ns,
            pause=pause,
        )


def current_folder() -> str:
    """The current folder. Raises `UsageError` when somebody removed it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError("the current folder is gone", hint="cd to the repository") from None


def open_workspace(environ: Mapping[str, str] = os.environ) -> Workspace:
    """The workspace around the current folder. Raises `UsageError` outside of a repository or for wrong settings."""
    from reprun.config.project import find_settings, user_config_path

    cwd = current_folder()
    repository = find_repository(cwd)
    return Workspace(repository, find_settings(repository.top, user_config_path(environ)), cwd)


def home_of(row: Row) -> str | None:
    """The REPRUN_HOME under which a run was launched; None when that is not known: then it is the one of now."""
    return os.path.dirname(os.path.dirname(row.run_dir)) if os.path.isabs(row.run_dir) else None


def _interrupted(journal: Journal) -> Row:
    """A launch that has no manifest, from what its journal says."""
    import shlex

    from reprun.store.rows import Row

    begin = journal.find("begin") or {}
    spec = begin.get("spec") or {}
    return Row(
        journal.run_id,
        name=str(spec.get("name", "")),
        why=str(spec.get("why", "")),
        created=str(begin.get("created", "")),
        target=str(spec.get("target", "local")),
        state="unstarted",
        reason="its launch was interrupted",
        command=shlex.join(str(word) for word in spec.get("argv", [])),
    )
