"""A run that has an environment gets that one, whatever the login has."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from conda_channel import Channel
from env_lab import make, said
from lab import Run

from reprun.runner.main import handle
from reprun.runner.paths import Home


@pytest.fixture
def prepare(repo: Path, home: Path, git: Run) -> Any:
    """Asks for the preparation of a run of the dev tree's commit."""
    common = {
        "op": "prepare", "run_id": "20260101-000000-run", "key": "project", "objects": str(repo / ".git/objects"), "cwd": ".",
        "object_format": git("rev-parse", "--show-object-format"), "commit": git("rev-parse", "HEAD"), "argv": ["python", "x.py"],
    }  # fmt: skip
    return lambda **more: handle({**common, **more})


def test_it_gets_its_interpreter_and_variables_and_nothing_of_the_login(
    conda_channel: Channel, home: Path, prepare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = conda_channel.plan("python", "greeter", "activator")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    monkeypatch.setenv("VIRTUAL_ENV", "/opt/venv")
    assert prepare(environment=plan["digest"]) == {"lacks_environment": plan["digest"]}
    assert not (home / "runs").exists() and not (home / "worktrees").exists()
    prefix = make(home, plan)["prefix"]
    answer = prepare(environment=plan["digest"], python_path=["", "src"])
    env, tree = answer["inherited"], answer["worktree"]["path"]
    assert answer["environment"]["prefix"] == prefix and answer["environment"]["packages"] == ["greeter==1.0"]
    assert answer["program"] == f"{prefix}/bin/python"
    assert (env["ACTIVATOR_LEVEL"], env["PYTHONPATH"], env["PYTHONNOUSERSITE"]) == ("seven", f"{tree}:{tree}/src", "1")
    assert not {"LD_LIBRARY_PATH", "VIRTUAL_ENV"} & set(env)
    assert {"ACTIVATOR_HOME", "CONDA_PREFIX", "PATH", "PYTHONPATH"} <= set(answer["activated"])
    assert said("python", "-c", "import greeter, sys; print(greeter.VERSION, sys.path[1])", env=env) == f"1.0 {tree}"


def test_without_one_nothing_is_different(home: Path, prepare: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRTUAL_ENV", "/opt/venv")
    answer = prepare()
    assert answer["activated"] == [] and answer["inherited"]["VIRTUAL_ENV"] == "/opt/venv"
    assert answer["inherited"]["PATH"] == os.environ["PATH"] and not os.path.exists(Home(str(home)).envs)


def test_what_the_user_passes_on_by_name_is_passed_on(
    conda_channel: Channel, home: Path, prepare: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = conda_channel.plan("dial")
    make(home, plan)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")
    answer = prepare(environment=plan["digest"], pass_env=["LD_LIBRARY_PATH"])
    assert answer["inherited"]["LD_LIBRARY_PATH"] == "/opt/lib"
