"""A run with `writable` paths: it may write there and nowhere else, and what it writes reaches no other tree."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import pytest
from lab import Run
from worktree_lab import Trees, inodes, listing, overwrite

from reprun.runner import worktree
from reprun.runner.errors import RunnerError


@pytest.fixture
def trees(repo: Path, home: Path, git: Run) -> Trees:
    return Trees(repo, home, git)


def outputs(repo: Path) -> None:
    (repo / "outputs" / "old").mkdir(parents=True)
    (repo / "outputs" / "old" / "model.bin").write_text("tracked")
    (repo / "outputs.txt").write_text("beside")


@pytest.mark.parametrize("written", ["outputs", "outputs/old"])
def test_what_it_writes_stays_in_its_tree(trees: Trees, written: str) -> None:
    commit = trees.commit(outputs)
    shared = trees.ensure(commit)
    own = trees.own(commit, "run", written)
    assert listing(own) == trees.expected(commit)
    model = own / "outputs" / "old" / "model.bin"
    assert model.stat().st_mode & 0o200 and (own / written).stat().st_mode & 0o200
    model.write_text("written by the job")
    (own / written / "new.bin").write_text("new")
    trees.ensure(commit)
    assert (shared / "outputs" / "old" / "model.bin").read_text() == "tracked"
    assert shared == trees.ensure(commit) and inodes(shared)["train.py"] == inodes(own)["train.py"]
    assert worktree.find_changes(trees.place, "run", str(own), commit, (written,)) == []


def test_the_rest_of_it_is_read_only_and_watched(trees: Trees) -> None:
    commit = trees.commit(outputs)
    own = trees.own(commit, "run", "outputs", "cache/deep")
    assert (own / "cache" / "deep").is_dir()
    for path in (own, own / "train.py", own / "outputs.txt", own / "conf"):
        assert path.stat().st_mode & 0o222 == 0, path
    overwrite(own / "outputs.txt", b"changed")
    assert worktree.find_changes(trees.place, "run", str(own), commit, ("outputs", "cache/deep")) == ["outputs.txt"]


def test_a_writable_file(trees: Trees) -> None:
    commit = trees.commit(outputs)
    own = trees.own(commit, "run", "outputs.txt", "conf/base.yaml")
    (own / "outputs.txt").write_text("written")
    (own / "conf" / "base.yaml").write_text("written")
    assert worktree.find_changes(trees.place, "run", str(own), commit, ("outputs.txt", "conf/base.yaml")) == []
    trees.ensure(commit)


def test_two_runs_have_a_tree_each(trees: Trees) -> None:
    commit = trees.commit(outputs)
    one, two = trees.own(commit, "one", "outputs"), trees.own(commit, "two", "outputs")
    (one / "outputs" / "old" / "model.bin").write_text("one")
    assert listing(two) == trees.expected(commit)
    assert one == trees.own(commit, "one", "outputs")
    assert (one / "outputs" / "old" / "model.bin").read_text() == "one"  # asked for again, it is left as it is


def test_a_writable_link_that_leads_into_the_tree_opens_nothing(trees: Trees) -> None:
    def link(repo: Path) -> None:
        (repo / "outputs").symlink_to("conf")

    commit = trees.commit(link)
    shared = trees.ensure(commit)
    own = trees.own(commit, "run", "outputs")
    assert (shared / "conf" / "base.yaml").stat().st_mode & 0o222 == 0
    assert (own / "conf" / "base.yaml").stat().st_mode & 0o222 == 0
    trees.ensure(commit)


def test_a_writable_link_that_leads_out_of_the_tree_is_not_touched(trees: Trees, tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (scratch / "results.csv").write_text("precious")
    (scratch / "results.csv").chmod(0o444)
    commit = trees.commit(lambda repo: (repo / "outputs").symlink_to(scratch))
    trees.own(commit, "run", "outputs")
    assert (scratch / "results.csv").stat().st_mode & 0o777 == 0o444


@pytest.mark.parametrize("through", ["outputs", "outputs/old", "a/b/c"])
def test_a_writable_path_below_a_link_is_not_made_elsewhere(trees: Trees, tmp_path: Path, through: str) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    commit = trees.commit(lambda repo: (repo / through.split("/", maxsplit=1)[0]).symlink_to(scratch))
    with suppress(RunnerError):
        trees.own(commit, "run", through + "/below")
    assert os.listdir(scratch) == []


def test_git_in_it_sees_the_commit(trees: Trees, git: Run) -> None:
    commit = trees.commit(outputs)
    own = trees.own(commit, "run", "outputs")
    assert git("rev-parse", "HEAD", cwd=own) == commit
    assert git("status", "--porcelain", cwd=own) == ""


def test_it_is_removed_without_a_trace(trees: Trees) -> None:
    commit = trees.commit(outputs)
    own = trees.own(commit, "run", "outputs")
    worktree.remove_worktree(trees.place, "run", str(own))
    assert not own.exists() and not Path(trees.place.admin("run")).exists()
    trees.ensure(commit)
