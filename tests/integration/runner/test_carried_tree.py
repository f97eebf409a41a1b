"""Carried files in the tree of their run: mode 0600, at their place and nowhere else, and watched."""

from __future__ import annotations

import base64
import os
import stat
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from lab import Run
from worktree_lab import Trees, listing

from reprun.runner import worktree
from reprun.runner.carried import changed_carried, place_carried, record_of
from reprun.runner.errors import RunnerError


@pytest.fixture
def trees(repo: Path, home: Path, git: Run) -> Trees:
    return Trees(repo, home, git)


def carry(path: str, data: bytes = b"secret") -> dict[str, Any]:
    return {
        "path": path, "sha256": sha256(data).hexdigest(), "size": len(data), "data": base64.b64encode(data).decode(),
    }  # fmt: skip


def own(trees: Trees, commit: str, *files: dict[str, Any], writable: tuple[str, ...] = (), name: str = "run") -> Path:
    path = Path(trees.place.store).parent.parent / "runs" / name / "tree"
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(worktree.ensure_own_tree(trees.place, commit, name, str(path), writable, files))


def changes(trees: Trees, tree: Path, commit: str, *known: str) -> list[str]:
    return worktree.find_changes(trees.place, "run", str(tree), commit, known)


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o077])
def test_it_is_there_for_its_owner_alone_and_the_rest_is_the_commit(trees: Trees, umask: int) -> None:
    commit = trees.commit()
    trees.ensure(commit)
    os.makedirs(Path(trees.place.store).parent.parent / "runs" / "run")
    before = os.umask(umask)
    try:
        tree = own(trees, commit, carry(".env"), carry("conf/local.yaml", b"a: 1"))
    finally:
        os.umask(before)
    assert (tree / ".env").read_bytes() == b"secret" and (tree / "conf" / "local.yaml").read_bytes() == b"a: 1"
    for name in (".env", "conf/local.yaml"):
        assert stat.S_IMODE((tree / name).stat().st_mode) == 0o600 and (tree / name).stat().st_nlink == 1
    for path in (tree, tree / "train.py", tree / "conf", tree / "conf" / "base.yaml"):
        assert path.stat().st_mode & 0o222 == 0, path
    assert {name: found for name, found in listing(tree).items() if name not in (".env", "conf/local.yaml")} == trees.expected(
        commit
    )
    assert changes(trees, tree, commit, ".env", "conf/local.yaml") == []


def test_it_reaches_no_other_tree(trees: Trees) -> None:
    commit = trees.commit()
    own(trees, commit, carry(".env"))
    assert not (trees.ensure(commit) / ".env").exists()
    assert not (own(trees, commit, name="other", writable=("out",)) / ".env").exists()


def test_new_folders_on_its_way_are_made_and_closed(trees: Trees) -> None:
    commit = trees.commit()
    tree = own(trees, commit, carry("a/b/c"), carry("a/d"))
    assert (tree / "a" / "b" / "c").read_bytes() == b"secret"
    assert (tree / "a").stat().st_mode & 0o222 == 0 and (tree / "a" / "b").stat().st_mode & 0o222 == 0


def test_a_change_of_it_is_noticed(trees: Trees) -> None:
    commit = trees.commit()
    files = [carry(name) for name in ("same", "longer", "other", "gone", "link", "folder")]
    tree = own(trees, commit, *files)
    tree.chmod(0o755)
    (tree / "longer").write_text("secrets")
    (tree / "other").write_text("Secret")
    for name in ("gone", "link", "folder"):
        (tree / name).unlink()
    (tree / "link").symlink_to("same")
    (tree / "folder").mkdir()
    (tree / "folder" / "new").write_text("x")
    assert changed_carried(str(tree), record_of(files)) == ["longer", "other", "gone", "link", "folder"]


@pytest.mark.parametrize("rule", ["/only/\n", "/only/a\n", ""])
def test_what_appears_beside_it_is_noticed_and_it_is_not(trees: Trees, rule: str) -> None:
    commit = trees.commit(lambda repo: (repo / ".gitignore").write_text(rule))
    tree = own(trees, commit, carry("only/a"), carry("only/deep/b"))
    (tree / "only").chmod(0o755)
    (tree / "only" / "stray").write_text("x")
    assert changes(trees, tree, commit, "only/a", "only/deep/b") == ["only/stray"]


@pytest.mark.parametrize("rule", ["/only/\n", ""])
def test_reading_every_file_anew_finds_no_change(trees: Trees, rule: str) -> None:
    """Stats move without harm when another tree that shares files goes away: then git reads all of it."""
    commit = trees.commit(lambda repo: (repo / ".gitignore").write_text(rule))
    tree = own(trees, commit, carry("only/a"))
    os.unlink(trees.place.table("run"))
    assert changes(trees, tree, commit, "only/a") == []


@pytest.mark.parametrize("path", ["conf/a", "conf/deep/a"])
def test_a_link_in_the_commit_leads_it_nowhere(trees: Trees, tmp_path: Path, path: str) -> None:
    outside = tmp_path / "outside"
    (outside / "deep").mkdir(parents=True)

    def link(repo: Path) -> None:
        (repo / "conf" / "base.yaml").unlink()
        (repo / "conf").rmdir()
        (repo / "conf").symlink_to(outside)

    commit = trees.commit(link)
    with pytest.raises(RunnerError, match="leads through conf, which is no folder in the commit") as caught:
        own(trees, commit, carry(path))
    assert caught.value.kind == "refused" and caught.value.hint
    assert os.listdir(outside) == ["deep"] and os.listdir(outside / "deep") == []


def test_a_file_on_its_way_is_refused(trees: Trees) -> None:
    commit = trees.commit()
    with pytest.raises(RunnerError, match=r"leads through train\.py, which is no folder"):
        own(trees, commit, carry("train.py/a"))


def test_it_replaces_nothing_of_the_commit(trees: Trees) -> None:
    commit = trees.commit(lambda repo: (repo / "link").symlink_to("train.py"))
    shared = trees.ensure(commit)
    for path in ("train.py", "link", "conf"):
        with pytest.raises(RunnerError, match=f"{path} is in the commit: only what git ignores can be carried"):
            own(trees, commit, carry(path))
    assert (shared / "train.py").read_text() == "print('training')\n"
    trees.ensure(commit)


@pytest.mark.parametrize("path", ["../a", "a/../../b", "/etc/a", ".git", ".git/a", "a/.GIT/b", "a//b", "", "."])
def test_a_path_that_leaves_the_tree_is_refused(tmp_path: Path, path: str) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with pytest.raises(RunnerError, match="leaves the tree"):
        place_carried(str(tree), [carry(path)])
    assert [name for _, _, files in os.walk(tmp_path) for name in files] == []


def test_what_did_not_arrive_whole_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="did not arrive as it was sent"):
        place_carried(str(tmp_path), [{**carry("a"), "sha256": "0" * 64}])
    assert os.listdir(tmp_path) == []


def test_a_half_made_tree_is_made_anew(trees: Trees) -> None:
    """As when the launch was killed between two carried files, or before the tree was recorded as complete."""
    commit = trees.commit()
    tree = own(trees, commit, carry("a"), carry("b"))
    for left in ("b", None):
        if left:
            tree.chmod(0o755)
            (tree / left).unlink()
            (tree / "a").write_text("half")
        os.unlink(trees.place.table("run"))
        assert own(trees, commit, carry("a"), carry("b")) == tree
        assert (tree / "a").read_bytes() == (tree / "b").read_bytes() == b"secret"
        assert changes(trees, tree, commit, "a", "b") == []


def test_a_whole_tree_is_left_as_it_is(trees: Trees) -> None:
    """The job may have begun: a second copy of the launch must not take its files away."""
    commit = trees.commit()
    tree = own(trees, commit, carry("a"))
    inode = (tree / "a").stat().st_ino
    assert (own(trees, commit, carry("a")) / "a").stat().st_ino == inode


def test_in_a_writable_folder_it_is_there_too(trees: Trees) -> None:
    commit = trees.commit()
    tree = own(trees, commit, carry("out/a"), writable=("out",))
    assert stat.S_IMODE((tree / "out" / "a").stat().st_mode) == 0o600
    (tree / "out" / "new").write_text("x")
    assert changes(trees, tree, commit, "out", "out/a") == []
