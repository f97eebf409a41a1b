"""The project of a run as an installed package: what `pip install -e` would leave, without running anything of the project.

It lies in the folder of the run, before the environment on the paths of Python and of programs; the code is that of the worktree.
"""

from __future__ import annotations

import json
import os
import re

from reprun.runner.files import ensure_dir, remove_tree, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Tuple

    from reprun.runner.paths import Home

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!+_-]*")
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]*")
_OBJECT = re.compile(r"([\w.]+)\s*:\s*([\w.]+)\s*(\[[\w\s,.-]*\])?")
# A first line may neither be long nor hold blanks: so a shell starts Python, from text that nobody but us has written.
_SCRIPT = """#!/bin/sh
'''exec' %s "$0" "$@"
' '''
import sys
from %s import %s
if __name__ == "__main__":
    sys.exit(%s())
"""


def project_paths(home: Home, request: Mapping[str, Any], worktree: str) -> Tuple[List[str], str]:
    """Where Python looks first for the sake of the project, and where its programs are, "" for nowhere."""
    project = request.get("project") or {}
    if project.get("mode") == "none":
        return [], ""
    parts = project.get("python_path") or request.get("python_path") or _usual(worktree)
    folders = [os.path.normpath(os.path.join(worktree, part)) for part in parts]
    folders += [folder for member in project.get("members", ()) for folder in _folders_of(member, worktree)]
    if project.get("mode") != "install":
        return folders, ""
    digest = request.get("environment")
    python = os.path.join(home.prefix(digest), "bin", "python") if digest else ""
    site, programs = lay_over(home.run(request["run_id"]).path, project, worktree, request["commit"], python)
    return [site, *folders] if site else folders, programs


def _folders_of(member: Mapping[str, Any], worktree: str) -> List[str]:
    """Where the packages of a member of the workspace are."""
    top = os.path.normpath(os.path.join(worktree, str(member["path"])))
    return [os.path.normpath(os.path.join(top, part)) for part in member.get("python_path") or _usual(top)]


def _usual(worktree: str) -> List[str]:
    """The whole of it; before that the folder `src`, where that holds packages and is none."""
    src = os.path.join(worktree, "src")
    is_layout = any(os.path.isfile(os.path.join(worktree, name)) for name in ("pyproject.toml", "setup.py", "setup.cfg"))
    return ["src", ""] if is_layout and os.path.isdir(src) and not os.path.exists(os.path.join(src, "__init__.py")) else [""]


def lay_over(run_path: str, project: Mapping[str, Any], worktree: str, commit: str, python: str) -> Tuple[str, str]:
    """Makes it, or finds it made; returns the folder for Python's path, and that for PATH.

    `python` is what its programs run with. What has no proper name is left out.
    """
    named = [one for one in (project, *project.get("members", ())) if _NAME.fullmatch(str(one.get("name", "")))]
    named = [one for one in named if _VERSION.fullmatch(_version(one, commit))]
    if not named:
        return "", ""
    top = os.path.join(run_path, "overlay")
    aside = top + ".tmp"
    remove_tree(aside)
    site, programs = ensure_dir(os.path.join(aside, "site")), ensure_dir(os.path.join(aside, "bin"))
    for one in reversed(named):  # the project itself comes last: a program of its own wins
        _lay(one, site, os.path.normpath(os.path.join(worktree, str(one.get("path", "")))), _version(one, commit))
        for program, text in _programs(one, python).items():
            write_atomic(os.path.join(programs, program), text.encode(), 0o700, durable=False)
    remove_tree(top)
    os.rename(aside, top)
    return os.path.join(top, "site"), os.path.join(top, "bin")


def _version(project: Mapping[str, Any], commit: str) -> str:
    return str(project.get("version") or "0+" + commit[:12])


def _lay(project: Mapping[str, Any], site: str, folder: str, version: str) -> None:
    name = str(project["name"])
    files = _metadata(project, name, version, folder)
    info = "%s-%s.dist-info" % (re.sub(r"[-_.]+", "_", name), version.replace("-", "_"))
    files["RECORD"] = "".join("%s/%s,,\n" % (info, file) for file in sorted([*files, "RECORD"]))
    for file, text in files.items():
        write_atomic(os.path.join(ensure_dir(os.path.join(site, info)), file), text.encode(), durable=False)


def _metadata(project: Mapping[str, Any], name: str, version: str, worktree: str) -> Dict[str, str]:
    from urllib.request import pathname2url

    lines = ["Metadata-Version: 2.1", "Name: " + name, "Version: " + version]
    lines += ["Requires-Dist: " + " ".join(str(one).split()) for one in project.get("requires", [])]
    origin = {"url": "file://" + pathname2url(worktree), "dir_info": {"editable": True}}
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry_points", {})}
    parts: List[str] = []
    for group, entries in groups.items():
        rows = ["%s = %s" % (key, value) for key, value in sorted(entries.items()) if _is_line(key) and _is_line(value)]
        if rows and _is_line(group):
            parts += ["[%s]" % group, *rows, ""]
    return {
        "METADATA": "\n".join([*lines, ""]), "INSTALLER": "reprun\n", "direct_url.json": json.dumps(origin),
        "entry_points.txt": "\n".join(parts),
    }  # fmt: skip


def _programs(project: Mapping[str, Any], python: str) -> Dict[str, str]:
    import shlex

    found = {}
    for name, value in project.get("scripts", {}).items():
        match = _OBJECT.fullmatch(str(value).strip())
        if match and _PROGRAM.fullmatch(name):
            module, called = match.group(1), match.group(2)
            words = "/usr/bin/env python3" if not python else shlex.quote(python)
            found[name] = _SCRIPT % (words, module, called.partition(".")[0], called)
    return found


def _is_line(text: Any) -> bool:
    return isinstance(text, str) and bool(text.strip()) and "\n" not in text and "\r" not in text
