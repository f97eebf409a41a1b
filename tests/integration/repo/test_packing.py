"""Packs are made in bounded memory, whoever reads them and whatever git has to say."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab import Run, processes_of, until

from reprun.core.errors import ToolError
from reprun.repo.discover import find_repository
from reprun.repo.packing import list_known, pack


def test_a_reader_that_goes_away(repo: Path, git: Run) -> None:
    for number in range(5):
        (repo / f"large{number}").write_bytes(os.urandom(1 << 20))
    git("add", "-A")
    git("commit", "-qm", "large")
    stream = pack(find_repository(str(repo)), git("rev-parse", "HEAD"), [])
    assert next(stream).startswith(b"PACK")
    stream.close()  # type: ignore[attr-defined]
    until(lambda: not [pid for pid in processes_of(str(repo)) if b"pack-objects" in _words(pid)], "git is gone")


def _words(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_git_may_talk_more_than_a_pipe_holds(repo: Path, git: Run) -> None:
    """It complains of each of thousands of folders, and goes on: nobody waits for anybody."""
    folders = "".join(f"/nowhere/{number:060d}/objects\n" for number in range(3000))
    (repo / ".git" / "objects" / "info" / "alternates").write_text(folders)
    assert b"".join(pack(find_repository(str(repo)), git("rev-parse", "HEAD"), [])).startswith(b"PACK")


def test_a_tree_that_is_not_whole(repo: Path, git: Run) -> None:
    tree = git("mktree", "--missing", stdin=b"100644 blob " + b"1" * 40 + b"\tfile\n")
    commit = git("commit-tree", "-m", "broken", tree)
    with pytest.raises(ToolError, match="git cannot pack"):
        list(pack(find_repository(str(repo)), commit, []))


@pytest.mark.parametrize("known", [["0" * 40], ["1" * 40] * 5000])
def test_a_commit_that_is_not_here(repo: Path, git: Run, known: list[str]) -> None:
    with pytest.raises(ToolError) as raised:
        list(pack(find_repository(str(repo)), git("rev-parse", "HEAD"), known))
    assert "\n" not in raised.value.message and raised.value.hint
    assert list_known(find_repository(str(repo)), known) == []
