"""The lock of a run from the `uv.lock` or the `requirements.txt` of its snapshot. What was edited since then is not asked."""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from reprun.commands.env_choosing import Ground, Tell, read_files
from reprun.commands.env_memory import recall_platform, recall_pythons
from reprun.commands.env_pythons import get_python, read_python_version, wanted_with
from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.env.choosing import read_plan
from reprun.env.kept import Locked
from reprun.env.sources import Wanted
from reprun.runner.pythons import names
from reprun.workspace import Workspace

if TYPE_CHECKING:
    from reprun.env.requirements import Requirements
    from reprun.env.wheels import Pinned
    from reprun.targets import Target

_FORMAT = 2  # another one when the same files would give another lock or plan
_FILES = {"uv": ("uv.lock",), "requirements": ("requirements.txt",)}
_NAMED = re.compile(rb"^\s*(?:-r|--requirement)[\s=]+(\S+)", re.MULTILINE)
Choose = Callable[..., Mapping[str, Any]]  # the Python that is all that its arguments want
# The packages, that Python, what found them, and the folders of packages of the repository itself.
Read = tuple[list["Pinned"], Mapping[str, Any], str, list[str]]
_MOST = 100  # files that name each other
_HASHES = "uv pip compile --generate-hashes, or pip-compile with it, writes them"


@dataclass(frozen=True)
class Found:
    """The files of a snapshot that say what is needed, by their paths."""

    kind: str
    paths: tuple[str, ...]
    files: Mapping[str, bytes | None]

    @property
    def beside(self) -> str:
        """The folder of the lock: pyproject.toml is there."""
        return posixpath.dirname(self.paths[0])

    def get(self, name: str) -> bytes | None:
        """The file of this name beside the lock."""
        return self.files.get(posixpath.join(self.beside, name))


def find_locked(
    workspace: Workspace, ground: Ground, target: Target, what: tuple[str, str], tell: Tell
) -> tuple[Locked, Wanted] | None:
    """The lock that the files of the commit make for the target, and what it had to fit.

    `what` is the kind and the commit. None where a requirements.txt is no lock and nobody has said that it is.
    """
    kind, commit = what
    found = read_found(ground, kind, lambda paths: read_files(workspace, commit, paths))
    known = find_known(workspace, ground, target, found)
    if known is not None:
        return known, Wanted(str(known.plan["platform"]), {}, {}, ground.rules.categories)
    rules, settings = ground.rules, [ground.rules.python, *ground.rules.categories]
    tell(f"reading {', '.join(map(show, found.paths))}")
    why = _why_none(found) if kind == "requirements" and rules.kind == "auto" and not rules.files else ""
    if why:
        workspace.notes.append(f"{why}, so the run gets the Python that is there: {_HASHES}")
        return None
    text, python, known_pythons = _make(workspace, ground, target, found)
    wanted = wanted_with(workspace, target, rules, python)
    locked = read_plan(text, wanted, target.name, "committed")
    ground.kept.keep(_key(found, wanted.platform, known_pythons, settings), locked, text)
    return locked, wanted


def find_known(workspace: Workspace, ground: Ground, target: Target, found: Found) -> Locked | None:
    """What came of these files before."""
    platform = str(recall_platform(workspace, target.host, may_be_old=True)["platform"])
    settings = [ground.rules.python, *ground.rules.categories]
    for every in (False, True):
        pythons = recall_pythons(workspace, target.host, may_be_old=True, every=every)
        known = ground.kept.find(_key(found, platform, pythons, settings))
        if known is not None and known.plan["python"] in map(names, pythons) and ground.kept.find_text(known.digest) is not None:
            return known
    return None


def check_locked(workspace: Workspace, ground: Ground, target: Target, kind: str) -> tuple[Found, Locked]:
    """The lock that the files of the dev tree make as they lie there. Raises what `find_locked` raises; keeps nothing."""
    found = read_found(ground, kind, lambda paths: read_files(workspace, "", paths))
    text, python, _ = _make(workspace, ground, target, found)
    wanted = wanted_with(workspace, target, ground.rules, python)
    return found, read_plan(text, wanted, target.name, "committed")


def read_found(ground: Ground, kind: str, read: Callable[[list[str]], list[bytes | None]]) -> Found:
    """The files of this kind, as `read` gives them. Raises `UsageError` for one that is missing."""
    paths = ground.rules.files or _FILES[kind]
    beside = posixpath.dirname(paths[0])
    more = [posixpath.join(beside, name) for name in ("pyproject.toml", ".python-version")]
    wanted = [*paths, *more]
    files = dict(zip(wanted, read(wanted), strict=True))
    missing = next((path for path in paths if files[path] is None), "")
    if missing:
        raise UsageError(f"{show(missing)} is not in the snapshot", hint=f"git check-ignore -v {show(missing)} says why")
    todo = [path for path in paths if kind == "requirements"]
    while todo and len(files) < _MOST:
        named = {
            posixpath.normpath(posixpath.join(posixpath.dirname(path), name)) for path in todo for name in _named(files[path])
        }
        todo = sorted(path for path in named if path not in files and not path.startswith(("/", "..")))
        files.update(zip(todo, read(todo), strict=True))
    return Found(kind, tuple(paths), files)


def _named(data: bytes | None) -> list[str]:
    return [os.fsdecode(name) for name in _NAMED.findall(data or b"")]


def _make(
    workspace: Workspace, ground: Ground, target: Target, found: Found
) -> tuple[bytes, Mapping[str, Any], Sequence[Mapping[str, Any]]]:
    """The text of the lock, the Python that it is for, and those that this was chosen from."""
    from reprun.env.pylock import Pylock, render

    chosen_from: list[Mapping[str, Any]] = []

    def choose(*specs: str) -> Mapping[str, Any]:
        pin = ground.rules.python or read_python_version(found.get(".python-version"))
        python, chosen_from[:] = get_python(workspace, target, [pin, *specs])
        return python

    read = _read_uv if found.kind == "uv" else _read_requirements
    packages, python, solver, folders = read(ground, found, _pyproject(found), choose)
    members = tuple(posixpath.join(found.beside, folder) for folder in folders)
    lock = Pylock(found.kind, str(python["markers"]["python_version"]), {}, tuple(packages), solver, members)
    return render(lock, python), python, chosen_from


def _read_uv(ground: Ground, found: Found, pyproject: Mapping[str, Any], choose: Choose) -> Read:
    from reprun.env.uv_lock import check_fresh, parse_uv_lock, resolve

    lock = parse_uv_lock(found.files[found.paths[0]] or b"", found.paths[0])
    python = choose(lock.requires_python, _requires(pyproject))
    check_fresh(lock, pyproject, python["markers"])
    packages, folders = resolve(lock, python["markers"], ground.rules.categories)
    return packages, python, "uv", folders


def _read_requirements(ground: Ground, found: Found, pyproject: Mapping[str, Any], choose: Choose) -> Read:
    from reprun.env.pip_index import locate
    from reprun.env.requirements import chosen

    whole = _parse(found)
    if whole.loose:
        names = show(", ".join(whole.loose[:5]))
        raise RefusedError(f"{show(found.paths[0])} does not pin {names} by version and hash", hint=_HASHES)
    python = choose(_requires(pyproject))
    packages, solver = locate(chosen(whole, python["markers"]), whole.options, python, ground.rules.timeout)
    return packages, python, solver, []


def _parse(found: Found) -> Requirements:
    from reprun.env.requirements import Requirements, parse_requirements

    parts = [parse_requirements(path, found.files.get) for path in found.paths]
    items, options, files = ([one for part in parts for one in getattr(part, name)] for name in ("items", "options", "files"))
    return Requirements(tuple(items), tuple(options), tuple(files))


def _why_none(found: Found) -> str:
    """Why a requirements.txt is no lock; empty when it is one."""
    try:
        loose = _parse(found).loose
    except UsageError as error:
        return error.message
    return f"{show(found.paths[0])} does not pin {show(', '.join(loose[:5]))} by version and hash" if loose else ""


def _pyproject(found: Found) -> dict[str, Any]:
    data = found.get("pyproject.toml")
    if data is None:
        return {}
    from reprun.config.formats import parse

    try:
        parsed: dict[str, Any] = parse(data.decode(), "toml", "pyproject.toml")
    except UnicodeDecodeError:
        raise UsageError("pyproject.toml is not text in UTF-8") from None
    return parsed


def _requires(pyproject: Mapping[str, Any]) -> str:
    table = pyproject.get("project")
    return str(table.get("requires-python") or "") if isinstance(table, dict) else ""


def _key(found: Found, platform: str, pythons: Sequence[Mapping[str, Any]], rules: Sequence[str]) -> str:
    """The name of what comes of these. Where on the host a Python is decides nothing."""
    there = [{name: value for name, value in python.items() if name not in ("path", "pip")} for python in pythons]
    files = [[path, sha256(data or b"").hexdigest(), data is None] for path, data in sorted(found.files.items())]
    parts = [_FORMAT, found.kind, list(found.paths), files, platform, there, list(rules)]
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
