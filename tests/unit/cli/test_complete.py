"""What the shell is offered for runs that wait, sweep files and tasks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprun.cli.complete import complete_sweep, complete_target, complete_task, complete_waiting, one_of


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that looks like a repository, with the notes of two sweeps."""
    sweeps = tmp_path / ".git" / "reprun" / "sweeps"
    sweeps.mkdir(parents=True)
    steps = [{"name": name} for name in ("Lr_0.1", "Lr_0.1", "Lr_0.2", "$(touch pwned)", "Opt_sgd")]
    (sweeps / "a.json").write_text(json.dumps({"steps": steps}))
    (sweeps / "runs.json").write_text("[]")
    for name in ("sweep.yaml", "sweep.yml", "sweep.json", "train.py"):
        (tmp_path / name).touch()
    (tmp_path / "sweeps").mkdir()
    monkeypatch.setenv("REPRUN_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_tasks_of_the_last_sweeps(folder: Path) -> None:
    assert complete_task("Lr") == ["Lr_0.1", "Lr_0.2"] and "Opt_sgd" in complete_task("") and len(complete_task("")) == 3
    (folder / ".git" / "reprun" / "sweeps" / "b.json").write_text('{"steps": 7}')
    assert complete_task("Lr") == ["Lr_0.1", "Lr_0.2"]


def test_files_that_may_be_sweeps(folder: Path) -> None:
    assert sorted(complete_sweep("sw")) == ["sweep.yaml", "sweep.yml", "sweeps/"]


@pytest.mark.usefixtures("folder")
def test_where_nothing_is_known_nothing_is_offered() -> None:
    assert complete_waiting("x") == [] and complete_target("nobody,lo") == ["nobody,local"]


def test_words_that_are_known_beforehand() -> None:
    assert one_of("full", "quick", "off")("f") == ["full"] and one_of("full", "off")("") == ["full", "off"]
