"""Packs on their way into a store: whole or not at all, whatever becomes of the link."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from lab import Run

from reprun.repo.discover import find_repository
from reprun.repo.packing import pack
from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home
from reprun.runner.receive import known_commits, receive
from reprun.runner.store import ensure_store

RUN_ID = "20261121-031622-m4k7qx"


@pytest.fixture
def store(home: Path) -> str:
    """An empty store."""
    return ensure_store(Home(str(home)), "project-0", "", "sha1")


def pieces(repo: Path, commit: str, *known: str) -> list[bytes]:
    """The pack, in small pieces."""
    whole = b"".join(pack(find_repository(str(repo)), commit, known))
    return [whole[at : at + 1000] for at in range(0, len(whole), 1000)]


def many(repo: Path, git: Run, count: int = 300) -> str:
    """A commit with so many files that git keeps what comes as a pack."""
    for number in range(count):
        (repo / f"file{number}").write_bytes(os.urandom(500))
    git("add", "-A")
    git("commit", "-qm", "many")
    return git("rev-parse", "HEAD")


def take(store: str, commit: str, attached: Iterable[bytes] | None, run_id: str = RUN_ID, shallow: str = "") -> bool:
    """`receive` as `prepare` calls it."""
    return receive(store, {"commit": commit, "run_id": run_id, "attached": attached, "shallow": shallow})


def files(store: str) -> set[str]:
    """Every file in the store."""
    return {os.path.join(folder, name) for folder, _, names in os.walk(store) for name in names}


def broken(whole: list[bytes], after: int) -> Iterator[bytes]:
    """A link that breaks."""
    yield from whole[:after]
    raise EOFError


@pytest.mark.parametrize("count", [2, 300])
def test_what_comes_is_whole_and_kept(store: str, repo: Path, git: Run, count: int) -> None:
    commit = many(repo, git, count)
    assert take(store, commit, pieces(repo, commit))
    git("--git-dir", store, "fsck", "--strict")
    git("--git-dir", store, "gc", "-q", "--prune=now")
    assert git("--git-dir", store, "rev-list", "--objects", commit).count("\n") > count
    assert known_commits(store) == [commit]
    (repo / "train.py").write_text("next\n")
    git("commit", "-qam", "next")
    following = git("rev-parse", "HEAD")
    few = pieces(repo, following, commit)
    assert len(b"".join(few)) < 1000  # only what is missing
    assert take(store, following, few, RUN_ID[:-1] + "z") and known_commits(store) == [following, commit]


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_link_that_breaks_leaves_nothing(store: str, repo: Path, git: Run, share: float) -> None:
    commit = many(repo, git)
    whole, before = pieces(repo, commit), files(store)
    with pytest.raises(EOFError):
        take(store, commit, broken(whole, int(len(whole) * share)))
    assert files(store) == before
    assert take(store, commit, whole)


@pytest.mark.parametrize("count", [2, 300])
def test_a_pack_that_is_damaged_is_refused_in_one_line(store: str, repo: Path, git: Run, count: int) -> None:
    commit = many(repo, git, count)
    whole, before = b"".join(pieces(repo, commit)), files(store)
    for wrong in (whole[:-30], whole[:400] + b"?" * 40 + whole[440:], b"no pack at all, but longer than a header"):
        with pytest.raises(RunnerError) as raised:
            take(store, commit, [wrong])
        assert "\n" not in raised.value.message and "git cannot take in the code" in raised.value.message
        assert not [path for path in files(store) - before if "/pack/" in path or "incoming" in path]
    assert take(store, commit, [whole])


def test_a_pack_that_builds_on_what_is_not_here(store: str, repo: Path, git: Run) -> None:
    first = git("rev-parse", "HEAD")
    (repo / "train.py").write_text("print('training')\n" * 500 + "more\n")
    git("commit", "-qam", "longer")
    base = git("rev-parse", "HEAD")
    (repo / "train.py").write_text("print('training')\n" * 500 + "less\n")
    git("commit", "-qam", "next")
    commit = git("rev-parse", "HEAD")
    assert not take(store, commit, pieces(repo, commit, base))
    assert not take(store, commit, None) and known_commits(store) == []
    assert take(store, commit, pieces(repo, commit, first)) is False
    assert take(store, commit, pieces(repo, commit))


def test_a_store_whose_refs_lead_nowhere_takes_in_what_is_whole(store: str, repo: Path, git: Run) -> None:
    gone = Path(store, "refs", "reprun", "runs", "20260101-000000-aaaaaa")
    gone.parent.mkdir(parents=True)
    gone.write_text("1" * 40 + "\n")
    commit = git("rev-parse", "HEAD")
    assert take(store, commit, pieces(repo, commit))


def test_many_refs_are_put_into_one_file(store: str, repo: Path, git: Run) -> None:
    commit = git("rev-parse", "HEAD")
    assert take(store, commit, pieces(repo, commit))
    lines = "".join(f"create refs/reprun/runs/20260101-000000-{number:06d} {commit}\n" for number in range(600))
    git("--git-dir", store, "update-ref", "--stdin", stdin=lines.encode())
    assert take(store, commit, None, RUN_ID[:-1] + "y")
    assert not [path for path in files(store) if "/refs/reprun/" in path]
    assert len(git("--git-dir", store, "for-each-ref").splitlines()) == 602
    assert take(store, commit, None, RUN_ID[:-1] + "w")


def test_a_history_that_is_cut_in_two_places(store: str, repo: Path, git: Run) -> None:
    commit = git("rev-parse", "HEAD")
    assert take(store, commit, pieces(repo, commit), shallow=commit + "\n")
    assert take(store, commit, None, shallow="2" * 40 + "\n")
    assert Path(store, "shallow").read_text().split() == [commit, "2" * 40]
