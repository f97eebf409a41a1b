"""The table of a tree: every change of a file moves something in it, and a torn one only means the slow way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from worktree_lab import overwrite

from reprun.runner import table


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    top = tmp_path / "tree"
    (top / "sub").mkdir(parents=True)
    (top / "file").write_text("content")
    (top / "sub" / "other").write_text("content")
    (top / "link").symlink_to("file")
    (top / ".git").write_text("gitdir: x")
    with open(os.path.join(os.fsencode(top), b"bad\xff\n"), "wb") as file:
        file.write(b"x")
    return top


def same(tree: Path, known: tuple[table.Table, table.Stats]) -> bool:
    return table.is_unchanged(str(tree), *known)


CHANGES = {
    "content, size and time restored": lambda tree: overwrite(tree / "file", b"CONTENT"),
    "mode": lambda tree: (tree / "file").chmod(0o755),
    "mode of a folder": lambda tree: (tree / "sub").chmod(0o700),
    "time": lambda tree: os.utime(tree / "file", (1, 1)),
    "new": lambda tree: (tree / "new").write_text(""),
    "gone": lambda tree: (tree / "file").unlink(),
    "moved": lambda tree: (tree / "file").rename(tree / "sub" / "file"),
    "another link": lambda tree: [(tree / "link").unlink(), (tree / "link").symlink_to("elsewhere")],
    "file becomes folder": lambda tree: [(tree / "file").unlink(), (tree / "file").mkdir()],
    "hard link": lambda tree: os.link(tree / "file", tree.parent / "elsewhere"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(tree: Path, change: str) -> None:
    known = table.walk(str(tree))
    assert same(tree, known)
    CHANGES[change](tree)
    assert not same(tree, known)


def test_reading_is_no_change(tree: Path) -> None:
    known = table.walk(str(tree))
    (tree / "file").read_text()
    os.listdir(tree / "sub")
    assert same(tree, known)


def test_the_link_to_git_and_what_is_skipped_do_not_count(tree: Path) -> None:
    seen, _ = table.walk(str(tree), ("sub",))
    assert set(seen) == {"", "file", "link", "bad\udcff\n"}


def test_it_survives_its_file(tree: Path, tmp_path: Path) -> None:
    seen, _stats = table.walk(str(tree))
    table.save(str(tmp_path / "t"), seen)
    assert table.load(str(tmp_path / "t")) == seen
    assert sorted(os.listdir(tmp_path)) == ["t", "tree"]


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"a": 1', "\xff"])
def test_a_torn_one_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text, encoding="latin-1")
    assert table.load(str(tmp_path / "t")) is None
    assert table.load(str(tmp_path / "missing")) is None


@pytest.mark.parametrize("expected", [None, {}, {"file": 1}, {"file": [1]}, {"other": [1, 2]}])
def test_what_is_not_a_table_is_not_the_same(tree: Path, expected: object) -> None:
    seen, stats = table.walk(str(tree))
    assert not table.is_unchanged(str(tree), expected, stats)  # type: ignore[arg-type]
    assert not table.is_unchanged(str(tree), seen, expected)  # type: ignore[arg-type]


def test_nobody_waits_for_what_is_not_wanted_any_more(tree: Path) -> None:
    known = table.walk(str(tree))
    assert table.is_unchanged(str(tree), *known, stop=lambda: False)
    assert not table.is_unchanged(str(tree), *known, stop=lambda: True)
