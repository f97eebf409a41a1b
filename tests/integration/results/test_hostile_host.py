"""A host that lies about the files of a run cannot make us write anywhere but into the folder for them, nor wait for ever."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from lab import Answer

from reprun.commands.pulling import Pulled, pull
from reprun.core.errors import ReprunError
from reprun.hosts.base import Attached
from reprun.hosts.local import LocalHost
from reprun.results.choosing import Remote, Wish
from reprun.results.landing import Landing
from reprun.schedulers.tmux import TmuxScheduler
from reprun.targets import Target
from reprun.workspace import open_workspace

EVIL = b"evil\n"
SHA = hashlib.sha256(EVIL).hexdigest()


class LyingHost(LocalHost):
    """Answers of its own instead of the runner's."""

    is_here = False

    def __init__(self, files: list[Any], piece: Callable[[list[Any]], dict[str, str]]) -> None:
        self.files, self.piece = files, piece

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None) -> dict[str, Any]:
        if request["op"] == "files":
            return {"there": True, "files": self.files, "more": False}
        if request["op"] == "pieces":
            return {"pieces": [self.piece(wanted) for wanted in request["wanted"]]}
        return super().ask(request, attached)


def lie(reprun: Callable[..., Answer], to: Path, files: list[Any], piece: Callable[[list[Any]], dict[str, str]]) -> Pulled:
    """Pulls from a lying host."""
    run_id = reprun("launch", "--json", "--", "true").data["run_id"]
    reprun("wait", run_id)
    workspace = open_workspace()
    workspace.targets["local"] = Target("local", LyingHost(files, piece), TmuxScheduler())
    return pull(workspace, workspace.find_run(run_id), Wish(), str(to))


def evil(_: list[Any]) -> dict[str, str]:
    return {"data": base64.b64encode(EVIL).decode(), "sha256": SHA, "problem": ""}


def test_nothing_is_written_outside(repo: Path, home: Path, tmp_path: Path, reprun: Callable[..., Answer]) -> None:
    to = tmp_path / "a" / "to"
    size = len(EVIL)
    names = ["../x", "output/../../x", "/tmp/reprun-evil", "output/l/x", "output/k/../x", "output/ok", ".arriving/run", "x"]
    links = [["output/l", "link", 1, 0, str(tmp_path)], ["output/k", "link", 1, 0, "ok"], ["output/m", "link", 1, 0, "k/../.."]]
    before = {path.name for path in tmp_path.iterdir()}
    done = lie(reprun, to, [*links, *([name, "file", size, 0, ""] for name in names), *links], evil)
    assert {item.name for item in done.brought if item.kind == "file"} == {"output/l/x", "output/ok"}
    assert (to / "output" / "l").is_dir() and not (to / "output" / "l").is_symlink()
    assert {path.name for path in tmp_path.iterdir()} == before | {"a"} and os.listdir(tmp_path / "a") == ["to"]
    assert not os.path.lexists("/tmp/reprun-evil")
    assert sorted(os.listdir(to)) == ["output"] and sorted(os.listdir(to / "output")) == ["k", "l", "ok"]


def test_a_link_that_was_brought_before_is_no_way_out(tmp_path: Path) -> None:
    """The second time the host calls a folder what was a link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    landing = Landing(str(tmp_path / "to"), "20261121-031622-m4k7qx")
    (tmp_path / "to" / "output").mkdir()
    (tmp_path / "to" / "output" / "way").symlink_to(outside)
    arrival = landing.begin(Remote("output/way/x", "file", len(EVIL), 0))
    arrival.add(EVIL)
    with pytest.raises(OSError, match=r"."):
        arrival.finish(SHA)
    with pytest.raises(OSError, match=r"."):
        landing.link(Remote("output/way/y", "link", 1, 0, "x"))
    assert not landing.is_here(Remote("output/way/x", "file", len(EVIL), 0)) and not list(outside.iterdir())


@pytest.mark.parametrize(
    ("piece", "said"),
    [
        ({"data": "", "sha256": "", "problem": ""}, "SHA-256"),
        ({"data": base64.b64encode(b"other").decode(), "sha256": SHA, "problem": ""}, "SHA-256"),
        ({"data": base64.b64encode(b"x" * 100_000).decode(), "sha256": SHA, "problem": ""}, "SHA-256"),
        ({"data": "not base64!", "sha256": SHA, "problem": ""}, "cannot be read"),
        ({"data": "", "sha256": "", "problem": "gone"}, "gone"),
    ],
)
def test_what_cannot_be_verified_does_not_arrive(
    repo: Path, home: Path, tmp_path: Path, reprun: Callable[..., Answer], piece: dict[str, str], said: str
) -> None:
    done = lie(reprun, tmp_path / "to", [["output/x", "file", len(EVIL), 0, ""]], lambda _: piece)
    assert not done.brought and said in done.problems[0][1] and not os.path.lexists(tmp_path / "to" / "output" / "x")


def test_no_answer_at_all_is_an_error(repo: Path, home: Path, tmp_path: Path, reprun: Callable[..., Answer]) -> None:
    class Mute(LyingHost):
        def ask(self, request: Mapping[str, Any], attached: Attached | None = None) -> dict[str, Any]:
            return {"pieces": []} if request["op"] == "pieces" else super().ask(request, attached)

    run_id = reprun("launch", "--json", "--", "true").data["run_id"]
    workspace = open_workspace()
    workspace.targets["local"] = Target("local", Mute([["output/x", "file", 1, 0, ""]], evil), TmuxScheduler())
    with pytest.raises(ReprunError):
        pull(workspace, workspace.find_run(run_id), Wish(("x",)), str(tmp_path / "to"))
