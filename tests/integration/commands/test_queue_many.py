"""Many runs named at once: what they have in common is found out once."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import run_reprun

from reprun.commands import queue_care
from reprun.workspace import Workspace


@pytest.mark.usefixtures("home")
def test_many_are_found_and_put_away_together(repo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_reprun("queue", "pause", cwd=repo).rc == 0
    runs = [run_reprun("launch", "--queue", "--json", "--", "true", cwd=repo).data["run_id"] for _ in range(3)]
    monkeypatch.chdir(repo)
    looks: list[str] = []
    history = Workspace.history

    def counted(workspace: Workspace) -> object:
        looks.append("history")
        return history(workspace)

    monkeypatch.setattr(Workspace, "history", counted)
    queues = queue_care.Queues()
    assert queues.find([*runs, runs[0]], "") == {"local": runs} and len(looks) == 1
    assert queues.ask("local", "rm", runs=runs)["removed"] == runs
    assert queues.workspace is not None
    monkeypatch.setattr("reprun.commands.states.put_away", None)  # one by one, each with its own git
    queue_care.keep_canceled(queues.workspace, runs)
    assert {state.state for state in queues.workspace.shared_outcomes(runs).values()} == {"canceled"}
