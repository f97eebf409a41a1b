"""The snapshot of a tree that is as it was at the last one: found without hashing anything, and never when something moved."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import IDS, tree_of, tree_on_disk

from reprun.core.errors import RefusedError
from reprun.core.guarded import Rules
from reprun.core.spec import Snapshot
from reprun.repo.discover import ask_repository, find_repository
from reprun.repo.parent import ask_parent
from reprun.repo.refs import delete_ref, find_ref, list_refs
from reprun.repo.same import find_same
from reprun.repo.snapshot import take_snapshot
from reprun.repo.wish import Wish

pytestmark = pytest.mark.needs("git")


def same(repo: Path, **wish: object) -> Snapshot | None:
    """What the quick way finds, as a launch asks it."""
    asked = find_repository(str(repo), ask_repository(str(repo), files=True))
    return find_same(asked, Wish(next(IDS), **wish))  # type: ignore[arg-type]


def snapshot(repo: Path, **wish: object) -> Snapshot:
    """As a launch takes it."""
    asked = find_repository(str(repo), ask_repository(str(repo), files=True))
    wanted = Wish(next(IDS), **wish)  # type: ignore[arg-type]
    return find_same(asked, wanted) or take_snapshot(asked, wanted)


@pytest.fixture
def dirty(repo: Path, git: Run) -> Path:
    """A tree with a changed, a new, a staged and a removed file, and some that are as committed."""
    for name in ("kept.py", "changed.py", "staged.py", "gone.py", "sub/deep.py"):
        path = repo / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"print({name!r})\n")
    (repo / ".gitignore").write_text("*.log\n")
    git("add", "--all")
    git("commit", "--quiet", "-m", "all")
    (repo / "changed.py").write_text("print('other')\n")
    (repo / "new.py").write_text("print('new')\n")
    (repo / "staged.py").write_text("print('staged')\n")
    git("add", "staged.py")
    (repo / "gone.py").unlink()
    return repo


def test_the_same_tree_is_the_same_commit_under_another_ref(dirty: Path) -> None:
    first = snapshot(dirty)
    again = same(dirty)
    assert again is not None and again.ref != first.ref
    assert (again.commit, again.tree, again.dirty) == (first.commit, first.tree, True)
    assert (again.changed, again.added, again.deleted) == (first.changed, first.added, first.deleted)
    repository = find_repository(str(dirty))
    assert find_ref(repository, again.ref) == first.commit
    assert tree_of(repository.git.text, again.commit) == tree_on_disk(dirty)


def rewrite(path: Path, text: str) -> None:
    """Other content of the same length, with the old time."""
    before = path.stat()
    assert before.st_size == len(text)
    path.write_text(text)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def replaced(path: Path) -> None:
    aside = path.with_name("aside")
    aside.write_text(path.read_text().upper())
    aside.rename(path)


def link(path: Path) -> None:
    path.unlink()
    path.symlink_to("new.py")


def hide(repo: Path) -> None:
    """A file that was new is ignored from now on, by one that is ignored itself."""
    (repo / "sub/new.py").write_text("1\n")
    snapshot(repo)
    (repo / "sub/.gitignore").write_text("*\n")


IGNORED = {"ignored by a file of git": ("new.py",), "ignored by a file that is ignored": ("sub/new.py", "sub/.gitignore")}
MOVES: dict[str, Callable[[Path, Run], object]] = {
    "a changed file changed": lambda repo, git: (repo / "changed.py").write_text("print('once more')\n"),
    "a changed file with its old size and time": lambda repo, git: rewrite(repo / "changed.py", "print('OTHER')\n"),
    "a committed file with its old size and time": lambda repo, git: rewrite(repo / "kept.py", "print('KEPT.py')\n"),
    "a file replaced": lambda repo, git: replaced(repo / "sub/deep.py"),
    "a new file": lambda repo, git: (repo / "sub/newer.py").write_text("1\n"),
    "a new file in a new folder": lambda repo, git: ((repo / "more").mkdir(), (repo / "more/one.py").write_text("1\n")),
    "a file gone": lambda repo, git: (repo / "kept.py").unlink(),
    "the new file gone": lambda repo, git: (repo / "new.py").unlink(),
    "the removed file back": lambda repo, git: git("checkout", "--", "gone.py"),
    "a mode": lambda repo, git: (repo / "kept.py").chmod(0o755),
    "a link in place of a file": lambda repo, git: link(repo / "kept.py"),
    "staged": lambda repo, git: git("add", "--all"),
    "committed": lambda repo, git: git("commit", "--quiet", "-a", "-m", "more"),
    "reset": lambda repo, git: git("reset", "--quiet", "--hard"),
    "no longer ignored": lambda repo, git: ((repo / "some.log").write_text("1\n"), (repo / ".gitignore").write_text("")),
    "ignored by a file of git": lambda repo, git: (repo / ".git/info/exclude").write_text("new.py\n"),
    "ignored by a file that is ignored": lambda repo, git: hide(repo),
    "hidden by a flag": lambda repo, git: git("update-index", "--assume-unchanged", "kept.py"),
    "attributes in the tree": lambda repo, git: (repo / ".gitattributes").write_text("*.py text eol=crlf\n"),
}


@pytest.mark.parametrize("move", MOVES)
def test_what_moved_is_in_the_next_snapshot(dirty: Path, git: Run, move: str) -> None:
    snapshot(dirty)
    MOVES[move](dirty, git)
    taken = snapshot(dirty, accept=True)
    on_disk = tree_on_disk(dirty, IGNORED.get(move, ()))
    assert tree_of(find_repository(str(dirty)).git.text, taken.commit) == on_disk
    assert taken.parent == git("rev-parse", "HEAD").strip()


@pytest.mark.parametrize(
    "name, value", [("core.autocrlf", "input"), ("core.excludesFile", "/dev/null"), ("core.sharedRepository", "group")]
)
def test_with_other_settings_the_tree_is_looked_at_in_full(dirty: Path, git: Run, name: str, value: str) -> None:
    snapshot(dirty)
    git("config", name, value)
    assert same(dirty) is None


def test_with_other_rules_of_the_guard_too(dirty: Path) -> None:
    snapshot(dirty)
    assert same(dirty, rules=Rules(max_file=1)) is None
    with pytest.raises(RefusedError, match="too secret or too big"):
        snapshot(dirty, rules=Rules(max_file=1))
    assert same(dirty) is not None


@pytest.mark.parametrize("wish", [{"auto_commit": "branch"}, {"require_clean": True}, {"during_operation": True}])
def test_what_decides_by_more_than_files_is_not_remembered(dirty: Path, wish: dict[str, object]) -> None:
    snapshot(dirty)
    assert same(dirty, **wish) is None


def test_an_operation_that_is_not_finished_is_refused(dirty: Path, git: Run) -> None:
    snapshot(dirty)
    (dirty / ".git" / "MERGE_HEAD").write_text(git("rev-parse", "HEAD"))
    with pytest.raises(RefusedError, match="a git merge is in progress"):
        same(dirty)


def test_a_snapshot_whose_ref_is_gone_is_not_trusted(dirty: Path, git: Run) -> None:
    first = snapshot(dirty)
    delete_ref(find_repository(str(dirty)), first.ref)
    assert same(dirty) is None
    git("gc", "--prune=now", "--quiet")
    taken = snapshot(dirty)
    assert taken.commit == first.commit
    git("fsck", "--connectivity-only")


def test_a_packed_ref_keeps_it_as_well(dirty: Path, git: Run) -> None:
    first = snapshot(dirty)
    git("pack-refs", "--all", "--prune")
    again = same(dirty)
    assert again is not None and again.commit == first.commit


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"index": 1}', '{"index": "../../x", "listing": 1, "files": 1, "key": 2, "snapshot": 3}']
)
def test_a_damaged_memo_is_no_memo(dirty: Path, text: str) -> None:
    snapshot(dirty)
    memo = dirty / ".git" / "reprun" / "last.json"
    assert memo.exists()
    memo.write_text(text)
    assert same(dirty) is None
    assert snapshot(dirty).dirty


def test_a_damaged_index_of_the_memo_finds_nothing_the_same(dirty: Path) -> None:
    first = snapshot(dirty)
    (index,) = (dirty / ".git" / "reprun").glob("last-index-*")
    index.write_bytes(index.read_bytes()[:-30])
    assert snapshot(dirty).commit == first.commit
    refs = list_refs(find_repository(str(dirty)), "refs/reprun/runs/")
    assert len(refs) == 2


def test_a_git_at_work_is_waited_for(dirty: Path) -> None:
    snapshot(dirty)
    lock = dirty / ".git" / "index.lock"
    with lock.open("w"), subprocess.Popen(["sleep", "0"]):
        assert same(dirty) is None
    lock.unlink()
    assert same(dirty) is not None


def test_the_commit_that_was_read_early_is_the_one_of_the_snapshot_or_is_read_again(repo: Path, git: Run) -> None:
    early = ask_repository(str(repo), files=True)
    early.commits[0].wait()
    (repo / "later.py").write_text("later = True\n")
    git("add", "later.py")
    git("commit", "-m", "later")
    asked = ask_repository(str(repo), files=True)
    asked.commits[:] = early.commits  # HEAD moved between the two questions
    with ask_parent(find_repository(str(repo), asked)) as parent:
        pass
    assert parent.tree == git("rev-parse", "HEAD^{tree}").strip()
