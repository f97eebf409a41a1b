"""When a snapshot would not be what its user thinks: it is refused, by name, and nothing is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import Run
from snapshot_lab import sacred, snap, tree_of, tree_on_disk

from reprun.core.errors import RefusedError, ReprunError
from reprun.core.spec import Conversions
from reprun.repo.discover import find_repository
from reprun.repo.refs import list_refs


@pytest.mark.parametrize("commits", [0, 1])
def test_a_nested_repository(repo: Path, git: Run, commits: int) -> None:
    nested = repo / "vendor" / "lib"
    git("init", "-q", str(nested))
    (nested / "code.py").write_text("inner\n")
    for _ in range(commits):
        git("add", "--all", cwd=nested)
        git("commit", "-qm", "inner", cwd=nested)
    with sacred(repo), pytest.raises(RefusedError, match="vendor/lib") as caught:
        snap()
    assert ".gitignore" in caught.value.hint


def test_an_ignored_nested_repository_is_fine(repo: Path, git: Run) -> None:
    git("init", "-q", str(repo / "vendor"))
    (repo / ".gitignore").write_text("vendor/\n")
    assert snap().added == 1


def test_a_tree_that_is_not_clean_where_that_is_required(repo: Path, git: Run) -> None:
    (repo / "train.py").write_text("edited\n")
    (repo / "new.py").write_text("")
    with sacred(repo), pytest.raises(RefusedError, match=r"new\.py.*train\.py"):
        snap(require_clean=True)
    assert list_refs(find_repository("."), "refs/reprun/runs/") == []


@contextmanager
def writer(*paths: Path) -> Iterator[None]:
    """A thread that rewrites the files again and again, each time with another length."""
    over, running = threading.Event(), threading.Event()

    def write() -> None:
        length = 0
        while not over.is_set():
            length = length % 4000 + 1
            for path in paths:
                path.write_bytes(b"x" * length)
            running.set()

    thread = threading.Thread(target=write)
    thread.start()
    running.wait()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_writer_at_work(repo: Path, git: Run) -> None:
    with writer(repo / "train.py", repo / "log.txt"), pytest.raises(RefusedError) as caught:
        snap()
    assert "train.py" in caught.value.message or "log.txt" in caught.value.message
    assert ".gitignore" in caught.value.hint
    assert tree_of(git, snap().commit) == tree_on_disk(repo)


def test_an_edit_while_conversions_are_looked_for(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first launch in a repository compares all files with what git made of them: an edit in that time is no conversion."""
    from reprun.repo import conversions, snapshot

    texts = ["edited\n"]

    def edited(*args: Any) -> Conversions:
        if texts:
            (repo / "train.py").write_text(texts.pop())
        return conversions.find_conversions(*args)

    monkeypatch.setattr(snapshot, "find_conversions", edited)
    taken = snap()
    assert not texts
    assert tree_of(git, taken.commit) == tree_on_disk(repo)


def test_a_writer_whose_files_are_ignored_does_no_harm(repo: Path, git: Run) -> None:
    (repo / ".gitignore").write_text("log.txt\n")
    with writer(repo / "log.txt"):
        snapshot = snap()
    assert tree_of(git, snapshot.commit) == tree_on_disk(repo, ignored=("log.txt",))


def test_a_file_that_cannot_be_taken(repo: Path, git: Run) -> None:
    """As root nothing is unreadable; a clean filter that fails is the same to git."""
    (repo / ".gitattributes").write_text("*.bin filter=broken\n")
    git("config", "filter.broken.clean", "false")
    git("config", "filter.broken.required", "true")
    (repo / "data.bin").write_text("data")
    with sacred(repo), pytest.raises(ReprunError, match="filter"):
        snap()


def test_an_index_that_git_cannot_read(repo: Path, git: Run) -> None:
    (repo / ".git" / "index").write_bytes(b"DIRC" + bytes(100))
    with sacred(repo), pytest.raises(ReprunError, match="index"):
        snap()


def test_a_ref_that_is_there_is_never_moved(repo: Path, git: Run) -> None:
    run_id = "20260101-000000-aaaaaa"
    from reprun.repo.snapshot import take_snapshot
    from reprun.repo.wish import Wish

    first = take_snapshot(find_repository("."), Wish(run_id))
    assert take_snapshot(find_repository("."), Wish(run_id)).commit == first.commit
    (repo / "train.py").write_text("edited\n")
    with pytest.raises(ReprunError, match=run_id):
        take_snapshot(find_repository("."), Wish(run_id))
    assert git("rev-parse", first.ref) == first.commit
