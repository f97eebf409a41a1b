"""What git converts between the dev tree and the commit, so that the job's worktree gets the dev tree's bytes and no others.

In a repository that converts nothing this costs a few small files read and no process (docs/decisions/0010).
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from reprun.core.frozen import dataclass, replace
from reprun.core.spec import Conversions
from reprun.repo.attributes import OutsideAttributes, read_outside, sort_paths
from reprun.repo.discover import Repository
from reprun.repo.git_config import Settings, ask_settings, may_set_conversions
from reprun.runner.digests import sha256
from reprun.runner.expected import refusal
from reprun.runner.lfs import find_storage, missing, object_path
from reprun.system.files import ensure_dir, find_bytes, write_atomic
from reprun.system.process import Git

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from reprun.repo.sorting import Files

Inner = tuple[str, Repository, Git, bool]  # a submodule: its path with a slash, repository, (scratch) index, attributes or not
_NONE = b"nothing is converted\n"


@dataclass(frozen=True)
class Rules:
    """Everything outside of the tree that says how to convert, and whether the tree itself has attributes."""

    settings: Settings
    outside: OutsideAttributes
    in_tree: bool

    def __bool__(self) -> bool:
        return bool(self.in_tree or self.settings.autocrlf or self.outside.info or self.outside.user)


def find_rules(repository: Repository, in_tree: bool) -> Rules:
    """Asks git only when a file of settings or attributes may say something. `in_tree`: the index has a `.gitattributes`."""
    settings = Settings()
    may_set = may_set_conversions(repository.config_texts)
    if may_set:
        settings = ask_settings(repository.git)
    outside = read_outside(repository.common_dir, settings.attributes_file)
    in_tree = in_tree or os.path.lexists(os.path.join(repository.top, ".gitattributes"))
    if not may_set and (in_tree or outside.info or outside.user):
        settings = ask_settings(repository.git)  # a filter may be named
    return Rules(settings, outside, in_tree)


def find_conversions(
    repository: Repository, git: Git, in_tree: bool, accept: bool, inner: Sequence[Inner] = (), said: bytes = b""
) -> Conversions:
    """How the files of the snapshot, which is in the (scratch) index of `git`, have to be written to be those of the dev tree.

    It looks at the dev tree as it is now. Where that says anything (`Conversions.was_compared`), ask git whether the files
    are still those of the snapshot before it is believed; files that `differ` are for `refuse_differing`. `said` is what git
    has said of that index, as for `read_index`.
    """
    rules = find_rules(repository, in_tree)
    within = _expect_inner(rules, inner)
    if within:
        outer = find_conversions(repository, git, in_tree, accept, said=said)
        return replace(outer, expected={**outer.expected, **within}, accept=accept)
    memo = os.path.join(repository.state_dir, "conversions")
    known = find_bytes(memo)
    if not rules and known == _NONE:
        return Conversions()
    from reprun.repo.sorting import read_index, sort_files

    files = read_index(git, said)
    key = _key(rules, files)
    kinds = sort_paths(git, rules.settings, list(files)) if rules else {}
    if known != key:
        # Files that were checked out under other settings are still as these made them, and git does not look at them again.
        kinds = {**dict.fromkeys(files, "eol"), **kinds}
    found = sort_files(repository.top, git, files, kinds)
    conversions = _conversions(repository, rules, found, accept)
    if known != key and not found.differ:
        ensure_dir(repository.state_dir)
        write_atomic(memo, key, durable=False)
    return conversions


def refuse_differing(conversions: Conversions) -> None:
    """Raises `RunnerError` (refused) naming files that a checkout cannot give back, unless that is accepted."""
    if conversions.differ and not conversions.accept:
        raise refusal(conversions.differ)


def _expect_inner(rules: Rules, inner: Sequence[Inner]) -> dict[str, list[object]]:
    """The files of submodules, where anything converts: their own settings made them, and the outer ones will write them."""
    if not inner:
        return {}
    from reprun.repo.sorting import measure, read_index

    expected: dict[str, list[object]] = {}
    for prefix, repository, git, in_tree in inner:
        if rules or find_rules(repository, in_tree):
            for path in read_index(git):
                place = os.path.join(repository.top, path)
                if os.path.isfile(place) and not os.path.islink(place):
                    expected[prefix + path] = measure(place)
    return expected


def _key(rules: Rules, files: Files) -> bytes:
    """Names the state of all that decides about conversions: while it stays, git has looked at what changed."""
    if not rules:
        return _NONE
    attributes = {path: blob for path, (_, blob) in files.items() if os.path.basename(path) == ".gitattributes"}
    parts: list[Any] = [vars(rules.settings), vars(rules.outside), attributes]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest().encode() + b"\n"


def _conversions(repository: Repository, rules: Rules, found: Any, accept: bool) -> Conversions:
    form = form_data(rules.settings, rules.outside, found.filters)
    record: dict[str, Any] = record_of(rules.settings, rules.outside, found.filters)
    if not accept and found.filtered:
        form["filtered"] = {path: digest for path, (_, digest) in found.filtered.items()}
    if found.lfs:
        form.update(lfs=found.lfs, storage=find_storage(repository.common_dir, rules.settings.lfs_storage))
        for path, (oid, _) in found.lfs.items():
            if not os.path.isfile(object_path(form["storage"], oid)):
                raise missing(path, form["storage"])
        record["lfs"] = len(found.lfs)
        if found.pointers:
            record["lfs_pointers"] = sorted(found.pointers)
    expected = {**found.expected, **({} if not accept else found.filtered)}
    return Conversions(form, record, expected, found.differ, accept)


def form_data(settings: Settings, outside: OutsideAttributes, filters: set[str]) -> dict[str, Any]:
    """The form of the worktree as the runner wants it; filter programs come from the user's own settings and nowhere else."""
    form: dict[str, Any] = {}
    pairs = [["core.autocrlf", settings.autocrlf]] * bool(settings.autocrlf) + [["core.eol", settings.eol]] * bool(settings.eol)
    for name in sorted(filters):
        pairs += [[f"filter.{name}.{option}", value] for option, value in sorted(settings.filters[name].items())]
    if pairs:
        form["settings"] = pairs
    form.update({name: text for name, text in vars(outside).items() if text})
    return form


def record_of(settings: Settings, outside: OutsideAttributes, filters: set[str]) -> dict[str, Any]:
    """The same for the manifest, the filters by name."""
    values = {"autocrlf": settings.autocrlf, "eol": settings.eol, **vars(outside), "filters": sorted(filters)}
    return {name: value for name, value in values.items() if value}
