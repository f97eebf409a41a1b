"""What is written without git is what git would have written, and git still writes where more is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab import Run

from reprun.repo import direct
from reprun.repo.discover import Repository, find_repository
from reprun.repo.pruning import keep_blob
from reprun.repo.refs import create_ref

RUN = "20261121-031622-m4k7qx"
REF = "refs/reprun/runs/" + RUN
WHO = "reprun <reprun@localhost>"


@pytest.fixture
def here(repo: Path, git: Run) -> Repository:
    found = find_repository(str(repo))
    assert direct.is_plain(found)
    return found


def commit_of_git(git: Run, tree: str, parents: list[str], date: str) -> str:
    named = {f"GIT_{role}_{part}": value for role in ("AUTHOR", "COMMITTER") for part, value in
             (("NAME", "reprun"), ("EMAIL", "reprun@localhost"), ("DATE", date))}  # fmt: skip
    words = [f"{key}={value}" for key, value in named.items()]
    above = [word for parent in parents for word in ("-p", parent)]
    # Through env: the variables are for this git alone.
    return git("-c", f"alias.made=!env {' '.join(repr(word) for word in words)} git commit-tree", "made", tree, *above,
               stdin=b"reprun: snapshot\n")  # fmt: skip


@pytest.mark.parametrize("date", ["@946684800 +0000", "@0 -0330", "@1790000000 +1359", "@99999999999 -0001"])
@pytest.mark.parametrize("born", [True, False])
def test_a_commit_is_the_one_that_git_makes(here: Repository, git: Run, date: str, born: bool) -> None:
    parents = [here.head] if born else []
    tree = git("rev-parse", "HEAD^{tree}")
    made = direct.make_commit(here, tree, parents, WHO, date, "reprun: snapshot")
    assert made is not None
    text = git("cat-file", "commit", made)
    path = Path(here.common_dir, "objects", made[:2], made[2:])
    assert path.stat().st_mode & 0o777 == 0o444
    path.unlink()
    assert commit_of_git(git, tree, parents, date) == made and git("cat-file", "commit", made) == text
    git("fsck", "--strict")


@pytest.mark.parametrize("date", ["@946684800 -0000", "@1 +1500", "@1 +0160", "@01 +0000", "1 +0000", ""])
def test_a_date_that_git_may_write_otherwise_is_left_to_git(here: Repository, git: Run, date: str) -> None:
    assert direct.make_commit(here, git("rev-parse", "HEAD^{tree}"), [], WHO, date, "reprun: snapshot") is None


def test_an_object_that_is_there_becomes_young_again(here: Repository) -> None:
    name = direct.write_object(here, "blob", b"once")
    assert name is not None
    path = Path(here.common_dir, "objects", name[:2], name[2:])
    os.utime(path, (1, 1))
    assert direct.write_object(here, "blob", b"once") == name and path.stat().st_mtime > 1
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]  # nothing is left aside


def test_a_ref_is_created_once(here: Repository, git: Run) -> None:
    other = git("commit-tree", "HEAD^{tree}", "-m", "other")
    assert direct.create_ref(here, REF, here.head) and git("rev-parse", REF) == here.head
    assert not direct.create_ref(here, REF, other) and git("rev-parse", REF) == here.head
    git("pack-refs", "--all", "--prune")
    assert not Path(here.common_dir, REF).exists()
    assert not direct.create_ref(here, REF, other) and git("rev-parse", REF) == here.head
    assert not Path(here.common_dir, REF + ".lock").exists()


def test_a_lock_on_a_ref_is_respected(here: Repository) -> None:
    lock = Path(here.common_dir, REF + ".lock")
    lock.parent.mkdir(parents=True)
    lock.touch()
    assert not direct.create_ref(here, REF, here.head) and lock.exists()
    assert create_ref(here, REF, here.head) == REF  # git waits, and the stale lock is taken away
    assert not lock.exists()


def test_a_large_file_of_packed_refs_is_for_git_to_look_through(
    here: Repository, git: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    git("pack-refs", "--all")
    monkeypatch.setattr(direct, "_MAX_PACKED", 10)
    assert not direct.create_ref(here, REF, here.head)
    assert create_ref(here, REF, here.head) == REF and git("rev-parse", REF) == here.head


@pytest.mark.parametrize(
    ("key", "value"),
    [("core.sharedRepository", "group"), ("core.logAllRefUpdates", "always"), ("include.path", "/nowhere")],
)
def test_git_writes_where_the_settings_ask_for_more(repo: Path, git: Run, key: str, value: str) -> None:
    git("config", key, value)
    asked = find_repository(str(repo))
    assert not direct.is_plain(asked)
    before = os.umask(0o077)
    try:
        keep_blob(asked, REF, b"kept")
    finally:
        os.umask(before)
    assert git("cat-file", "blob", REF) == "kept"
    shared = Path(asked.common_dir, REF).stat().st_mode & 0o060
    assert bool(shared) == (key == "core.sharedRepository")
    assert Path(asked.common_dir, "logs", REF).exists() == (key == "core.logAllRefUpdates")


def test_a_disk_that_takes_nothing_leaves_nothing(here: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(os, "fsync", refuse)
        assert direct.write_object(here, "blob", b"much") is None and not direct.create_ref(here, REF, here.head)
    left = [
        name for _, _, names in os.walk(here.common_dir) for name in names if name.startswith("tmp_obj") or name.endswith(".lock")
    ]
    assert left == []
