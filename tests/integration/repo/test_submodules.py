"""Submodules: their files as they stand are in the snapshot, which needs nothing of their own repositories (decision 0011)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful, sacred, snap, tree_of, tree_on_disk
from submodule_lab import LIB, edited, make_lib, nested, new, staged_and_more, untouched

from reprun.core.errors import RefusedError


def clean(lib: Path, git: Run) -> None:
    pass


def deleted(lib: Path, git: Run) -> None:
    (lib / "code.py").unlink()


def emptied(lib: Path, git: Run) -> None:
    git("rm", "-rqf", ".", cwd=lib)


def mode_and_link(lib: Path, git: Run) -> None:
    (lib / "code.py").chmod(0o755)
    (lib / "link").unlink()
    (lib / "link").symlink_to("/nowhere")


def moved(lib: Path, git: Run) -> None:
    git("checkout", "-q", "HEAD~1", cwd=lib)


def moved_and_staged(lib: Path, git: Run) -> None:
    moved(lib, git)
    git("add", LIB)


def moved_and_edited(lib: Path, git: Run) -> None:
    moved(lib, git)
    new(lib, git)


def assumed(lib: Path, git: Run) -> None:
    git("update-index", "--assume-unchanged", "code.py", cwd=lib)
    git("update-index", "--assume-unchanged", LIB)
    moved_and_edited(lib, git)
    edited(lib, git)


def overlooked(lib: Path, git: Run) -> None:
    """Whatever git was told about submodules."""
    git("config", f"submodule.{LIB}.ignore", "all")
    git("config", "diff.ignoreSubmodules", "all")
    git("config", "submodule.recurse", "true")
    git("config", "status.showUntrackedFiles", "no", cwd=lib)
    git("config", "-f", ".gitmodules", f"submodule.{LIB}.ignore", "all")
    git("commit", "-qam", "ignore")
    git("commit", "-q", "--allow-empty", "-m", "only the commit is another", cwd=lib)


def own_git_folder(lib: Path, git: Run) -> None:
    """As git made them before it had `.git/modules`."""
    (lib / ".git").unlink()
    (lib.parents[1] / ".git" / "modules" / LIB).rename(lib / ".git")
    git("config", "-f", str(lib / ".git" / "config"), "--unset", "core.worktree")
    new(lib, git)


def absolute_link(lib: Path, git: Run) -> None:
    (lib / ".git").write_text(f"gitdir: {git('rev-parse', '--absolute-git-dir', cwd=lib)}\n")
    edited(lib, git)


def no_gitmodules(lib: Path, git: Run) -> None:
    git("rm", "-q", "--cached", ".gitmodules")
    (lib.parents[1] / ".gitmodules").unlink()
    edited(lib, git)


def packed(lib: Path, git: Run) -> None:
    git("gc", "-q", "--prune=now", cwd=lib)
    new(lib, git)


def split_index(lib: Path, git: Run) -> None:
    git("update-index", "--split-index", cwd=lib)
    staged_and_more(lib, git)


def sparse_index(lib: Path, git: Run) -> None:
    git("sparse-checkout", "set", "--cone", "--sparse-index", "other", cwd=lib)
    new(lib, git)


def replaced_by_file(lib: Path, git: Run) -> None:
    import shutil

    shutil.rmtree(lib)
    lib.write_text("a file")


def removed(lib: Path, git: Run) -> None:
    import shutil

    shutil.rmtree(lib)


def hooks(lib: Path, git: Run) -> None:
    folder = Path(git("rev-parse", "--absolute-git-dir", cwd=lib), "hooks")
    for name in ("post-index-change", "pre-commit", "reference-transaction", "post-checkout"):
        (folder / name).write_text("#!/bin/sh\ntouch hooked\n")
        (folder / name).chmod(0o755)
    moved_and_edited(lib, git)


STATES = [
    clean, edited, staged_and_more, new, deleted, emptied, mode_and_link, moved, moved_and_staged, moved_and_edited, assumed,
    overlooked, own_git_folder, absolute_link, no_gitmodules, packed, split_index, sparse_index, nested, replaced_by_file,
    removed, hooks,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_the_snapshot_and_its_worktree_are_what_is_on_the_disk(
    repo: Path, git: Run, lib: Path, faithful: Faithful, state: Callable[[Path, Run], None]
) -> None:
    state(lib, git)
    dirty, unseen = state is not clean, {}
    if state is sparse_index:  # what a sparse checkout leaves out is not gone
        unseen = {
            f"{LIB}/{path}": found
            for path, found in tree_of(lambda *words: git(*words, cwd=lib), "HEAD").items()
            if path == "deep/data.bin"
        }
    with sacred(repo) if state is sparse_index else untouched(repo, lib):
        first, second = faithful(repo, unseen=unseen), snap()
    assert first.commit == second.commit
    assert (first.dirty, bool(first.changed + first.added + first.deleted)) == (dirty, dirty)
    assert (git("rev-parse", first.commit + "^"), first.parent) == (git("rev-parse", "HEAD"),) * 2
    git("fsck", "--strict", "--no-dangling")


def test_a_clean_submodule_is_no_change(repo: Path, git: Run, lib: Path) -> None:
    snapshot = snap(require_clean=True)
    head = git("rev-parse", "HEAD", cwd=lib)
    assert snapshot.submodules == [{"path": LIB, "commit": head, "dirty": False}]
    assert not snapshot.dirty and snapshot.commit != git("rev-parse", "HEAD")


def test_changes_in_a_submodule_are_counted_and_named(repo: Path, git: Run, lib: Path) -> None:
    nested(lib, git)
    edited(lib, git)
    (repo / "train.py").unlink()
    snapshot = snap()
    assert (snapshot.changed, snapshot.added, snapshot.deleted) == (2, 1, 1)
    heads = {path: git("rev-parse", "HEAD", cwd=repo / path) for path in (LIB, LIB + "/inner")}
    assert snapshot.submodules == [{"path": path, "commit": head, "dirty": True} for path, head in heads.items()]
    with untouched(repo), pytest.raises(RefusedError, match=r"libs/my lib/inner/new\.py") as caught:
        snap(require_clean=True)
    assert "libs/my lib/code.py" in caught.value.message


def test_a_change_in_the_inner_submodule_alone_leaves_the_outer_one_clean(repo: Path, git: Run, lib: Path) -> None:
    nested(lib, git)
    assert [entry["dirty"] for entry in snap().submodules] == [False, True]


def test_nothing_of_the_submodules_repository_is_needed(repo: Path, git: Run, lib: Path, tmp_path: Path) -> None:
    staged_and_more(lib, git)
    expected = tree_on_disk(repo)
    commit = snap().commit
    git("submodule", "--quiet", "deinit", "--force", "--all")
    import shutil

    shutil.rmtree(repo / ".git" / "modules")
    git("gc", "-q", "--prune=now")
    git("fsck", "--full", "--strict", "--no-dangling")
    git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    git("push", "-q", str(tmp_path / "bare.git"), "refs/reprun/*:refs/reprun/*")
    git("fsck", "--full", "--strict", cwd=tmp_path / "bare.git")
    assert tree_of(git, commit) == expected


def test_a_second_snapshot_copies_nothing(repo: Path, git: Run, lib: Path) -> None:
    edited(lib, git)
    snap()
    packs = sorted((repo / ".git" / "objects" / "pack").iterdir())
    assert packs
    new(lib, git)
    snap()
    assert sorted((repo / ".git" / "objects" / "pack").iterdir()) == packs


def test_a_submodule_that_is_not_checked_out_stays_an_empty_folder(repo: Path, git: Run, lib: Path) -> None:
    git("submodule", "--quiet", "deinit", "--force", "--all")
    with untouched(repo):
        snapshot = snap(require_clean=True)
    assert (snapshot.commit, snapshot.submodules) == (git("rev-parse", "HEAD"), [])


def test_in_a_linked_worktree(repo: Path, git: Run, lib: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    git("worktree", "add", "-q", "-b", "side", str(linked))
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "update", "--init", cwd=linked)
    edited(lib, git)
    new(linked / LIB, git)
    with untouched(repo), sacred(linked, repo / ".git"):
        snapshot = snap(linked)
    assert tree_of(git, snapshot.commit) == tree_on_disk(linked)
    assert (snapshot.changed, snapshot.added) == (0, 2)


def test_a_repository_that_was_added_by_accident(repo: Path, git: Run, tmp_path: Path) -> None:
    make_lib(git, repo / "vendor")
    git("add", "vendor")
    with sacred(repo), sacred(repo / "vendor"):
        snapshot = snap()
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo)
    assert snapshot.dirty and snapshot.submodules[0]["path"] == "vendor"


def test_its_own_rules_say_what_is_ignored_in_it(repo: Path, git: Run, lib: Path) -> None:
    (repo / ".gitignore").write_text("*.outer\n")
    (lib / ".gitignore").write_text("*.log\n")
    for name in ("a.log", "b.outer", "c.hidden"):
        (lib / name).write_text(name)
    Path(git("rev-parse", "--absolute-git-dir", cwd=lib), "info").mkdir(exist_ok=True)
    Path(git("rev-parse", "--absolute-git-dir", cwd=lib), "info", "exclude").write_text("*.hidden\n")
    with untouched(repo):
        snapshot = snap()
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo, ignored=(f"{LIB}/a.log", f"{LIB}/c.hidden"))
