"""Random files under random settings and attributes: the checkout has the dev tree's bytes, or the snapshot is refused."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import IDS

from reprun.core.errors import RefusedError
from reprun.repo.discover import find_repository
from reprun.repo.snapshot import take_snapshot
from reprun.repo.wish import Wish
from reprun.runner.checkout import Place
from reprun.runner.errors import RunnerError
from reprun.runner.expected import differing
from reprun.runner.form import form_of
from reprun.runner.paths import Home
from reprun.runner.store import ensure_store
from reprun.runner.worktree import ensure_worktree, find_changes

ENDS = (["\n"], ["\r\n"], ["\n", "\r\n"], ["\n", "\r\n", "\r"])
ATTRIBUTES = (
    *("text", "-text", "text=auto", "eol=crlf", "eol=lf", "text eol=crlf", "text=auto eol=crlf", "text=auto eol=lf", "ident"),
    *("binary", "crlf=input", "crlf", "-crlf", "working-tree-encoding=UTF-16", "filter=up", "filter=none", "!text", "mac"),
)
PATTERNS = ("*", "*.txt", "*.py", "a.txt", "sub/*")
SETTINGS = ("core.autocrlf=true", "core.autocrlf=input", "core.autocrlf=false", "core.eol=crlf", "core.eol=lf", "core.eol=native")
NAMES = ("a.txt", "b.txt", "c.py", "sub/d.txt", "sub/e.py")


def content(dice: random.Random) -> bytes:
    """A few lines of one kind of ending or of several; some with an ident, some binary."""
    ends = dice.choice(ENDS)
    words = ["one", "two $Id$", "drei", "", "\0" if dice.random() < 0.1 else "x"]
    text = "".join(dice.choice(words) + dice.choice(ends) for _ in range(dice.randrange(6)))
    return text.encode("utf-16" if dice.random() < 0.1 else "utf-8")


def rules(dice: random.Random) -> str:
    """A few lines of attributes."""
    lines = [f"{dice.choice(PATTERNS)} {dice.choice(ATTRIBUTES)}\n" for _ in range(dice.randrange(3))]
    return "".join(["[attr]mac eol=crlf\n" * dice.randrange(2), *lines])


def step(dice: random.Random, git: Run, repo: Path) -> None:
    """Something that people do."""
    action = dice.randrange(7)
    if action == 0:
        git("config", *dice.choice(SETTINGS).split("="))
    elif action == 1:
        (repo / ".gitattributes").write_text(rules(dice))
    elif action == 2:
        (repo / ".git" / "info" / "attributes").write_text(rules(dice))
    elif action == 3:
        for path in git("ls-files").split("\n"):
            if path and dice.random() < 0.5:
                (repo / path).unlink(missing_ok=True)
        git("checkout", "--", ".", check=False)
    elif action == 4:
        git("add", "--all", check=False)
        git("commit", "-qm", "next", check=False)
    else:
        (repo / dice.choice(NAMES)).write_bytes(content(dice))
    for path in repo.rglob("*"):
        if path.is_file() and ".git/" not in str(path) and dice.random() < 0.5:
            os.utime(path, (1_700_000_000 + dice.randrange(1000),) * 2)
    if dice.random() < 0.5:
        git("update-index", "-q", "--refresh", check=False)


@pytest.mark.parametrize("seed", range(4))
def test_the_bytes_or_a_refusal(seed: int, repo: Path, home: Path, git: Run) -> None:
    dice = random.Random(seed)
    git("config", "filter.up.clean", "tr A-Z a-z")
    git("config", "filter.up.smudge", "tr a-z A-Z")
    (repo / "sub").mkdir()
    for name in NAMES:
        (repo / name).write_bytes(content(dice))
    outcomes = []
    for _ in range(25):
        for _ in range(dice.randrange(1, 4)):
            step(dice, git, repo)
        outcomes.append(check(repo, home))
    assert outcomes.count("exact") >= 3, outcomes


def contents(top: Path) -> dict[str, bytes]:
    """path → bytes of every file but for git's own."""
    found = (path.relative_to(top) for path in top.rglob("*") if path.is_file())
    return {str(path): (top / path).read_bytes() for path in found if path.parts[0] != ".git"}


def check(repo: Path, home: Path) -> str:
    """Takes a snapshot of the dev tree and builds its worktree."""
    place = Home(str(home))
    found = find_repository(str(repo))
    files = contents(repo)
    try:
        snapshot = take_snapshot(found, Wish(next(IDS)))
    except RefusedError as error:
        assert "other bytes" in error.message or "clean filter" in error.message or "cannot read" in error.message, error.message
        return "refused"
    said = snapshot.conversions
    store = ensure_store(place, "project", str(repo / ".git" / "objects"), "sha1")
    tree = Place(store, place.trees("project"), form_of(said.get("form", {})))
    try:
        path = ensure_worktree(tree, snapshot.commit)
    except RunnerError as error:
        assert error.kind == "refused", error.message
        return "refused by the runner"
    if differing(path, said.get("expected", {})):
        return "differs"
    there = Path(path)
    assert contents(there) == files
    os.utime(there, (1, 1))  # the record no longer fits: everything is compared with the commit
    next(item for item in there.rglob("*") if item.is_file()).chmod(0o400)
    next(item for item in there.rglob("*") if item.is_file()).chmod(0o444)
    assert find_changes(tree, Path(path).name, path, snapshot.commit) == []
    return "exact"
