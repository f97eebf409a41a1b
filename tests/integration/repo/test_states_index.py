"""Indexes of every kind, sparse checkouts, and settings that let git overlook a change: the snapshot is what is seen."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful, sacred, snap

Kind = Callable[[Path, Run], object]


def edit(repo: Path) -> None:
    """One file changed, one new, one gone, one staged in another state."""
    (repo / "train.py").write_text("edited\n")
    (repo / "new.py").write_text("new\n")
    (repo / "conf" / "base.yaml").unlink(missing_ok=True)


def older(repo: Path, seconds: int = 10) -> None:
    """Lets the files be older than the index, so that git believes what the index says of them."""
    for path in (repo / "train.py", repo / "conf" / "base.yaml", repo / "conf", repo):
        before = path.stat()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns - seconds * 10**9))


def version(number: int) -> Kind:
    def state(repo: Path, git: Run) -> None:
        git("add", "-N", "conf/base.yaml")
        git("update-index", "--index-version", str(number))

    state.__name__ = f"version_{number}"
    return state


def extended(repo: Path, git: Run) -> None:
    """Version 3, which git writes when an entry has a further flag."""
    (repo / "planned.py").write_text("planned\n")
    git("add", "-N", "planned.py")


def split(repo: Path, git: Run) -> None:
    git("update-index", "--split-index")
    (repo / "staged.py").write_text("in the second part\n")
    git("add", "staged.py")
    git("rm", "-q", "--cached", "train.py")


def without_a_checksum(repo: Path, git: Run) -> None:
    """As `index.skipHash` leaves it (git 2.40)."""
    index = repo / ".git" / "index"
    index.write_bytes(index.read_bytes()[:-20] + bytes(20))


def untracked_cache(repo: Path, git: Run) -> None:
    (repo / "conf" / "early.yaml").write_text("early\n")
    older(repo)
    git("config", "core.untrackedCache", "true")
    git("update-index", "--untracked-cache", "--force-untracked-cache")
    git("status")
    before = (repo / "conf").stat()
    (repo / "conf" / "late.yaml").write_text("late\n")
    os.utime(repo / "conf", ns=(before.st_atime_ns, before.st_mtime_ns))


def file_system_monitor_that_lies(repo: Path, git: Run) -> None:
    """Its answer "nothing changed" is in the index already; the hook must not be asked again."""
    hook = repo.parent / "monitor"
    hook.write_text(f"#!/bin/sh\necho asked >> {repo.parent}/asked\nprintf 'token\\0'\n")
    hook.chmod(0o755)
    older(repo)
    git("config", "core.fsmonitor", str(hook))
    git("update-index", "--fsmonitor")
    git("status")
    edit(repo)
    git("status")
    assert b"FSMN" in (repo / ".git" / "index").read_bytes()
    (repo.parent / "asked").unlink()


def many_files(repo: Path, git: Run) -> None:
    git("config", "feature.manyFiles", "true")
    git("config", "index.sparse", "true")
    git("config", "index.recordEndOfIndexEntries", "true")
    git("update-index", "--force-write-index")


def dated_in_the_future(repo: Path, git: Run) -> None:
    os.utime(repo / "train.py", (4102444800, 4102444800))
    git("update-index", "--refresh")
    os.utime(repo / ".git" / "index", (4102444801, 4102444801))


def wrong_cache_of_trees(repo: Path, git: Run) -> None:
    git("write-tree")
    git("update-index", "--force-remove", "conf/base.yaml")
    (repo / "conf" / "base.yaml").write_text("staged away, and still there\n")


KINDS: list[Kind] = [
    version(2), version(3), version(4), extended, split, without_a_checksum, untracked_cache, file_system_monitor_that_lies,
    many_files, dated_in_the_future, wrong_cache_of_trees,
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_index_of_every_kind(repo: Path, git: Run, faithful: Faithful, kind: Kind) -> None:
    kind(repo, git)
    edit(repo)
    faithful(repo)
    assert not (repo.parent / "asked").exists()


def test_a_change_that_hides_its_time_is_seen(repo: Path, git: Run, faithful: Faithful) -> None:
    """Same size, same time; only the ctime tells. Where git is told not to look at that, we look."""
    for key, value in {"core.trustctime": "false", "core.checkStat": "minimal", "core.ignoreStat": "true"}.items():
        git("config", key, value)
    older(repo)
    git("add", "--all")
    before = (repo / "train.py").stat()
    time.sleep(1.01)  # git looks at whole seconds
    (repo / "train.py").write_text("print('Training')\n")
    os.utime(repo / "train.py", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert git("status", "--porcelain") == ""
    faithful(repo)


def large(repo: Path, git: Run) -> None:
    """Folders `in` and `out`, so that half of the repository can be left out."""
    for name in ("in/a.py", "in/deep/b.py", "out/c.py", "out/deep/d.py", "top.py"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(name)
    git("add", "--all")
    git("commit", "-qm", "large")


def left_out(repo: Path, git: Run) -> dict[str, str]:
    """What HEAD has and the disk does not: a sparse checkout shows a part of the tree, it deletes nothing."""
    found = {}
    for line in git("ls-tree", "-r", "HEAD").splitlines():
        what, name = line.split("\t")
        mode, _, blob = what.split(" ")
        if not (repo / name).exists():
            found[name] = f"{mode} {blob}"
    return found


SPARSE = {"cone": ["--cone"], "patterns": ["--no-cone"], "sparse index": ["--cone", "--sparse-index"]}


@pytest.mark.parametrize("linked", [False, True], ids=["", "linked worktree"])
@pytest.mark.parametrize("kind", SPARSE)
def test_a_sparse_checkout(repo: Path, git: Run, faithful: Faithful, kind: str, linked: bool) -> None:
    large(repo, git)
    if linked:
        git("worktree", "add", "-q", "../linked")
        os.chdir("../linked")
        repo = repo.parent / "linked"
    git("sparse-checkout", "set", *SPARSE[kind], "in" if kind != "patterns" else "/in/")
    hidden = left_out(repo, git)
    assert {"out/c.py", "out/deep/d.py"} <= set(hidden)
    snapshot = faithful(repo, unseen=hidden)
    assert snapshot.commit == git("rev-parse", "HEAD")
    (repo / "in" / "a.py").write_text("edited\n")
    (repo / "in" / "deep" / "b.py").unlink()
    (repo / "in" / "new.py").write_text("new\n")
    faithful(repo, unseen=hidden)
    (repo / "out").mkdir(exist_ok=True)
    (repo / "out" / "new.py").write_text("new, outside\n")
    (repo / "out" / "c.py").write_text("there again, and edited\n")
    (repo / "elsewhere").mkdir()
    (repo / "elsewhere" / "new.py").write_text("new, outside, in a new folder\n")
    del hidden["out/c.py"]
    faithful(repo, unseen=hidden)
    (repo / "out" / "deep").write_text("a file where a folder was left out\n")
    del hidden["out/deep/d.py"]
    faithful(repo, unseen=hidden)


@pytest.mark.parametrize("sparse", [True, False])
def test_a_file_that_a_partial_clone_does_not_have_is_never_fetched_in_silence(repo: Path, git: Run, sparse: bool) -> None:
    """Its content is needed in the worktree: the launch is refused and says what to type."""
    large(repo, git)
    git("config", "uploadpack.allowFilter", "true")
    words = ["--sparse"] if sparse else ["--no-checkout"]
    git("clone", "-q", "--filter=blob:none", *words, f"file://{repo}", "../partial")
    os.chdir("../partial")
    top = repo.parent / "partial"
    if not sparse:
        git("read-tree", "HEAD")
        git("update-index", "--assume-unchanged", "top.py")
        git("sparse-checkout", "set", "nothing")
    (top / "new.py").write_text("new\n")
    missing = git("rev-list", "--objects", "--missing=print", "HEAD")
    assert "?" in missing
    with sacred(top):
        snap(top)
    assert git("rev-list", "--objects", "--missing=print", "HEAD") == missing
