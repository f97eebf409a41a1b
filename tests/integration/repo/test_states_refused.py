"""What a commit cannot hold, what may not be read, and places that are no dev tree: refused, by name."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run, give_away, unprivileged
from snapshot_lab import Faithful, Refused

from reprun.core.errors import RefusedError, UsageError
from reprun.repo.discover import find_repository

_SNAP = "from snapshot_lab import snap; print(snap().commit)"


def fifo_instead(repo: Path, git: Run) -> str:
    (repo / "train.py").unlink()
    os.mkfifo(repo / "train.py")
    return "train.py"


def fifo_where_a_file_was_planned(repo: Path, git: Run) -> str:
    (repo / "planned.py").write_text("planned\n")
    git("add", "-N", "planned.py")
    (repo / "planned.py").unlink()
    os.mkfifo(repo / "planned.py")
    return "planned.py"


def fifo_behind_a_flag(repo: Path, git: Run) -> str:
    git("update-index", "--assume-unchanged", "train.py")
    return fifo_instead(repo, git)


def device_instead(repo: Path, git: Run) -> str:
    """/dev/zero, which never ends; where only root may make that, the one device that everybody may make (since Linux 5.8)."""
    (repo / "train.py").unlink()
    try:
        os.mknod(repo / "train.py", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    except PermissionError:
        os.mknod(repo / "train.py", 0o666 | stat.S_IFCHR, os.makedev(0, 0))
    return "train.py"


def repository_with_commits(repo: Path, git: Run) -> str:
    git("init", "-q", str(repo / "vendor"))
    git("commit", "-q", "--allow-empty", "-m", "inner", cwd=repo / "vendor")
    return "vendor"


def repository_elsewhere(repo: Path, git: Run) -> str:
    """A linked worktree of this repository inside of it, as people make them."""
    git("worktree", "add", "-q", "-b", "side", str(repo / "trees" / "side"))
    return "trees/side"


def repository_with_a_git_file(repo: Path, git: Run) -> str:
    git("init", "-q", "--separate-git-dir", str(repo.parent / "apart"), str(repo / "vendor"))
    return "vendor"


def repository_instead_of_a_file(repo: Path, git: Run) -> str:
    (repo / "train.py").unlink()
    git("init", "-q", str(repo / "train.py"))
    git("commit", "-q", "--allow-empty", "-m", "inner", cwd=repo / "train.py")
    return "train.py"


def name_that_git_forbids(repo: Path, git: Run) -> str:
    (repo / "git~1").write_text("forbidden")
    return "git~1"


def name_that_is_git_in_capitals(repo: Path, git: Run) -> str:
    (repo / ".GIT").write_text("forbidden")
    return ".GIT"


def paths_longer_than_the_system_takes(repo: Path, git: Run) -> str:
    here = os.getcwd()
    try:
        for _ in range(20):
            os.mkdir("d" * 250)
            os.chdir("d" * 250)
        Path("bottom.py").write_text("too deep\n")
    finally:
        os.chdir(here)
    return "d" * 200


REFUSALS = [
    fifo_instead, fifo_where_a_file_was_planned, fifo_behind_a_flag, device_instead, repository_with_commits,
    repository_elsewhere, repository_with_a_git_file, repository_instead_of_a_file, name_that_git_forbids,
    name_that_is_git_in_capitals, paths_longer_than_the_system_takes,
]  # fmt: skip


@pytest.mark.parametrize("state", REFUSALS, ids=lambda state: state.__name__)
def test_what_a_commit_cannot_hold_is_refused_by_name(
    repo: Path, git: Run, refused: Refused, state: Callable[[Path, Run], str]
) -> None:
    refused(repo, state(repo, git))


@pytest.mark.needs("setpriv")
@pytest.mark.parametrize("path", ["train.py", "new.py", "conf", "closed", "conf (listed only)"])
def test_what_may_not_be_read_is_refused_by_name(repo: Path, git: Run, path: str) -> None:
    """Also a folder, which git itself passes over with a warning."""
    (repo / "closed").mkdir()
    for name in ("train.py", "new.py", "closed/inside.py", "conf/new.yaml"):
        (repo / name).write_text("edited\n")
    name, _, listed = path.partition(" ")
    closed = repo / name
    before = closed.stat().st_mode
    closed.chmod(0o444 if listed else 0)
    done = unprivileged(sys.executable, "-c", _SNAP, PYTHONPATH=os.path.dirname(__file__))
    closed.chmod(before)
    assert done.returncode == 1 and "RefusedError: " in done.stderr and name in done.stderr.splitlines()[-1], done
    assert git("for-each-ref", "refs/reprun") == ""


@pytest.mark.needs("setpriv")
def test_what_may_not_be_read_and_is_ignored_is_no_matter(repo: Path, git: Run) -> None:
    (repo / ".gitignore").write_text("closed/\nsecret\n")
    (repo / "closed").mkdir()
    (repo / "secret").write_text("x")
    for name in ("closed", "secret"):
        (repo / name).chmod(0)
    done = unprivileged(sys.executable, "-c", _SNAP, PYTHONPATH=os.path.dirname(__file__))
    (repo / "closed").chmod(0o700)
    assert git("ls-tree", "-r", "--name-only", done.stdout.strip()).splitlines() == [".gitignore", "conf/base.yaml", "train.py"]


def test_no_worktree_to_snapshot(repo: Path, git: Run) -> None:
    git("init", "-q", "--bare", "../bare.git")
    for place in ("../bare.git", ".git", "../bare.git/objects"):
        with pytest.raises(UsageError, match="bare") as caught:
            find_repository(os.path.abspath(place))
        assert caught.value.hint
    with pytest.raises(UsageError, match="not in a Git repository"):
        find_repository("/")


def test_settings_that_git_cannot_read(repo: Path, git: Run) -> None:
    config = repo / ".git" / "config"
    before = config.read_text()
    wrong = {"[include]\n\tpath = config\n": "include", "[broken\n": "config", "[core]\n\tfileMode = perhaps\n": "perhaps|bool"}
    for more, word in wrong.items():
        config.write_text(before + more)
        with pytest.raises(RefusedError, match=word) as caught:
            find_repository(str(repo))
        assert caught.value.hint


@pytest.mark.needs("chown")
def test_a_repository_of_somebody_else(repo: Path, git: Run, private_home: Path, faithful: Faithful) -> None:
    (repo / "train.py").write_text("edited\n")
    for folder in (repo, repo / ".git"):
        folder.chmod(0o777)  # so that this user, whoever that is, can still write there
        give_away(folder)
    with pytest.raises(RefusedError, match="belongs to another user") as caught:
        find_repository(str(repo / "conf"))
    assert f"safe.directory {repo}" in caught.value.hint
    (private_home / ".gitconfig").write_text(f"[safe]\n\tdirectory = {repo}\n")
    faithful(repo)
    for folder in (repo, repo / ".git"):
        give_away(folder, os.geteuid())
