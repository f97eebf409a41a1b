"""What is remembered of locks: which one a tree of git's had."""

from __future__ import annotations

from pathlib import Path

from reprun.env.kept import Kept, Locked


def test_a_tree_leads_to_its_lock_until_that_is_forgotten(tmp_path: Path) -> None:
    kept, locked = Kept(str(tmp_path)), Locked("0" * 64, "made", "py-rattler 1", {"packages": []}, ("a note",))
    kept.keep("key", locked, b"text")
    assert kept.find_for("tree") is None
    kept.note_tree("tree", "key")
    assert kept.find_for("tree") == locked
    kept.note_tree("gone", "no such key")
    assert kept.find_for("gone") is None
    for number in range(100):
        kept.note_tree(f"tree {number}", "key")
    assert kept.find_for("tree") is None, "only the last ones are remembered"
    assert kept.find_for("tree 99") == locked
