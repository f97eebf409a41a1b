"""The practice project of `reprun demo`: a Git repository with real training and a tree that is not clean."""

from __future__ import annotations

import os
import shutil
import sys

import reprun
from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.system.process import run

_SOURCE = os.path.join(os.path.dirname(reprun.__file__), "demo")
_OLD_LINE = "DECAY = 1.0"
_NEW_LINE = "DECAY = 0.8"


@dataclass(frozen=True)
class DemoProject:
    """A project that was just made: no commit holds the edits in `modified` and the module in `untracked`."""

    folder: str
    modified: tuple[str, ...] = ("conf/base.yaml", "train.py")
    untracked: tuple[str, ...] = ("features.py",)


@dataclass(frozen=True)
class LineChange:
    """One line of a file before and after a change."""

    path: str
    number: int
    old: str
    new: str


def prepare_demo(folder: str) -> DemoProject:
    """Makes the project in `folder`. Raises `RefusedError`, and touches nothing, if it holds files."""
    if os.path.lexists(folder) and not (os.path.isdir(folder) and not os.listdir(folder)):
        raise RefusedError(f"{show(folder)} is there and is not an empty folder", hint="reprun demo FOLDER")
    project = DemoProject(os.path.abspath(folder))
    caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(os.path.join(_SOURCE, "project"), project.folder, dirs_exist_ok=True, ignore=caches)
    _git(project, "init", "--quiet", "--template=", "--initial-branch=main")
    _git(project, "add", "--all")
    _git(project, "commit", "--quiet", "--message=A network for handwritten digits")
    _work_on(project)
    return project


def change_one_line(project: DemoProject) -> LineChange:
    """The next idea: the learning rate decays. From here on the code prints and computes something else."""
    path = os.path.join(project.folder, "train.py")
    lines = _read(path).splitlines(keepends=True)
    number = next(index for index, line in enumerate(lines) if line.startswith(_OLD_LINE))
    lines[number] = lines[number].replace(_OLD_LINE, _NEW_LINE)
    _write(path, "".join(lines))
    return LineChange("train.py", number + 1, _OLD_LINE, _NEW_LINE)


def tree_state(project: DemoProject) -> str:
    """What git says of the tree, its index, its branches and its stash: equal texts, nothing was touched."""
    status = _git(project, "status", "--short", "--branch")
    return status + _git(project, "for-each-ref", "refs/heads", "refs/stash", "refs/tags")


def sealed_head(project: DemoProject, run_id: str) -> list[str]:
    """The first lines of the manifest of a run, as git holds it."""
    return _git(project, "cat-file", "-p", f"refs/reprun/manifests/{run_id}").splitlines()[:3]


def find_python() -> tuple[str, str]:
    """The folder of this interpreter, and the name by which a command finds it there: it can train."""
    folder, name = os.path.split(sys.executable)
    short = os.path.join(folder, "python")
    same = os.path.exists(short) and os.path.samefile(short, sys.executable)
    return folder, "python" if same else name


def _work_on(project: DemoProject) -> None:
    """Leaves the tree as trees are: a config and some code are edited, a module of it was never added."""
    module = os.path.join(project.folder, "features.py")
    shutil.copyfile(os.path.join(_SOURCE, "edits", "features.py"), module)
    config = os.path.join(project.folder, "conf", "base.yaml")
    _write(config, _read(config).replace("hidden: 16", "hidden: 24"))
    train = os.path.join(project.folder, "train.py")
    code = _read(train)
    own = code[code.index("def scale(") : code.index("class Network:")]
    _write(train, code.replace(own, "").replace("import yaml\n", "import yaml\nfrom features import scale\n"))


def _git(project: DemoProject, *words: str) -> str:
    """What git says, run as a person of the demo's own, with none of the user's settings, hooks or keys."""
    person = {"NAME": "Demo", "EMAIL": "demo@example.org"}
    env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_OPTIONAL_LOCKS": "0"}
    env |= {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in person.items()}
    return run(["git", *words], cwd=project.folder, env=env).stdout.decode()


def _read(path: str) -> str:
    with open(path, encoding="utf-8") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
