"""Repositories of every shape, and indexes of every kind: the snapshot is what is seen in the dev tree."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful

from reprun.runner.paths import Home

Shape = Callable[[Path, Run], Path]


def edit(top: Path) -> Path:
    """One file changed, one new, one gone."""
    (top / "train.py").write_text("edited\n")
    (top / "new.py").write_text("new\n")
    (top / "conf" / "base.yaml").unlink()
    return top


def second_commit(repo: Path, git: Run) -> None:
    (repo / "train.py").write_text("second\n")
    git("commit", "-qam", "second", cwd=repo)


def no_commits(repo: Path, git: Run) -> Path:
    git("init", "-q", "../young")
    young = repo.parent / "young"
    (young / "conf").mkdir()
    for name in ("train.py", "conf/base.yaml", "staged.py"):
        (young / name).write_text(name)
    git("add", "--all", cwd=young)
    (young / "staged.py").unlink()
    return edit(young)


def no_commits_on_this_branch(repo: Path, git: Run) -> Path:
    git("switch", "-q", "--orphan", "fresh")
    (repo / "conf").mkdir()
    (repo / "conf" / "base.yaml").write_text("back\n")
    return edit(repo)


def only_ignored_files(repo: Path, git: Run) -> Path:
    git("init", "-q", "../young")
    (repo.parent / "young" / ".git" / "info" / "exclude").write_text("*\n")
    return repo.parent / "young"


def detached_linked_worktree(repo: Path, git: Run) -> Path:
    second_commit(repo, git)
    git("worktree", "add", "-q", "--detach", "../linked", "HEAD^")
    return edit(repo.parent / "linked")


def linked_worktree_with_its_own_settings(repo: Path, git: Run) -> Path:
    git("config", "extensions.worktreeConfig", "true")
    git("worktree", "add", "-q", "../linked")
    linked = repo.parent / "linked"
    git("config", "--worktree", "core.fileMode", "false", cwd=repo)
    git("config", "--worktree", "index.version", "4", cwd=linked)
    git("update-index", "--index-version", "4", "--split-index", cwd=linked)
    (linked / "train.py").chmod(0o755)
    return edit(linked)


def linked_worktree_of_a_bare_repository(repo: Path, git: Run) -> Path:
    git("clone", "-q", "--bare", ".", "../bare.git")
    git("worktree", "add", "-q", "../linked", "main", cwd=repo.parent / "bare.git")
    return edit(repo.parent / "linked")


def linked_worktree_inside_the_git_folder(repo: Path, git: Run) -> Path:
    git("worktree", "add", "-q", "-b", "side", ".git/trees/side")
    return edit(repo / ".git" / "trees" / "side")


def git_folder_elsewhere(repo: Path, git: Run) -> Path:
    git("init", "-q", "--separate-git-dir", "../apart.git")
    return edit(repo)


def shallow(repo: Path, git: Run) -> Path:
    second_commit(repo, git)
    git("clone", "-q", "--depth", "1", f"file://{repo}", "../shallow")
    return edit(repo.parent / "shallow")


def partial(repo: Path, git: Run) -> Path:
    second_commit(repo, git)
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=blob:none", f"file://{repo}", "../partial")
    return without_remote(repo, "partial")


def without_remote(repo: Path, name: str) -> Path:
    """Nothing can be fetched in silence."""
    os.chdir(repo.parent / name)
    repo.rename(repo.parent / "gone")
    return edit(repo.parent / name)


def treeless(repo: Path, git: Run) -> Path:
    second_commit(repo, git)
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=tree:0", f"file://{repo}", "../treeless")
    return without_remote(repo, "treeless")


def borrowed_objects(repo: Path, git: Run) -> Path:
    git("clone", "-q", "--shared", ".", "../borrower")
    git("clone", "-q", "--shared", "../borrower", "../second")
    return edit(repo.parent / "second")


def borrowed_objects_by_a_relative_path(repo: Path, git: Run) -> Path:
    git("clone", "-q", "--shared", ".", "../borrower")
    (repo.parent / "borrower/.git/objects/info/alternates").write_text("../../../project/.git/objects\n")
    return edit(repo.parent / "borrower")


def all_packed(repo: Path, git: Run) -> Path:
    git("gc", "-q", "--prune=now")
    git("pack-refs", "--all")
    return edit(repo)


def through_a_link(repo: Path, git: Run) -> Path:
    (repo.parent / "shortcut").symlink_to("project")
    os.chdir(repo.parent / "shortcut" / "conf")
    return edit_more(repo)


def edit_more(repo: Path) -> Path:
    (repo / "train.py").write_text("edited\n")
    (repo / "conf" / "new.yaml").write_text("new\n")
    return repo


def tree_named_by_a_setting(repo: Path, git: Run) -> Path:
    """The repository keeps its tree elsewhere, beside another repository that git would find from there."""
    git("init", "-q", "..")
    (repo.parent / "elsewhere").mkdir()
    git("config", "core.worktree", str(repo.parent / "elsewhere"))
    for name in ("train.py", "conf"):
        (repo / name).rename(repo.parent / "elsewhere" / name)
    os.chdir(repo / ".git")
    return edit(repo.parent / "elsewhere")


def tree_around_the_repository(repo: Path, git: Run) -> Path:
    git("config", "core.worktree", "../..")
    for left in ("gitconfig", "user"):
        (repo / ".git" / "info" / "exclude").open("a").write(f"/{left}\n")
    os.chdir(repo / "conf")
    return repo.parent


def replaced_commit(repo: Path, git: Run) -> Path:
    """`git replace` shows another commit in the place of HEAD, with another tree; the real one lies below."""
    first = git("rev-parse", "HEAD")
    second_commit(repo, git)
    second = git("rev-parse", "HEAD")
    git("reset", "-q", "--hard", first)
    git("replace", first, second)
    git("reset", "-q", "--hard")
    assert (repo / "train.py").read_text() == "second\n" and git("status", "--porcelain") == ""
    return repo


def replaced_content(repo: Path, git: Run) -> Path:
    """The same for a file."""
    other = git("hash-object", "-w", "--stdin", stdin=b"replaced\n")
    git("replace", git("rev-parse", "HEAD:train.py"), other)
    (repo / "train.py").unlink()
    git("checkout", "-q", "--", "train.py")
    later = (repo / "train.py").stat().st_mtime_ns + 10**10
    os.utime(repo / ".git" / "index", ns=(later, later))  # or git would read a file that is as young as the index
    assert (repo / "train.py").read_text() == "replaced\n"
    return repo


def replaced_content_packed(repo: Path, git: Run) -> Path:
    replaced_content(repo, git)
    git("pack-refs", "--all")
    return repo


def grafted(repo: Path, git: Run) -> Path:
    second_commit(repo, git)
    (repo / ".git" / "info" / "grafts").write_text(git("rev-parse", "HEAD") + "\n")
    return edit(repo)


def odd_committer(date: str) -> Shape:
    """HEAD was written by another program, or in 1970."""

    def state(repo: Path, git: Run) -> Path:
        text = f"tree {git('rev-parse', 'HEAD^{tree}')}\nauthor A <a> 1 +0000\ncommitter C <c>{date}\n\nodd\n"
        commit = git("hash-object", "-t", "commit", "-w", "--literally", "--stdin", stdin=text.encode())
        git("update-ref", "refs/heads/main", commit)
        return edit(repo)

    state.__name__ = f"committed{date.replace(' ', '_') or '_without_a_date'}"
    return state


def branch(name: str) -> Shape:
    """HEAD is on a branch that `git branch` might not make."""

    def state(repo: Path, git: Run) -> Path:
        git("update-ref", "refs/heads/" + name, "HEAD")
        git("symbolic-ref", "HEAD", "refs/heads/" + name)
        return edit(repo)

    state.__name__ = "branch_" + ascii(name)[1:12].replace("/", "_")
    return state


def branch_and_tag_of_one_name(repo: Path, git: Run) -> Path:
    git("tag", "main")
    git("tag", "HEAD")
    second_commit(repo, git)
    return edit(repo)


def branch_that_is_another_name(repo: Path, git: Run) -> Path:
    git("branch", "-m", "trunk")
    git("symbolic-ref", "refs/heads/main", "refs/heads/trunk")
    git("symbolic-ref", "HEAD", "refs/heads/main")
    return edit(repo)


SHAPES: list[Shape] = [
    no_commits, no_commits_on_this_branch, only_ignored_files, detached_linked_worktree, linked_worktree_with_its_own_settings,
    linked_worktree_of_a_bare_repository, linked_worktree_inside_the_git_folder, git_folder_elsewhere, shallow, partial, treeless,
    borrowed_objects, borrowed_objects_by_a_relative_path, all_packed, through_a_link, tree_named_by_a_setting,
    tree_around_the_repository, replaced_commit, replaced_content, replaced_content_packed, grafted, odd_committer(" 0 +0000"),
    odd_committer(" 99999999 -1200"), odd_committer(" 1234567890 +051800"), odd_committer(" 99999999999 +0000"),
    odd_committer(""),    branch("-x"), branch("HEAD"), branch("feature/ü/🦊"), branch("caf\udce9"), branch("a" * 40),
    branch("refs/heads/main"),
    branch("x\"'$(id)"), branch_and_tag_of_one_name, branch_that_is_another_name,
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_what_is_seen_is_what_runs(repo: Path, git: Run, faithful: Faithful, shape: Shape) -> None:
    top = shape(repo, git)
    ignored = ("gitconfig",) if top == repo.parent else ()
    cwd = top if Path.cwd() == repo else Path.cwd()
    head = git("rev-parse", "--verify", "-q", "HEAD", cwd=cwd, check=False)
    assert faithful(top, ignored, cwd=cwd).parent == head


def test_git_in_the_worktree_of_a_shallow_clone_knows_that_it_is_shallow(
    repo: Path, git: Run, host: Path, faithful: Faithful
) -> None:
    top = shallow(repo, git)
    commit = faithful(top).commit
    tree = Path(Home(str(host)).trees("project"), commit)
    assert git("log", "--format=%s", cwd=tree).splitlines() == ["reprun: snapshot", "second"]
    assert "train.py" in git("show", "--stat", cwd=tree)
    git("fetch", "-q", "--unshallow", cwd=top)
    (top / "train.py").write_text("edited once more\n")
    tree = tree.with_name(faithful(top).commit)
    assert git("log", "--format=%s", cwd=tree).splitlines() == ["reprun: snapshot", "second", "first"]
