"""A job that runs git in its worktree can hurt neither the dev repository nor the trees of other runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Run
from worktree_lab import Trees, inodes

from reprun.runner.files import remove_tree


@pytest.fixture
def trees(repo: Path, home: Path, git: Run) -> Trees:
    return Trees(repo, home, git)


def edit(repo: Path) -> None:
    (repo / "train.py").write_text("edited")


def make_writable(path: Path) -> None:
    for item in [path, *path.rglob("*")]:
        if not item.is_symlink():
            item.chmod(item.stat().st_mode | 0o200)


COMMANDS = [
    ("commit", "-qam", "a job's commit"), ("commit", "-q", "--allow-empty", "-m", "empty"), ("tag", "v1"), ("branch", "other"),
    ("switch", "-qc", "third"), ("reset", "-q", "--hard"), ("config", "user.name", "Job"), ("stash", "-q"),
    ("update-ref", "refs/heads/main", "HEAD"), ("gc", "-q", "--prune=now"), ("remote", "add", "origin", "/nowhere"),
    ("rm", "-qf", "train.py"), ("clean", "-qfdx"),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: words[0])
def test_the_dev_repository_is_out_of_reach(trees: Trees, git: Run, command: tuple[str, ...]) -> None:
    commit = trees.commit()
    path = trees.ensure(commit)

    def state() -> list[object]:
        asked = [("for-each-ref",), ("rev-parse", "HEAD"), ("status", "--porcelain"), ("config", "--local", "--list"), ("fsck",)]
        return [*(git(*words, cwd=trees.repo) for words in asked), (trees.repo / ".git" / "index").read_bytes()]

    before = state()
    make_writable(path)
    (path / "train.py").write_text("changed by the job")
    git(*command, cwd=path)
    assert state() == before
    # These two put the file back, and so nothing is changed.
    assert bool(trees.changes(commit)) == (command[0] not in ("reset", "stash"))
    trees.ensure(commit)


def test_a_moved_head_is_reported(trees: Trees, git: Run) -> None:
    commit = trees.commit()
    path = trees.ensure(commit)
    git("commit", "-q", "--allow-empty", "-m", "a job's commit", cwd=path)
    assert trees.changes(commit) == ["HEAD"]
    trees.ensure(commit)
    assert git("rev-parse", "HEAD", cwd=trees.place.path(commit)) == commit


MEDDLING = {
    "skip-worktree": ["update-index", "--skip-worktree", "train.py"],
    "assume-unchanged": ["update-index", "--assume-unchanged", "train.py"],
    "other blob": ["update-index", "--cacheinfo", "100644,BLOB,train.py"],
    "forgotten": ["rm", "-q", "--cached", "train.py"],
    "empty index": ["read-tree", "--empty"],
    "sparse": ["sparse-checkout", "set", "--no-cone", "/conf/"],
    "line ends": ["config", "core.autocrlf", "true"],
    "no links": ["config", "core.symlinks", "false"],
    "no modes": ["config", "core.fileMode", "false"],
    "filter": ["config", "filter.all.smudge", "tr a-z A-Z"],
    "worktree elsewhere": ["config", "core.worktree", "/tmp"],
    "bare": ["config", "core.bare", "false"],
}


@pytest.mark.parametrize("how", MEDDLING)
def test_what_a_job_does_to_its_index_or_settings_does_not_reach_the_next_tree(trees: Trees, git: Run, how: str) -> None:
    def links(repo: Path) -> None:
        (repo / "link").symlink_to("train.py")
        (repo / ".gitattributes").write_text("*.dat filter=all\n")
        (repo / "run.dat").write_text("#!/bin/sh\n")

    one = trees.commit(links)
    path = trees.ensure(one)
    blob = git("hash-object", "-w", "--stdin", stdin=b"other", cwd=path)
    git(*(word.replace("BLOB", blob) for word in MEDDLING[how]), cwd=path)

    def change(repo: Path) -> None:
        edit(repo)
        (repo / "run.dat").write_text("#!/bin/bash\n")
        (repo / "run.dat").chmod(0o755)
        (repo / "link").unlink()
        (repo / "link").symlink_to("conf")

    trees.ensure(trees.commit(change))
    trees.ensure(one)


def test_a_store_that_was_removed_is_made_again(trees: Trees, repo: Path, home: Path, git: Run) -> None:
    commit = trees.commit()
    trees.ensure(commit)
    remove_tree(trees.place.store)
    Trees(repo, home, git).ensure(commit)


@pytest.mark.parametrize("left", ["no alternates", "empty alternates"])
def test_a_store_whose_making_was_interrupted(trees: Trees, repo: Path, home: Path, git: Run, left: str) -> None:
    commit = trees.commit()
    alternates = Path(trees.place.store, "objects", "info", "alternates")
    alternates.unlink()
    if left == "empty alternates":
        alternates.write_bytes(b"")
    Trees(repo, home, git).ensure(commit)


def test_a_submodule_that_did_not_change(trees: Trees, git: Run, tmp_path: Path) -> None:
    """It is an empty folder in a checkout; what matters here is that the second tree can be built from the first."""
    git("init", "-q", str(tmp_path / "lib"))
    git("commit", "-q", "--allow-empty", "-m", "lib", cwd=tmp_path / "lib")
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
    one, two = trees.commit(), trees.commit(edit)
    from reprun.runner.worktree import ensure_worktree

    for commit in (one, two, one):
        assert Path(ensure_worktree(trees.place, commit), "train.py").exists()


def test_a_sha256_repository(tmp_path: Path, home: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    repo = tmp_path / "long"
    git("init", "-q", "--object-format", "sha256", str(repo))
    monkeypatch.chdir(repo)
    trees = Trees(repo, home, git)
    first = trees.ensure(trees.commit(edit))
    second = trees.ensure(trees.commit(lambda repo: (repo / "new.py").write_text("new")))
    assert inodes(first)["train.py"] == inodes(second)["train.py"]
