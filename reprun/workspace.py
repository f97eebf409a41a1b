"""Wiring: the repository, its settings, its history and its targets, opened for one command."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping, Sequence

from reprun.core.errors import NotFoundError, ReprunError, UsageError
from reprun.core.frozen import dataclass, field
from reprun.core.manifest import Manifest
from reprun.core.outcome import RunState
from reprun.core.spec import Snapshot
from reprun.repo import refs
from reprun.repo.discover import Asked, Repository, find_repository
from reprun.runner import paths
from reprun.store.journal import Journal, list_open
from reprun.system.together import Together
from reprun.targets import Target, get_target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.config.project import Settings
    from reprun.hosts.base import Part, Question
    from reprun.hosts.telling import Tell
    from reprun.store.copies import Copies, Kept
    from reprun.store.index import Index
    from reprun.store.rows import Row
    from reprun.store.scan import Sources
    from reprun.store.sightings import Sightings

_SETTINGS = "settings.json"  # a memo of what the files of settings say
_WATCHING = ("state", "read", "follow", "files", "contents", "part")  # requests that only look


@dataclass(frozen=True)
class Workspace:
    """What a command works with. Cheap to make: history and targets are opened when they are asked for."""

    repository: Repository
    settings: Settings
    cwd: str
    notes: list[str] = field(default_factory=list, repr=False, compare=False)  # what a reader of records should be told
    targets: dict[str, Target] = field(default_factory=dict, repr=False, compare=False)  # those that were opened
    troubles: list[ReprunError] = field(default_factory=list, repr=False, compare=False)  # why targets could not be asked
    together: Together = field(default_factory=Together, repr=False, compare=False)
    seen: dict[str, tuple[Row, RunState]] = field(default_factory=dict, repr=False, compare=False)  # found to be over, elsewhere
    tells: list[Tell] = field(default_factory=list, repr=False, compare=False)  # who hears what takes long
    ended: dict[str, RunState] = field(default_factory=dict, repr=False, compare=False)  # of own runs that were found to be over

    @property
    def index_path(self) -> str:
        """The SQLite file with the history; a cache."""
        return os.path.join(self.repository.state_dir, "index.sqlite")

    @property
    def key(self) -> str:
        """The name of this repository's store on a host: readable, and different for every repository of every machine."""
        from reprun.runner.digests import sha256
        from reprun.runner.files import read_text

        where = f"{read_text('/etc/machine-id').strip()}\0".encode() + os.fsencode(self.repository.common_dir)
        if self.repository.object_format != "sha1":
            where += f"\0{self.repository.object_format}".encode()  # a store holds objects of one kind
        digest = sha256(where).hexdigest()[:16]
        name = os.path.basename(self.repository.top)
        plain = "".join(char if char.isascii() and (char.isalnum() or char in "-_") else "-" for char in name)[:40]
        return f"{plain or 'repository'}-{digest}"

    def borrowed(self) -> dict[str, str]:
        """What a request says of the code to a host that sees this disk."""
        return {"objects": refs.objects_dir(self.repository), "data_base": self.repository.top}

    def target(self, name: str) -> Target:
        """The target of that name; the same one each time, since a host may hold a connection."""
        if name not in self.targets:
            self.targets[name] = get_target(name, self.settings.targets)
        return self.targets[name]

    def journal(self, run_id: str) -> Journal:
        """The journal of a run."""
        return Journal(self.repository.state_dir, run_id)

    @property
    def sightings(self) -> Sightings:
        """What was last seen of runs on other machines."""
        from reprun.store.sightings import Sightings

        return Sightings(self.repository.state_dir)

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

    def note(self, *rows: Row) -> None:
        """Adds runs to the index without looking at anything else: what a launch has time for."""
        from reprun.store.scan import note

        note(self.index_path, *rows)

    def remember_settings(self) -> None:
        """Lets the next command find at once what the files of settings say. Failing to do so harms nothing."""
        if self.settings.news:
            from reprun.config.remembered import remember

            remember(os.path.join(self.repository.state_dir, _SETTINGS), self.settings.news)

    def find_run(self, text: str) -> Row:
        """The run that `text` names. Raises `NotFoundError`, or `UsageError` when it could be several."""
        from reprun.store.find import get_run

        return get_run(self.history(), text)

    def ask(self, row: Row, **request: Any) -> dict[str, Any]:
        """Asks the target of a run about it, in the place where the run was launched."""
        target, home = self.watched_place_of(row) if request["op"] in _WATCHING else self.place_of(row)
        return self.target(target).host.ask({**request, "home": home})

    def fetch(self, row: Row, question: Question, tell: Tell | None = None) -> Generator[Part, None, None]:
        """`ask` for much: see `Host.fetch`."""
        target, home = self.watched_place_of(row)
        return self.target(target).host.fetch(lambda: {**question(), "home": home}, tell)

    def place_of(self, row: Row) -> tuple[str, str | None]:
        """The target and the REPRUN_HOME under which a run was launched; None when that is not known: then it is the one of now.

        Only the journal of this repository is believed: the manifest of a stranger could name any folder of this machine, with
        records in it of processes to stop and sessions to attach to.
        """
        place = os.path.dirname(os.path.dirname(row.run_dir)) if os.path.isabs(row.run_dir) else ""
        journal = self.journal(row.run_id)
        if not journal.exists():
            return "local", None
        adopted = journal.find("adopted")
        if adopted:  # it was launched by another machine, and found on this target by the user
            return str(adopted["target"]), os.path.dirname(os.path.dirname(str(adopted["run_dir"])))
        if place and place != paths.home() and journal.run_dir() not in ("", row.run_dir):
            place = ""
        return row.target or "local", place or None

    def watched_place_of(self, row: Row) -> tuple[str, str | None]:
        """Where a run can be looked at: as `place_of`; and one that was launched elsewhere, on the target of that name where this
        user has described one, in the REPRUN_HOME that this user has there. Its manifest decides nothing else."""
        return (row.target, None) if self._is_watched(row) else self.place_of(row)

    def is_here(self, row: Row) -> bool:
        """True when it is this machine that is asked about the run; false also for a target that is described no more."""
        if not self.journal(row.run_id).exists():
            return not self._is_watched(row)
        try:
            return self.target(self.place_of(row)[0]).host.is_here
        except UsageError:
            return False

    def _is_watched(self, row: Row) -> bool:
        if row.target not in self.settings.targets or self.journal(row.run_id).exists():
            return False
        return not self.target(row.target).host.is_here

    def manifest(self, run_id: str) -> Manifest:
        """The sealed manifest of a run. Raises `NotFoundError` when no copy is whole; a damaged one is noted in `notes`."""
        kept = self.kept(run_id)
        if kept.note and kept.note not in self.notes:
            self.notes.append(kept.note)
        return kept.manifest

    def kept(self, run_id: str) -> Kept:
        """The manifest of a run as it was sealed, from whichever copy is whole. Changes nothing: see commands/mending.py."""
        from reprun.store.copies import choose

        copies = self.copies(run_id, next(refs.read_blobs(self.repository.git, [refs.MANIFESTS + run_id]), None))
        if copies.stored is None and copies.filed is None:
            if self.journal(run_id).exists() and not copies.expected:
                raise NotFoundError(f"the launch of {run_id} was interrupted before its manifest", hint=f"reprun resume {run_id}")
            raise NotFoundError(f"the manifest of {run_id} is not in this repository", hint=refs.FETCH)
        return choose(copies)

    def copies(self, run_id: str, stored: bytes | None) -> Copies:
        """What there is of a manifest: the object as it was read, and for a run that was launched here the file in its folder."""
        from reprun.store.copies import Copies
        from reprun.system.files import find_own_bytes

        journal = self.journal(run_id)
        if not journal.exists():
            return Copies(run_id, stored)
        run = paths.RunDir(journal.run_dir() or paths.Home(paths.home()).run(run_id).path)
        expected = os.path.lexists(run.outcome) or os.path.lexists(run.started)
        return Copies(run_id, stored, find_own_bytes(run.manifest), run.manifest, journal.digest(), expected)

    def is_ours(self, kept: Kept) -> bool:
        """True when this manifest was sealed by a launch of this user in this repository, on this machine."""
        from reprun.store.manifests import digest_of

        journal = self.journal(kept.manifest.run_id)
        return journal.exists() and journal.digest() == digest_of(kept.text)

    def snapshot(self, run_id: str) -> Snapshot | None:
        """The snapshot that a run's ref keeps, as far as git knows it; None when none was taken."""
        ref = refs.run_ref(run_id)
        commit = refs.find_ref(self.repository, ref)
        if commit is None:
            return None
        return Snapshot(commit, refs.get_tree(self.repository, commit), "", "", ref, dirty=False)

    def shared_outcome(self, run_id: str) -> RunState | None:
        """The outcome in the object database, checked for its shape: it may come from a colleague."""
        return self.shared_outcomes([run_id]).get(run_id)

    def shared_outcomes(self, run_ids: Sequence[str]) -> dict[str, RunState]:
        """The outcomes of those runs that have one in the object database."""
        from reprun.store.outcomes import parse_outcome

        found = {}
        texts = refs.read_blobs(self.repository.git, [refs.OUTCOMES + run_id for run_id in run_ids]) if run_ids else ()
        for run_id, text in zip(run_ids, texts, strict=False):
            data = None if text is None else parse_outcome(text, run_id)
            if data is not None:
                found[run_id] = RunState(data["state"], str(data.get("stopped_by") or ""), data.get("exit_code"), data)
        return found

    def _sources(self) -> Sources:
        from reprun.config.formats import parse
        from reprun.store.scan import Sources
        from reprun.system.clock import now_ns, pause

        return Sources(
            read_blobs=lambda names: refs.read_blobs(self.repository.git, names),
            list_refs=lambda: iter(refs.list_refs(self.repository, "refs/reprun/")),
            parse_config=lambda text, fmt: parse(text, fmt, "a recorded config"),
            now_ns=now_ns,
            pause=pause,
            tell=lambda text: [tell(text) for tell in self.tells],
        )


def current_folder() -> str:
    """The current folder. Raises `UsageError` when somebody removed it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise UsageError("the current folder is gone", hint="cd to the repository") from None


def open_workspace(environ: Mapping[str, str] = os.environ, asked: Asked | None = None) -> Workspace:
    """The workspace around the current folder, about which git may have been `asked` already.

    Raises `UsageError` outside of a repository or for wrong settings.
    """
    from reprun.config.project import find_settings, user_config_path

    cwd = current_folder()
    repository = find_repository(cwd, asked)
    memo = os.path.join(repository.state_dir, _SETTINGS)
    return Workspace(repository, find_settings(repository.top, user_config_path(environ), memo), cwd)


def _interrupted(journal: Journal) -> Row:
    """A launch that has no manifest, from what its journal says."""
    import shlex

    from reprun.store.rows import Row

    begin = journal.find("begin") or {}
    spec = found if isinstance(found := begin.get("spec"), dict) else {}
    argv = spec.get("argv")
    return Row(
        journal.run_id,
        name=str(spec.get("name", "")),
        why=str(spec.get("why", "")),
        created=str(begin.get("created", "")),
        target=str(spec.get("target", "local")),
        state="unstarted",
        reason="its launch was interrupted",
        command=shlex.join(str(word) for word in argv) if isinstance(argv, list) else "",
    )


def open_anywhere(environ: Mapping[str, str] = os.environ) -> tuple[Workspace | None, Settings]:
    """The workspace around the current folder and its settings; outside of a repository only those of the user."""
    from reprun.config.project import find_settings, user_config_path

    try:
        find_repository(current_folder())
    except UsageError:
        return None, find_settings(os.devnull, user_config_path(environ))
    workspace = open_workspace(environ)
    return workspace, workspace.settings
