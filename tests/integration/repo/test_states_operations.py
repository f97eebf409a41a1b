"""Merges, rebases and the like that are not finished: refused by name, or taken as the files stand and said so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful, Refused

Start = Callable[[Path, Run], object]


@pytest.fixture
def torn(repo: Path, git: Run) -> Path:
    """Two branches that disagree in every way that git knows; HEAD is on main, and a tracked file is ignored."""
    for name in ("both.py", "mine.py", "theirs.py", "moved.py", "kept.log"):
        (repo / name).write_text(f"{name}\n" * 5)
    (repo / ".gitignore").write_text("*.log\n")
    git("add", "--all", "--force")
    git("commit", "-qm", "base")
    for side in ("side", "main"):
        git("switch", "-qC", side)
        for name in ("train.py", "kept.log", "added.py", "link"):
            (repo / name).unlink(missing_ok=True)
            (repo / name).write_text(side)
        (repo / "shape").mkdir() if side == "side" else (repo / "shape").write_text("a file here\n")
        if side == "side":
            (repo / "shape" / "inside.py").write_text("a folder there\n")
        (repo / "link").unlink()
        (repo / "link").symlink_to(side)
        git("mv", "moved.py", f"moved-{side}.py")
        git("rm", "-q", "mine.py" if side == "main" else "theirs.py")
        (repo / ("theirs.py" if side == "main" else "mine.py")).write_text("changed\n")
        git("add", "--all", "--force")
        git("commit", "-qm", side)
        if side == "side":
            git("switch", "-q", "--detach", "HEAD^")
    return repo


def merge(repo: Path, git: Run) -> None:
    git("merge", "side", check=False)


def merge_resolved(repo: Path, git: Run) -> None:
    git("merge", "-s", "ours", "--no-commit", "side")


def rebase(repo: Path, git: Run) -> None:
    git("rebase", "side", check=False)


def rebase_apply(repo: Path, git: Run) -> None:
    git("rebase", "--apply", "side", check=False)


def rebase_stopped_to_edit(repo: Path, git: Run) -> None:
    git("-c", "sequence.editor=sed -i s/^pick/edit/", "rebase", "-q", "-i", "HEAD^")
    (repo / "train.py").write_text("edited\n")


def cherry_pick(repo: Path, git: Run) -> None:
    git("cherry-pick", "side", check=False)


def cherry_pick_between_two(repo: Path, git: Run) -> None:
    """The first of two picks was resolved and committed by hand: only the list of what is left tells."""
    git("cherry-pick", "side", "side^", check=False)
    git("add", "--all")
    git("commit", "-qm", "picked")
    assert not (repo / ".git" / "CHERRY_PICK_HEAD").exists()


def revert(repo: Path, git: Run) -> None:
    git("revert", "--no-edit", "side", check=False)


def am(repo: Path, git: Run) -> None:
    (repo.parent / "side.patch").write_text(git("format-patch", "-1", "side", "--stdout") + "\n")
    git("am", str(repo.parent / "side.patch"), check=False)


def am_three_way(repo: Path, git: Run) -> None:
    (repo.parent / "side.patch").write_text(git("format-patch", "-1", "side", "--stdout") + "\n")
    git("am", "--3way", str(repo.parent / "side.patch"), check=False)


def stash_pop(repo: Path, git: Run) -> None:
    for text in ("stashed\n", "other\n"):
        (repo / "train.py").write_text(text)
        git("stash", "-q") if text == "stashed\n" else git("commit", "-qam", "other")
    git("stash", "pop", check=False)


def squash(repo: Path, git: Run) -> None:
    git("merge", "--squash", "side", check=False)


OPERATIONS: dict[Start, str] = {
    merge: "merge", merge_resolved: "merge", rebase: "rebase", rebase_apply: "rebase", rebase_stopped_to_edit: "rebase",
    cherry_pick: "cherry-pick", cherry_pick_between_two: "cherry-pick", revert: "revert", am: "am", am_three_way: "am",
    stash_pop: "conflict", squash: "conflict",
}  # fmt: skip


@pytest.mark.parametrize("start", OPERATIONS, ids=lambda start: start.__name__)
def test_what_is_not_finished_is_refused_by_name(torn: Path, git: Run, refused: Refused, start: Start) -> None:
    start(torn, git)
    operation = OPERATIONS[start]
    error = refused(torn, operation)
    assert "--during-operation" in error.hint and ("git add" if operation == "conflict" else f"git {operation} --") in error.hint
    assert operation != "conflict" or "train.py" in error.message


@pytest.mark.parametrize("start", OPERATIONS, ids=lambda start: start.__name__)
def test_who_asks_for_it_runs_the_files_as_they_are(torn: Path, git: Run, faithful: Faithful, start: Start) -> None:
    start(torn, git)
    snapshot = faithful(torn, during_operation=True)
    assert snapshot.operation == OPERATIONS[start]
    assert snapshot.parent == git("rev-parse", "HEAD")


def test_conflict_marks_are_part_of_it_and_what_was_removed_is_not(torn: Path, git: Run, faithful: Faithful) -> None:
    merge(torn, git)
    assert len(set(git("ls-files", "--unmerged").splitlines())) > 8
    assert "<<<<<<<" in (torn / "train.py").read_text()
    (torn / "both.py").unlink()
    (torn / "added.py").unlink()
    (torn / "kept.log").write_text("resolved, not yet added, and ignored if it were new\n")
    for path in (torn / "mine.py", torn / "theirs.py"):
        path.unlink(missing_ok=True)
    (torn / "mine.py").mkdir()
    (torn / "mine.py" / "new.py").write_text("a folder in the place of a conflict\n")
    git("update-index", "--assume-unchanged", "conf/base.yaml")
    (torn / "conf" / "base.yaml").write_text("edited\n")
    first = faithful(torn, during_operation=True)
    assert faithful(torn, during_operation=True).commit == first.commit
    assert "<<<<<<<" in git("show", f"{first.commit}:train.py")


def test_a_linked_worktree_has_operations_of_its_own(torn: Path, git: Run, faithful: Faithful, refused: Refused) -> None:
    git("worktree", "add", "-q", "--detach", "../linked", "main")
    linked = torn.parent / "linked"
    git("merge", "side", cwd=linked, check=False)
    refused(linked, "merge")
    assert faithful(torn).operation == ""
    assert faithful(linked, during_operation=True).operation == "merge"


def test_a_conflict_is_never_committed_to_the_branch(torn: Path, git: Run, refused: Refused) -> None:
    merge(torn, git)
    refused(torn, "branch", during_operation=True, auto_commit="branch")
    git("merge", "--abort")
    stash_pop(torn, git)
    refused(torn, "branch", during_operation=True, auto_commit="branch")


def test_a_bisection_is_a_checkout_like_any_other(torn: Path, git: Run, faithful: Faithful) -> None:
    git("bisect", "start", "HEAD", "HEAD~1")
    git("bisect", "skip", check=False)
    (torn / "train.py").write_text("edited\n")
    snapshot = faithful(torn)
    assert snapshot.operation == "" and faithful(torn, during_operation=True).commit == snapshot.commit
