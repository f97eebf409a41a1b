"""Plain tables: a row stays on one line of the terminal, and ids stay whole."""

from __future__ import annotations

import pytest

from reprun.cli import looking, table
from reprun.commands.listing import Listed
from reprun.core.outcome import RunState
from reprun.store.rows import Row

HEAD = ("RUN", "NAME", "STATE", "COMMAND")


@pytest.mark.parametrize("columns", [200, 100, 80, 60])
def test_a_row_stays_on_one_line(columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    run_id = "20261122-025306-3zjfvs"
    table.print_table(HEAD, [(run_id, "n" * 40, "queued (position 12, waits for another)", "python train.py")], flexible=3)
    head, row = capsys.readouterr().out.splitlines()
    assert max(len(head), len(row)) <= columns and row.startswith(run_id)
    assert ("…" in row) is (columns < 130)


def test_what_cannot_be_cut_any_more_is_left(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "10")
    table.print_table(HEAD, [("r" * 22, "n", "queued", "python train.py")], flexible=3)
    assert "r" * 22 in capsys.readouterr().out


@pytest.mark.parametrize("columns", [200, 100, 80, 60])
def test_a_narrow_list_keeps_what_tells_runs_apart(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    runs = [
        Row(f"20261122-025306-3zjfv{number}", name=f"resnet50-augment-strong-{number}", commit_id="a" * 40) for number in (1, 2)
    ]
    looking._print_runs([Listed(run, RunState("queued", "position 12")) for run in runs])
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    for number, line in enumerate(lines[1:], 1):
        assert f"-{number} " in line and "queued" in line and "(…" not in line and runs[number - 1].run_id in line
