"""The promises "the dev tree is sacred" and "the recorded commit is the code": one test for each state of a tree."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import sacred, snap, tree_of, tree_on_disk


def modified(repo: Path, git: Run) -> None:
    (repo / "train.py").write_text("print('edited')\n")


def staged(repo: Path, git: Run) -> None:
    modified(repo, git)
    git("add", "train.py")


def staged_then_modified(repo: Path, git: Run) -> None:
    staged(repo, git)
    (repo / "train.py").write_text("print('edited again')\n")


def staged_then_deleted(repo: Path, git: Run) -> None:
    (repo / "late.py").write_text("x")
    git("add", "late.py")
    (repo / "late.py").unlink()


def deleted(repo: Path, git: Run) -> None:
    (repo / "train.py").unlink()


def removed_from_index_only(repo: Path, git: Run) -> None:
    git("rm", "-q", "--cached", "train.py")


def folder_deleted(repo: Path, git: Run) -> None:
    (repo / "conf" / "base.yaml").unlink()
    (repo / "conf").rmdir()


def renamed(repo: Path, git: Run) -> None:
    (repo / "train.py").rename(repo / "fit.py")


def renamed_in_index(repo: Path, git: Run) -> None:
    git("mv", "train.py", "fit.py")


def new(repo: Path, git: Run) -> None:
    (repo / "lib" / "deep").mkdir(parents=True)
    (repo / "lib" / "deep" / "module.py").write_text("value = 1\n")
    (repo / "empty").write_bytes(b"")


def executable(repo: Path, git: Run) -> None:
    (repo / "run.sh").write_text("#!/bin/sh\n")
    (repo / "run.sh").chmod(0o755)


def mode_only(repo: Path, git: Run) -> None:
    (repo / "train.py").chmod(0o755)


def links(repo: Path, git: Run) -> None:
    (repo / "latest").symlink_to("train.py")
    (repo / "folder").symlink_to("conf")
    (repo / "dangling").symlink_to("/nowhere/at all")


def file_becomes_link(repo: Path, git: Run) -> None:
    (repo / "train.py").unlink()
    (repo / "train.py").symlink_to("conf/base.yaml")


def file_becomes_folder(repo: Path, git: Run) -> None:
    (repo / "train.py").unlink()
    (repo / "train.py").mkdir()
    (repo / "train.py" / "__init__.py").write_text("")


def odd_names(repo: Path, git: Run) -> None:
    for name in (b"new\nline", b'quo"te', b"tab\tback\\slash", b"-n", b":(top)magic", b" ", b"*", b"caf\xc3\xa9", b"bad\xff\xfe"):
        with open(os.path.join(os.fsencode(repo), name), "wb") as file:
            file.write(name)


def line_ends_and_bytes(repo: Path, git: Run) -> None:
    (repo / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    (repo / "data.bin").write_bytes(bytes(range(256)) * 300)


def intent_to_add(repo: Path, git: Run) -> None:
    (repo / "planned.py").write_text("planned = True\n")
    git("add", "--intent-to-add", "planned.py")


def assume_unchanged(repo: Path, git: Run) -> None:
    git("update-index", "--assume-unchanged", "train.py")
    modified(repo, git)


def skip_worktree(repo: Path, git: Run) -> None:
    git("update-index", "--skip-worktree", "train.py")
    modified(repo, git)


def split_index(repo: Path, git: Run) -> None:
    git("config", "core.splitIndex", "true")
    git("update-index", "--split-index")
    staged(repo, git)
    new(repo, git)


def index_version_4(repo: Path, git: Run) -> None:
    git("update-index", "--index-version", "4")
    staged_then_modified(repo, git)


def no_index(repo: Path, git: Run) -> None:
    (repo / ".git" / "index").unlink()


def detached(repo: Path, git: Run) -> None:
    git("switch", "-q", "--detach")
    modified(repo, git)


def stash_there(repo: Path, git: Run) -> None:
    modified(repo, git)
    git("stash", "-q")
    new(repo, git)


def same_size_and_time(repo: Path, git: Run) -> None:
    before = (repo / "train.py").stat()
    (repo / "train.py").write_text("print('Training')\n")
    os.utime(repo / "train.py", ns=(before.st_atime_ns, before.st_mtime_ns))


STATES = [
    modified, staged, staged_then_modified, staged_then_deleted, deleted, removed_from_index_only, folder_deleted, renamed,
    renamed_in_index, new, executable, mode_only, links, file_becomes_link, file_becomes_folder, odd_names, line_ends_and_bytes,
    intent_to_add, assume_unchanged, skip_worktree, split_index, index_version_4, no_index, detached, stash_there,
    same_size_and_time,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_snapshot_is_what_is_on_the_disk(repo: Path, git: Run, state: Callable[[Path, Run], None]) -> None:
    state(repo, git)
    with sacred(repo):
        snapshot = snap()
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo)
    head = git("rev-parse", "HEAD")
    assert snapshot.parent == head
    assert git("rev-parse", snapshot.commit + ("^" if snapshot.dirty else "")) == head
    assert git("rev-parse", snapshot.commit + "^{tree}") == snapshot.tree
    assert git("rev-parse", snapshot.ref) == snapshot.commit


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_same_state_is_the_same_commit(repo: Path, git: Run, state: Callable[[Path, Run], None]) -> None:
    state(repo, git)
    first, second = snap(), snap()
    assert first.commit == second.commit
    assert first.ref != second.ref


def test_it_counts(repo: Path, git: Run) -> None:
    modified(repo, git)
    new(repo, git)
    (repo / "conf" / "base.yaml").unlink()
    snapshot = snap()
    assert (snapshot.dirty, snapshot.changed, snapshot.added, snapshot.deleted) == (True, 1, 2, 1)
    assert (snapshot.parent, snapshot.branch) == (git("rev-parse", "HEAD"), "main")


def test_a_clean_tree_is_its_commit(repo: Path, git: Run) -> None:
    with sacred(repo):
        snapshot = snap(require_clean=True)
    assert snapshot.commit == git("rev-parse", "HEAD")
    assert not snapshot.dirty


def test_a_touched_but_equal_file_is_clean(repo: Path, git: Run) -> None:
    os.utime(repo / "train.py", (1, 1))
    with sacred(repo):
        assert snap(require_clean=True).commit == git("rev-parse", "HEAD")


def test_ignored_files_stay_out_and_forced_ones_stay_in(repo: Path, git: Run) -> None:
    (repo / ".gitignore").write_text("*.log\n")
    (repo / "big.log").write_text("ignored")
    (repo / "kept.log").write_text("forced")
    git("add", "--force", "kept.log")
    (repo / "kept.log").write_text("forced and edited")
    (repo / ".git" / "info" / "exclude").write_text("secret.txt\n")
    (repo / "secret.txt").write_text("hidden")
    with sacred(repo):
        snapshot = snap()
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo, ignored=("big.log", "secret.txt"))


def test_from_a_subdirectory(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    modified(repo, git)
    new(repo, git)
    monkeypatch.chdir(repo / "conf")
    with sacred(repo):
        snapshot = snap()
    monkeypatch.chdir(repo)
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo)


def test_a_linked_worktree(repo: Path, git: Run, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "side", str(linked))
    modified(repo, git)
    (linked / "train.py").write_text("print('on the side')\n")
    (linked / "new.py").write_text("")
    with sacred(repo), sacred(linked, repo / ".git"):
        snapshot = snap(linked)
    assert tree_of(git, snapshot.commit) == tree_on_disk(linked)
    assert snapshot.branch == "side"


@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
@pytest.mark.parametrize("empty", [True, False])
def test_a_repository_without_commits(
    tmp_path: Path, git: Run, monkeypatch: pytest.MonkeyPatch, algorithm: str, empty: bool
) -> None:
    repo = tmp_path / "young"
    git("init", "-q", "--object-format", algorithm, str(repo))
    monkeypatch.chdir(repo)
    if not empty:
        (repo / "train.py").write_text("first\n")
    with sacred(repo):
        first, second = snap(), snap()
    assert first.commit == second.commit
    assert (first.parent, first.branch) == ("", "main")
    assert git("log", "--format=%P", first.commit) == ""
    assert (tree_of(git, first.commit) if not empty else {}) == tree_on_disk(repo, algorithm=algorithm)


def test_a_sha256_repository(tmp_path: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "long"
    git("init", "-q", "--object-format", "sha256", str(repo))
    monkeypatch.chdir(repo)
    (repo / "train.py").write_text("first\n")
    git("add", "--all")
    git("commit", "-qm", "first")
    modified(repo, git)
    with sacred(repo):
        snapshot = snap()
    assert len(snapshot.commit) == 64
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo, algorithm="sha256")


def test_what_git_would_drop_is_kept_by_the_ref(repo: Path, git: Run) -> None:
    modified(repo, git)
    snapshot = snap()
    git("gc", "-q", "--prune=now")
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo)


def test_a_killed_snapshot_leaves_the_tree_alone(repo: Path, git: Run) -> None:
    new(repo, git)
    code = (
        "import os, signal, sys\n"
        "from reprun.repo import snapshot\n"
        "snapshot.create_ref = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        "from reprun.repo.discover import find_repository\n"
        "snapshot.take_snapshot(find_repository('.'), snapshot.Wish('20261121-031622-zzzzzz'))\n"
    )
    before = git("status", "--porcelain")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert git("status", "--porcelain") == before
    assert not (repo / ".git" / "index.lock").exists()
    assert tree_of(git, snap().commit) == tree_on_disk(repo)
