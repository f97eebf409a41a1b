"""A project that looks installed: its metadata, entry points and programs, with the code of the worktree."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reprun.runner.overlay import lay_over, project_paths
from reprun.runner.paths import Home

PROJECT: dict[str, Any] = {
    "mode": "install", "name": "My_demo", "version": "1.2", "requires": ["numpy>=1\nInjected: yes"],
    "scripts": {
        "demo-train": "demo.cli:Main.run", "../evil": "demo.cli:run", "injected": "os:system('x')", "blank": "",
        "a\nb": "demo.cli:run",
    },
    "entry_points": {"demo.plugins": {"one": "demo.plugins:One", "two": "x\n[console_scripts]\nevil = os:system"}},
}  # fmt: skip


def write_project(worktree: Path) -> None:
    package = worktree / "src" / "demo"
    package.mkdir(parents=True)
    (worktree / "pyproject.toml").write_text("")
    (package / "__init__.py").write_text("")
    (package / "cli.py").write_text("import sys\nclass Main:\n    def run():\n        print(*sys.argv[1:])\n        return 7\n")


def test_programs_metadata_and_entry_points_are_those_of_the_worktree(tmp_path: Path) -> None:
    worktree = tmp_path / "a work'tree"
    write_project(worktree)
    home = Home(str(tmp_path / "home"))
    request = {"run_id": "r1", "commit": "c" * 40, "project": PROJECT}
    for _ in range(2):  # it may be asked for again
        folders, programs = project_paths(home, request, str(worktree))
    assert folders[1:] == [str(worktree / "src"), str(worktree)]
    assert sorted(path.name for path in Path(programs).iterdir()) == ["demo-train"]
    installed = tmp_path / "installed"
    (installed / "my_demo-9.dist-info").mkdir(parents=True)
    (installed / "my_demo-9.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: my-demo\nVersion: 9\n")
    env = {"PYTHONPATH": ":".join([*folders, str(installed)]), "PATH": f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"}
    done = subprocess.run(["demo-train", "a b", "$x"], env=env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (7, "a b $x\n", "")
    words = (
        "import json, sys; from importlib.metadata import distribution as d; m = d('my-demo'); "
        "print(json.dumps([m.version, m.requires, [(e.group, e.name) for e in m.entry_points], m.read_text('direct_url.json')]))"
    )
    said = subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, text=True, check=True).stdout
    version, requires, points, origin = json.loads(said)
    assert version == "1.2" and requires == ["numpy>=1 Injected: yes"], "the one in the environment is behind it"
    assert ["demo.plugins", "one"] in points and ["console_scripts", "evil"] not in points and len(points) == 4
    assert json.loads(origin)["dir_info"] == {"editable": True}


def test_a_computed_version_is_that_of_the_commit(tmp_path: Path) -> None:
    site, _ = lay_over(str(tmp_path), {"name": "x", "version": ""}, "/work tree", "0123456789abcdef", "/opt/my python")
    assert [path.name for path in Path(site).iterdir()] == ["x-0+0123456789ab.dist-info"]


@pytest.mark.parametrize("project", [{}, {"name": "../x", "version": "1"}, {"name": "x", "version": "1\nName: y"}])
def test_what_has_no_name_is_only_on_the_path(project: dict[str, Any], tmp_path: Path) -> None:
    assert lay_over(str(tmp_path), project, "/w", "c" * 40, "") == ("", "")


def test_where_packages_are(tmp_path: Path) -> None:
    home, worktree = Home(str(tmp_path)), tmp_path / "w"
    write_project(worktree)
    paths = [
        project_paths(home, {"project": wanted}, str(worktree)) for wanted in ({}, {"mode": "none"}, {"python_path": ["lib", ""]})
    ]
    assert paths == [([f"{worktree}/src", str(worktree)], ""), ([], ""), ([f"{worktree}/lib", str(worktree)], "")]
    (worktree / "src" / "__init__.py").touch()
    assert project_paths(home, {}, str(worktree)) == ([str(worktree)], "")


def test_members_of_a_workspace_are_installed_too_and_come_behind(tmp_path: Path) -> None:
    worktree, home = tmp_path / "w", Home(str(tmp_path / "home"))
    write_project(worktree)
    (worktree / "libs/one/src/one").mkdir(parents=True)
    (worktree / "libs/one/pyproject.toml").touch()
    (worktree / "libs/two/python").mkdir(parents=True)
    members = [
        {"path": "libs/one", "name": "one", "version": "3", "scripts": {"demo-train": "one:no", "one": "one:main"}},
        {"path": "libs/two", "name": "../two", "python_path": ["python", ""]},
    ]
    request = {"run_id": "r1", "commit": "c" * 40, "project": {**PROJECT, "members": members}}
    (site, *folders), programs = project_paths(home, request, str(worktree))
    assert folders == [str(worktree / path) for path in ("src", "", "libs/one/src", "libs/one", "libs/two/python", "libs/two")]
    assert sorted(path.name for path in Path(site).iterdir()) == ["My_demo-1.2.dist-info", "one-3.dist-info"]
    assert "demo.cli" in (Path(programs) / "demo-train").read_text() and (Path(programs) / "one").exists()
    origin = json.loads((Path(site) / "one-3.dist-info/direct_url.json").read_text())
    assert origin["url"] == (worktree / "libs/one").as_uri()
    assert project_paths(home, {"project": {"mode": "path", "members": members}}, str(worktree)) == (folders, "")
