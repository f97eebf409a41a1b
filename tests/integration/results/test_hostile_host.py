"""A host that lies about the files of a run cannot make us write anywhere but into the folder for them, nor wait for ever."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any

import pytest
from lab import Answer

from reprun.commands.pulling import Pulled, pull
from reprun.core.errors import ReprunError
from reprun.hosts.base import Attached, Part, Question
from reprun.hosts.local import LocalHost
from reprun.hosts.telling import Tell
from reprun.results.choosing import Remote, Wish
from reprun.results.landing import Landing
from reprun.schedulers.tmux import TmuxScheduler
from reprun.targets import Target
from reprun.workspace import open_workspace

Piece = Callable[[list[Any]], Part]
EVIL = b"evil\n"
SHA = hashlib.sha256(EVIL).hexdigest()


class LyingHost(LocalHost):
    """Answers of its own instead of the runner's."""

    is_here = False

    def __init__(self, files: list[Any], piece: Piece) -> None:
        self.files, self.piece = files, piece

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None, **more: Any) -> dict[str, Any]:
        if request["op"] == "files":
            return {"there": True, "files": self.files, "more": False}
        return super().ask(request, attached, **more)

    def fetch(self, question: Question, tell: Tell | None = None) -> Generator[Part, None, None]:
        yield from enumerated(self.piece, question()["wanted"])


def lie(reprun: Callable[..., Answer], to: Path, files: list[Any], piece: Piece) -> Pulled:
    """Pulls from a lying host."""
    run_id = reprun("launch", "--json", "--", "true").data["run_id"]
    reprun("wait", run_id)
    workspace = open_workspace()
    workspace.targets["local"] = Target("local", LyingHost(files, piece), TmuxScheduler())
    return pull(workspace, workspace.find_run(run_id), Wish(), str(to))


def enumerated(piece: Piece, wanted: list[Any]) -> Generator[Part, None, None]:
    for at, one in enumerate(wanted):
        head, data = piece(one)
        yield {"at": at, "problem": "", **head}, data


def evil(_: list[Any]) -> Part:
    return {"sha256": SHA}, EVIL


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
        (({"sha256": ""}, b""), "SHA-256"),
        (({"sha256": SHA}, b"other"), "SHA-256"),
        (({"sha256": SHA}, b"x" * 100_000), "SHA-256"),
        (({"sha256": ""}, b"x" * 100_000), "SHA-256"),
        (({"sha256": [SHA]}, EVIL), "SHA-256"),
        (({"sha256": "", "problem": "gone"}, b""), "gone"),
    ],
)
def test_what_cannot_be_verified_does_not_arrive(
    repo: Path, home: Path, tmp_path: Path, reprun: Callable[..., Answer], piece: Part, said: str
) -> None:
    done = lie(reprun, tmp_path / "to", [["output/x", "file", len(EVIL), 0, ""]], lambda _: piece)
    assert not done.brought and said in done.problems[0][1] and not os.path.lexists(tmp_path / "to" / "output" / "x")


@pytest.mark.parametrize("parts", [[], [({"at": 1, "sha256": SHA}, EVIL)], [({"sha256": SHA}, EVIL)]])
def test_what_is_no_answer_is_an_error(
    repo: Path, home: Path, tmp_path: Path, reprun: Callable[..., Answer], parts: list[Part]
) -> None:
    class Mute(LyingHost):
        def fetch(self, question: Question, tell: Tell | None = None) -> Generator[Part, None, None]:
            yield from parts

    run_id = reprun("launch", "--json", "--", "true").data["run_id"]
    workspace = open_workspace()
    workspace.targets["local"] = Target("local", Mute([["output/x", "file", 1, 0, ""]], evil), TmuxScheduler())
    with pytest.raises(ReprunError, match="the host sends"):
        pull(workspace, workspace.find_run(run_id), Wish(("x",)), str(tmp_path / "to"))
    assert not os.path.lexists(tmp_path / "to" / "output" / "x")
