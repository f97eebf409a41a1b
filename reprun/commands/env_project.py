"""How a run finds the code of its own project: by the path of the worktree, or as an installed package."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence

from reprun.commands.env_choosing import read_files
from reprun.core.errors import UsageError
from reprun.core.spec import RunSpec, Snapshot
from reprun.core.text import show
from reprun.workspace import Workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

NAME = "pyproject.toml"
_MARKS = (b"scripts]", b"entry-points", b"package-dir", b"where", b"from", b"scripts.", b"plugins")
_COMPILED = ("maturin", "mesonpy", "scikit_build_core", "setuptools_rust", "skbuild")
_EXTENSIONS = "its compiled parts are not built, so the run gets only its Python files"


def find_project(workspace: Workspace, spec: RunSpec, snapshot: Snapshot, locked: Mapping[str, Any]) -> dict[str, Any]:
    """What a host is told of the project: `mode`, and what installing it would leave. Nothing where the path is enough.

    The same of the `members` of its workspace. A reproduction does what the run did that it reproduces.
    """
    is_locked = bool(locked)
    wanted = _recorded(workspace, spec) or str(workspace.settings.environment.get("project", "auto"))
    if wanted == "none" or (wanted == "auto" and not is_locked):
        return {"mode": "none"} if wanted == "none" and is_locked else {}
    if wanted in ("auto", "path") and not os.path.lexists(os.path.join(workspace.repository.top, NAME)):
        return {"mode": "path"} if wanted == "path" and not is_locked else {}
    data = read_files(workspace, snapshot.commit, [NAME])[0]
    table = read_project(data) if data is not None and (wanted == "install" or any(mark in data for mark in _MARKS)) else {}
    members = _members(workspace, snapshot, locked.get("members", ()))
    if wanted == "install" and not table.get("name") and not members:
        raise UsageError(
            f"{NAME} does not say what the project is called", hint='[project] name = "…", or [environment] project = "path"'
        )
    note = table.pop("note", "")
    if note:
        workspace.notes.append(note)
    more = {"members": members} if members else {}
    if wanted == "install" or (wanted == "auto" and any(_has_entries(one) for one in (table, *members))):
        return {"mode": "install", **table, **more}
    paths = {"python_path": table["python_path"]} if "python_path" in table else {}
    return {"mode": "path", **paths, **more} if paths or more or not is_locked else {}


def _has_entries(table: Mapping[str, Any]) -> bool:
    return bool(table.get("name") and (table.get("scripts") or table.get("entry_points")))


def _members(workspace: Workspace, snapshot: Snapshot, folders: Sequence[str]) -> list[dict[str, Any]]:
    """What the pyproject.toml of each of these folders says, with its `path`."""
    if not folders:
        return []
    texts = read_files(workspace, snapshot.commit, [posixpath.join(folder, NAME) for folder in folders])
    found = [{**read_project(text or b""), "path": folder} for folder, text in zip(folders, texts, strict=True)]
    workspace.notes.extend(note for note in (one.pop("note", "") for one in found) if note)
    return found


def read_project(data: bytes) -> dict[str, Any]:
    """The `name` of the project, `version` ("" where it is computed), `scripts`, `entry_points`, what it `requires`, and the
    `python_path` where it says one. Of the fields that are no text nothing."""
    from reprun.config.formats import parse

    try:
        parsed = parse(data.decode(), "toml", NAME)
    except UnicodeDecodeError:
        raise UsageError(f"{NAME} is not text in UTF-8") from None
    tool = _table(parsed.get("tool"))
    project, poetry = _table(parsed.get("project")), _table(tool.get("poetry"))
    entries = {**_table(poetry.get("plugins")), **_table(project.get("entry-points"))}
    requires = project.get("dependencies")
    found: dict[str, Any] = {
        "name": str(project.get("name") or poetry.get("name") or ""),
        "version": str(project.get("version") or poetry.get("version") or ""),
        "scripts": {**_texts(poetry.get("scripts")), **_texts(project.get("scripts")), **_texts(project.get("gui-scripts"))},
        "entry_points": {str(name): _texts(group) for name, group in entries.items()},
        "requires": [str(one) for one in requires] if isinstance(requires, list) else [],
    }
    paths = list(dict.fromkeys(_paths(tool, poetry)))
    if paths:
        found["python_path"] = [*paths, ""]
    backend = str(_table(parsed.get("build-system")).get("build-backend", ""))
    if backend.startswith(_COMPILED) or "ext-modules" in _table(tool.get("setuptools")):
        found["note"] = f"{show(found['name'])} is not installed but taken from the worktree: {_EXTENSIONS}"
    return found


def _recorded(workspace: Workspace, spec: RunSpec) -> str:
    if not (spec.lock and spec.parent):
        return ""
    return str(workspace.manifest(spec.parent).table("environment").get("project", ""))


def _paths(tool: Mapping[str, Any], poetry: Mapping[str, Any]) -> Iterator[str]:
    """The folders of the repository in which packages are, as the settings of build backends say."""
    setuptools = _table(tool.get("setuptools"))
    where = _table(_table(setuptools.get("packages")).get("find")).get("where")
    named = [_table(setuptools.get("package-dir")).get(""), *(where if isinstance(where, list) else [])]
    packages = poetry.get("packages")
    named += [_table(one).get("from") for one in (packages if isinstance(packages, list) else [])]
    for path in named:
        if isinstance(path, str) and path and "\0" not in path:
            inside = posixpath.normpath(path)
            if inside != "." and not inside.startswith(("/", "..")):
                yield inside


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> dict[str, str]:
    return {str(name): text for name, text in _table(value).items() if isinstance(text, str)}
