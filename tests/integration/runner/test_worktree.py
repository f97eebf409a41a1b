"""Shared checkouts: exactly the commit, read-only, cheap beside a near one, and never used once they were changed."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from lab import Run
from worktree_lab import Trees, inodes, overwrite

from reprun.runner import worktree
from reprun.runner.files import locked


@pytest.fixture
def trees(repo: Path, home: Path, git: Run) -> Trees:
    return Trees(repo, home, git)


def more(repo: Path) -> None:
    """Files of every kind, with every kind of name."""
    (repo / "lib" / "deep").mkdir(parents=True)
    (repo / "lib" / "deep" / "module.py").write_text("value = 1")
    (repo / "run.sh").write_text("#!/bin/sh")
    (repo / "run.sh").chmod(0o755)
    (repo / "link").symlink_to("train.py")
    (repo / "dangling").symlink_to("/nowhere")
    for name in (b"new\nline", b'"quoted"', b"tab\there", b"back\\slash", b"caf\xc3\xa9", b"bad\xff", b"-rf", b" ", b"a:b"):
        with open(os.path.join(os.fsencode(repo), name), "wb") as file:
            file.write(b"named " + name.strip())


def edit(repo: Path) -> None:
    (repo / "train.py").write_text("edited")
    (repo / "new.py").write_text("new")


def test_the_tree_is_the_commit(trees: Trees) -> None:
    path = trees.ensure(trees.commit(more))
    assert path.is_dir() and (path / "run.sh").stat().st_mode & 0o111


def test_the_tree_is_read_only(trees: Trees) -> None:
    path = trees.ensure(trees.commit(more))
    for folder, _, files in os.walk(path):
        for name in [".", *files]:
            entry = os.path.join(folder, name)
            assert os.path.islink(entry) or os.lstat(entry).st_mode & 0o222 == 0, entry


def test_git_in_the_tree_sees_the_commit_and_a_clean_tree(trees: Trees, git: Run) -> None:
    commit = trees.commit(more)
    for other in (commit, trees.commit(edit)):
        path = trees.ensure(other)
        assert git("rev-parse", "HEAD", cwd=path) == other
        assert git("status", "--porcelain", "--ignored", cwd=path) == ""


def test_unchanged_files_are_shared_with_the_nearest_tree(trees: Trees) -> None:
    first = trees.ensure(trees.commit(more))
    second = trees.ensure(trees.commit(edit))
    one, two = inodes(first), inodes(second)
    assert {name for name in two if two[name] != one.get(name)} == {"train.py", "new.py"}


@pytest.mark.parametrize("again", range(2))
def test_whatever_changes_the_new_tree_is_the_commit(trees: Trees, again: int) -> None:
    def reshape(repo: Path) -> None:
        (repo / "train.py").chmod(0o755)
        (repo / "link").unlink()
        (repo / "link").mkdir()
        (repo / "link" / "file").write_text("folder now")
        (repo / "lib" / "deep" / "module.py").unlink()
        (repo / "lib" / "deep").rmdir()
        (repo / "lib" / "deep").symlink_to("..")
        (repo / "run.sh").unlink()
        (repo / "run.sh").symlink_to("link/file")
        os.unlink(os.path.join(os.fsencode(repo), b"bad\xff"))
        (repo / "conf" / "base.yaml").rename(repo / "conf" / "BASE.yaml")

    one = trees.commit(more)
    two = trees.commit(reshape)
    for commit in (one, two) if again else (two, one):
        trees.ensure(commit)
    trees.ensure(one)


def test_changed_attributes_mean_a_full_checkout(trees: Trees) -> None:
    first = trees.ensure(trees.commit(lambda repo: (repo / "dos.txt").write_bytes(b"one\ntwo")))
    second = Path(
        worktree.ensure_worktree(
            trees.place, trees.commit(lambda repo: (repo / ".gitattributes").write_text("*.txt text eol=crlf\n"))
        )
    )
    assert (first / "dos.txt").read_bytes() == b"one\ntwo"
    assert (second / "dos.txt").read_bytes() == b"one\r\ntwo"
    assert not set(inodes(first).values()) & set(inodes(second).values())


def test_a_tree_that_is_there_is_used_as_it_is(trees: Trees) -> None:
    commit = trees.commit(more)
    before = inodes(trees.ensure(commit))
    assert inodes(trees.ensure(commit)) == before


DAMAGE = {
    "content": lambda path: overwrite(path / "run.sh", b"#!/bin/no"),
    "same size and time": lambda path: overwrite(path / "train.py", b"print('trAining')\n"),
    "emptied": lambda path: os.truncate(path / "run.sh", 0),
    "mode": lambda path: (path / "run.sh").chmod(0o444),
    "gone": lambda path: [path.chmod(0o755), (path / "train.py").unlink(), path.chmod(0o555)],
    "extra file": lambda path: [path.chmod(0o755), (path / "extra.py").write_text(""), path.chmod(0o555)],
    "extra folder": lambda path: [path.chmod(0o755), (path / "extra").mkdir(), path.chmod(0o555)],
    "ignored file": lambda path: [path.chmod(0o755), (path / "x.log").write_text(""), path.chmod(0o555)],
    "replaced": lambda path: [
        path.chmod(0o755), (path / "train.py").rename(path / "t"), (path / "t").rename(path / "train.py"),
        (path / "link").unlink(), (path / "link").symlink_to("run.sh"), path.chmod(0o555),
    ],
    "the link to git": lambda path: overwrite(path / ".git", b"gitdir: /nowhere\n"),
}  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_changed_tree_is_noticed_and_rebuilt(trees: Trees, damage: str) -> None:
    trees.commit(lambda repo: (repo / ".gitignore").write_text("*.log\n"))
    commit = trees.commit(more)
    path = trees.ensure(commit)
    DAMAGE[damage](path)
    if damage not in ("extra folder", "the link to git"):  # these two are no part of a commit
        assert trees.changes(commit) != []
    trees.ensure(commit)


@pytest.mark.parametrize("through", [0, 1, 2])
def test_all_trees_that_share_a_changed_file_are_rebuilt(trees: Trees, through: int) -> None:
    commits = [trees.commit(more), trees.commit(edit), trees.commit(lambda repo: (repo / "third.py").write_text("3"))]
    paths = [trees.ensure(commit) for commit in commits]
    shared = paths[through] / "run.sh"
    assert shared.stat().st_nlink == 3
    overwrite(shared, b"#!/bin/no")
    assert all(trees.changes(commit) == ["run.sh"] for commit in commits)
    for commit in reversed(commits):
        trees.ensure(commit)


def test_a_damaged_tree_is_no_base_for_a_new_one(trees: Trees) -> None:
    commit = trees.commit(more)
    path = trees.ensure(commit)
    # Git reads files again that are as young as its index; a minute later it would not.
    os.utime(os.path.join(trees.place.admin(commit), "index"), (2**32, 2**32))
    overwrite(path / "run.sh", b"#!/bin/no")
    new = trees.ensure(trees.commit(edit))
    assert (new / "run.sh").stat().st_ino != (path / "run.sh").stat().st_ino


def test_removing_one_tree_leaves_the_others_right(trees: Trees) -> None:
    one, two, three = trees.commit(more), trees.commit(edit), trees.commit(lambda repo: (repo / "3.py").write_text("3"))
    first = trees.ensure(one)
    kept = inodes(trees.ensure(two))
    worktree.remove_worktree(trees.place, one, str(first))
    assert not first.exists()
    assert inodes(trees.ensure(two)) == kept
    trees.ensure(three)
    trees.ensure(one)


@pytest.mark.parametrize("lost", ["table", "stats", "both", "torn"])
def test_killed_between_the_rename_and_the_table(trees: Trees, lost: str) -> None:
    """The tree is whole, our record of it is not: it is read once more, and kept."""
    commit = trees.commit(more)
    before = inodes(trees.ensure(commit))
    if lost in ("table", "both"):
        os.unlink(trees.place.table(commit))
    if lost in ("stats", "both"):
        os.unlink(trees.place.stats)
    if lost == "torn":
        Path(trees.place.table(commit)).write_text('{"train.py": [1')
    assert inodes(trees.ensure(commit)) == before


def test_killed_before_the_rename(trees: Trees) -> None:
    commit = trees.commit(more)
    code = (
        "import os, signal\n"
        "from reprun.runner import checkout, worktree\n"
        "checkout.os.rename = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"worktree.ensure_worktree(checkout.Place({trees.place.store!r}, {trees.place.trees!r}), {commit!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    trees.ensure(commit)


def test_a_record_of_git_that_is_gone(trees: Trees, git: Run) -> None:
    from reprun.runner.files import remove_tree

    commit = trees.commit(more)
    trees.ensure(commit)
    remove_tree(trees.place.admin(commit))
    trees.ensure(commit)
    assert git("rev-parse", "HEAD", cwd=trees.place.path(commit)) == commit


def test_a_verification_ahead_of_a_launch_never_blocks_the_builder(trees: Trees) -> None:
    first = trees.commit()
    trees.ensure(first)
    second = trees.commit(lambda repo: (repo / "train.py").write_text("more\n"))
    with locked(trees.place.lock, exclusive=True):  # somebody builds; the thread that verifies ahead has to wait for it
        ahead = threading.Thread(target=worktree.verify_newest, args=(trees.place,), daemon=True)
        ahead.start()
        ahead.join(0.3)
        builder = threading.Thread(target=worktree.is_sound, args=(trees.place, first), daemon=True)
        builder.start()
        builder.join(10)
        assert ahead.is_alive() and not builder.is_alive()
    ahead.join(10)
    assert not ahead.is_alive()
    trees.ensure(second)
