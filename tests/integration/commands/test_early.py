"""The supervisor that starts before a launch has read anything: only where a run is to be expected; nothing is made for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import until

from reprun.cli.quick import read_launch
from reprun.commands.early import note_local, start_early
from reprun.runner import submit
from reprun.runner.paths import Home

pytestmark = pytest.mark.needs("git", "tmux")


@pytest.fixture(autouse=True)
def started() -> Iterator[None]:
    """What a test has started is no business of the next one."""
    yield
    for process in submit._starting.values():
        process.communicate()
    submit._starting.clear()


@pytest.mark.usefixtures("repo")
def test_it_waits_in_a_session_of_the_name_of_the_run(home: Path) -> None:
    run_id = start_early()
    assert run_id
    until(lambda: os.path.exists(Home(str(home)).socket()), "tmux runs")
    assert submit._starting[run_id].wait() == 0
    assert not (home / "runs").exists()


def test_nothing_is_started_outside_of_a_repository(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert start_early() == "" and list(home.iterdir()) == []


def test_nothing_is_made_in_a_dev_tree(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = repo / "home"
    inside.mkdir()
    monkeypatch.setenv("REPRUN_HOME", str(inside))
    assert start_early() == "" and list(inside.iterdir()) == []


def test_no_home_is_made(repo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REPRUN_HOME", str(tmp_path / "none"))
    assert start_early() == "" and not (tmp_path / "none").exists()


def test_nothing_is_started_where_local_is_another_place(repo: Path, home: Path) -> None:
    state = repo / ".git" / "reprun"
    state.mkdir()
    note_local(str(state), False)
    assert start_early() == "" and list(home.iterdir()) == []
    note_local(str(state), True)
    assert list(state.iterdir()) == []


@pytest.mark.parametrize(
    "words, local",
    [(["--", "true"], True), (["--on", "gpu1", "--", "true"], False), (["--dry-run", "--", "true"], False)],
)
def test_only_for_a_run_here(words: list[str], local: bool) -> None:
    read = read_launch(words)
    assert read is not None and read.is_local() is local
