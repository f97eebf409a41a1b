"""The data of a run: what its facts are, and what is no data."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprun.runner.data import data_facts, out_of_reach
from reprun.runner.errors import RunnerError


def test_a_folder_with_what_cannot_be_read_as_a_file(tmp_path: Path) -> None:
    """A pipe, a link that leads nowhere, a loop: named in the digest and not opened."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "a").write_text("1")
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(".")
    (folder / "lost").symlink_to("nowhere")
    (first,) = data_facts(["data"], str(tmp_path), str(tmp_path / "cache"))
    assert (first["files"], first["size"]) == (3, 1)
    (folder / "lost").unlink()
    (folder / "lost").symlink_to("elsewhere")
    (second,) = data_facts(["data"], str(tmp_path), str(tmp_path / "cache"))
    assert second["sha256"] != first["sha256"]


@pytest.mark.parametrize(("name", "said"), [("pipe", "neither a file nor a folder"), ("lost", "is not there")])
def test_what_is_no_data_is_refused_with_a_hint(tmp_path: Path, name: str, said: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "lost").symlink_to("nowhere")
    with pytest.raises(RunnerError) as refused:
        data_facts([name], str(tmp_path), str(tmp_path / "cache"))
    assert said in refused.value.message and refused.value.hint


def test_a_folder_that_cannot_be_listed_is_not_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "data" / "closed").mkdir(parents=True)

    def scandir(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    real = os.scandir
    monkeypatch.setattr(os, "scandir", scandir)  # root may read everything
    with pytest.raises(RunnerError, match="cannot be read: Permission denied") as refused:
        data_facts(["data"], str(tmp_path), str(tmp_path / "cache"))
    assert refused.value.hint.startswith("on the target: ls -ld")


def test_what_only_the_dev_tree_can_reach(tmp_path: Path) -> None:
    """A worktree lies elsewhere: a link out of the tree leads nowhere from there, and what git ignores is not in it."""
    repo, tree = tmp_path / "deep" / "repo", tmp_path / "tree"
    for folder in (repo, tree):
        folder.mkdir(parents=True)
        for name, to in (
            ("data", "../disk"),
            ("whole", str(tmp_path / "deep" / "disk")),
            ("inside", "x"),
            ("dead", "../nowhere"),
        ):
            (folder / name).symlink_to(to)
        (folder / "x").write_text("")
    (tmp_path / "deep" / "disk").mkdir()
    (tmp_path / "deep" / "disk" / "a.csv").write_text("")
    (repo / "ignored").mkdir()
    paths = ["data/a.csv", "ignored", "x", "nowhere", str(repo / "ignored"), "~/y"]
    there = str(tmp_path / "deep" / "disk")
    assert out_of_reach(paths, str(repo), str(tree)) == [["link", "data", there], ["data", "ignored", str(repo / "ignored")]]
    assert out_of_reach(paths, "", str(tree)) == [["link", "data", ""], ["link", "dead", ""]]
