"""Conversions from a manifest: how a recorded run's files were written, to write them so again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from reprun.core.errors import RefusedError
from reprun.core.frozen import replace
from reprun.core.spec import Conversions
from reprun.core.text import show
from reprun.repo.attributes import OutsideAttributes, sort_paths
from reprun.repo.blobs import find_sizes
from reprun.repo.conversions import form_data
from reprun.repo.discover import Repository
from reprun.repo.git_config import Settings, ask_settings
from reprun.repo.refs import objects_dir
from reprun.repo.sorting import find_pointers, read_index
from reprun.runner.form import closed, form_of
from reprun.runner.lfs import find_storage, missing, object_path
from reprun.runner.paths import Home
from reprun.runner.store import ensure_store
from reprun.system.files import make_temporary_folder, remove_tree
from reprun.system.process import Git, translated


def restore_conversions(repository: Repository, record: Mapping[str, Any], commit: str) -> Conversions:
    """The recorded settings and attributes; the programs of filters come from this user's own Git settings, by their names.

    Raises `RefusedError` when a filter is not configured here, or the content of a Git LFS file is not there.
    """
    if not record:
        return Conversions()
    with translated():
        mine = ask_settings(repository.git)
        for name in record.get("filters", []):
            if name not in mine.filters:
                raise RefusedError(
                    f"the run's files went through the Git filter {show(name)}, and none of that name is configured here",
                    hint=f"git config filter.{show(name)}.smudge <command>, as in the repository that the run is from",
                )
        filters = {name: mine.filters[name] for name in record.get("filters", [])}
        settings = replace(mine, autocrlf=record.get("autocrlf", ""), eol=record.get("eol", ""), filters=filters)
        form = form_data(settings, OutsideAttributes(record.get("info", ""), record.get("user", "")), set(filters))
        if record.get("lfs"):
            storage = form["storage"] = find_storage(repository.common_dir, mine.lfs_storage)
            form["lfs"] = _find_lfs(repository, settings, form, commit, set(record.get("lfs_pointers", [])))
            for path, (oid, _) in form["lfs"].items():
                if not os.path.isfile(object_path(storage, str(oid))):
                    raise missing(path, storage)
    return Conversions(form, dict(record), {}, [], accept=True)


def find_contents(repository: Repository, record: Mapping[str, Any], commit: str) -> tuple[str, dict[str, int]]:
    """Where this repository keeps the contents of Git LFS, and SHA-256 → size of those that a recorded run needs."""
    if not record.get("lfs"):
        return "", {}
    with translated():
        mine = ask_settings(repository.git)
        settings = replace(mine, autocrlf=record.get("autocrlf", ""), eol=record.get("eol", ""))
        form = form_data(settings, OutsideAttributes(record.get("info", ""), record.get("user", "")), set())
        found = _find_lfs(repository, settings, form, commit, set(record.get("lfs_pointers", [])))
    return find_storage(repository.common_dir, mine.lfs_storage), {str(oid): int(str(size)) for oid, size in found.values()}


def _find_lfs(
    repository: Repository, settings: Settings, form: Mapping[str, Any], commit: str, pointers: set[str]
) -> dict[str, list[object]]:
    """The commit's Git LFS files but for `pointers`, by the attributes in the commit and the recorded ones."""
    folder = make_temporary_folder()
    try:
        store = ensure_store(Home(folder), "attributes", objects_dir(repository), repository.object_format)
        place = {"GIT_DIR": store, "GIT_INDEX_FILE": os.path.join(folder, "index"), **closed(form_of(form), store)}
        git = Git(folder, place)
        git.run("read-tree", commit)
        files = read_index(git)
        kinds = sort_paths(git, settings, list(files), "--cached")
        blobs = {path: files[path][1] for path, kind in kinds.items() if kind == "lfs" and path not in pointers}
        known = find_pointers(git, set(blobs.values()), find_sizes(git, list(blobs.values())))
    finally:
        remove_tree(folder)
    return {path: [*known[blob]] for path, blob in blobs.items() if blob in known}
