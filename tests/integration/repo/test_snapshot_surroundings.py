"""The user's settings, hooks and environment change nothing about a snapshot; and `auto_commit = "branch"`."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import sacred, snap, tree_of, tree_on_disk

from reprun.core.errors import RefusedError
from reprun.repo import branch as branch_rules

HOOKS = (
    "applypatch-msg", "commit-msg", "fsmonitor-watchman", "post-checkout", "post-commit", "post-index-change", "pre-auto-gc",
    "pre-commit", "prepare-commit-msg", "reference-transaction", "post-rewrite",
)  # fmt: skip


def edit(repo: Path) -> None:
    (repo / "train.py").write_text("edited\n")
    (repo / "new.py").write_text("new\n")


@pytest.mark.parametrize("where", ["default", "hooksPath"])
@pytest.mark.parametrize("auto_commit", ["ref", "branch"])
def test_hooks_never_run(repo: Path, git: Run, tmp_path: Path, where: str, auto_commit: str) -> None:
    folder = repo / ".git" / "hooks" if where == "default" else tmp_path / "hooks"
    folder.mkdir(exist_ok=True)
    for name in HOOKS:
        (folder / name).write_text(f"#!/bin/sh\necho {name} >> {tmp_path}/ran\nexit 1\n")
        (folder / name).chmod(0o755)
    if where == "hooksPath":
        git("config", "core.hooksPath", str(folder))
    git("config", "core.fsmonitor", str(folder / "fsmonitor-watchman"))
    edit(repo)
    snapshot = snap(auto_commit=auto_commit)
    assert not (tmp_path / "ran").exists()
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo)


def test_variables_of_an_outer_git_are_ignored(repo: Path, git: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(repo)
    other = tmp_path / "other"
    git("init", "-q", str(other))
    names = {
        "GIT_DIR": other / ".git", "GIT_WORK_TREE": other, "GIT_INDEX_FILE": tmp_path / "index", "GIT_PREFIX": "x/",
        "GIT_OBJECT_DIRECTORY": tmp_path / "objects", "GIT_COMMON_DIR": other / ".git", "GIT_NAMESPACE": "space",
        "GIT_AUTHOR_NAME": "Somebody", "GIT_COMMITTER_DATE": "2001-01-01T00:00:00Z", "GIT_LITERAL_PATHSPECS": "0",
        "GIT_CEILING_DIRECTORIES": tmp_path, "GIT_TRACE": tmp_path / "trace", "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.bare", "GIT_CONFIG_VALUE_0": "true",
    }  # fmt: skip
    plain = snap()
    with monkeypatch.context() as patch:
        for name, value in names.items():
            patch.setenv(name, str(value))
        with sacred(repo), sacred(other):
            assert snap().commit == plain.commit
    assert not (tmp_path / "index").exists() and not (tmp_path / "trace").exists()
    assert git("for-each-ref", cwd=other) == ""


SETTINGS = {
    "commit.gpgSign": "true", "user.signingKey": "nobody", "gpg.program": "/bin/false", "user.useConfigOnly": "true",
    "core.quotePath": "true", "color.ui": "always", "status.showUntrackedFiles": "no", "log.showSignature": "true",
    "diff.external": "/bin/false", "diff.noprefix": "true", "core.pager": "/bin/false", "core.editor": "/bin/false",
    "core.logAllRefUpdates": "always", "alias.add": "!false", "core.untrackedCache": "true", "i18n.commitEncoding": "ISO-8859-1",
    "add.ignoreErrors": "true", "diff.renames": "copies", "diff.ignoreSubmodules": "all", "core.abbrev": "4", "gc.auto": "1",
}  # fmt: skip


@pytest.mark.parametrize("auto_commit", ["ref", "branch"])
def test_settings_of_the_user_change_nothing(repo: Path, git: Run, auto_commit: str) -> None:
    edit(repo)
    plain = snap()
    for key, value in SETTINGS.items():
        git("config", key, value)
    (repo / ".git" / "logs" / "refs" / "reprun").mkdir(parents=True, exist_ok=True)
    snapshot = snap(auto_commit=auto_commit)
    assert snapshot.tree == plain.tree
    assert auto_commit == "branch" or snapshot.commit == plain.commit


def test_a_user_without_a_name(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(repo)
    named = snap()
    monkeypatch.delenv("GIT_CONFIG_GLOBAL")
    git("config", "user.useConfigOnly", "true")
    with sacred(repo):
        assert snap().commit == named.commit


def test_the_branch_moves_and_the_index_agrees(repo: Path, git: Run) -> None:
    head = git("rev-parse", "HEAD")
    edit(repo)
    snapshot = snap(auto_commit="branch", title="lr sweep")
    assert git("rev-parse", "refs/heads/main") == snapshot.commit == git("rev-parse", "HEAD")
    assert git("symbolic-ref", "HEAD") == "refs/heads/main"
    assert git("rev-parse", "HEAD^") == head
    assert git("status", "--porcelain") == ""
    assert git("diff", "--cached") == ""
    assert "lr sweep" in git("log", "-1", "--format=%s")
    assert "reprun" in git("reflog", "-1")
    assert tree_of(git, "HEAD") == tree_on_disk(repo)


def test_a_clean_tree_moves_no_branch(repo: Path, git: Run) -> None:
    with sacred(repo):
        assert snap(auto_commit="branch").commit == git("rev-parse", "HEAD")


def test_the_first_commit_of_a_branch(tmp_path: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    git("init", "-q", str(tmp_path / "young"))
    monkeypatch.chdir(tmp_path / "young")
    Path("train.py").write_text("first\n")
    assert snap(auto_commit="branch").commit == git("rev-parse", "main")
    assert git("status", "--porcelain") == ""


def test_no_branch_to_move(repo: Path, git: Run) -> None:
    git("switch", "-q", "--detach")
    edit(repo)
    with sacred(repo), pytest.raises(RefusedError, match="detached") as caught:
        snap(auto_commit="branch")
    assert caught.value.hint == "git switch -c <name>"


def test_another_git_holds_the_index(repo: Path, git: Run) -> None:
    edit(repo)
    lock = repo / ".git" / "index.lock"
    lock.write_bytes(b"somebody's")
    with sacred(repo), pytest.raises(RefusedError, match=r"index\.lock"):
        snap(auto_commit="branch")
    assert lock.read_bytes() == b"somebody's"
    assert snap(auto_commit="ref").dirty


def test_the_branch_moved_meanwhile(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody commits between the snapshot and its publication: the branch is theirs."""
    edit(repo)
    put = branch_rules.put_on_branch

    def late(*args: object) -> None:
        git("update-ref", "refs/heads/main", git("commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "theirs"))
        put(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("reprun.repo.branch.put_on_branch", late)
    index = (repo / ".git" / "index").read_bytes()
    with pytest.raises(RefusedError, match="moved"):
        snap(auto_commit="branch")
    assert git("log", "-1", "--format=%s") == "theirs"
    assert (repo / ".git" / "index").read_bytes() == index
    assert not (repo / ".git" / "index.lock").exists()


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
def test_flags_of_the_user_survive_a_commit_on_the_branch(repo: Path, git: Run, flag: str) -> None:
    git("update-index", flag, "conf/base.yaml")
    flags = git("ls-files", "-v")
    edit(repo)
    git("rev-parse", snap(auto_commit="branch").commit)
    assert set(flags.splitlines()) <= set(git("ls-files", "-v").splitlines())
