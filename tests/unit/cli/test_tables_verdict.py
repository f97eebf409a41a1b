"""How a verdict looks: nothing is lost, nothing is obeyed, and it fits the terminal."""

from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.console import Console

from reprun.cli.tables_verdict import render_differences, render_verdict
from reprun.core.compare import Difference
from reprun.core.verdict import DRIFTED, IDENTICAL, Verdict

OLD, NEW = "20261121-031622-m4k7qx", "20261121-041955-9zc0ab"


def table(*rows: Difference, width: int = 80) -> list[str]:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        render_differences(console, rows, OLD, NEW)
    return capture.get().splitlines()


def verdict(kind: str, *reasons: str, width: int = 80, colour: bool = False) -> str:
    console = Console(width=width, force_terminal=colour, color_system="standard" if colour else None)
    with console.capture() as capture:
        render_verdict(console, Verdict(kind, reasons), [], OLD, NEW)
    return capture.get()


def test_no_difference_is_one_line() -> None:
    assert table() == ["Nothing differs between the two runs, as far as is on record."]


def test_a_verdict_over_equal_inputs_does_not_say_that_nothing_differs() -> None:
    assert verdict(DRIFTED, "metric a: 1 → 2").startswith("Nothing that went in differs between the two runs")


def test_long_values_are_shown_where_they_part() -> None:
    begin, end = "/a/long/way/to/the/bin:" * 3, ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"
    line = table(Difference("variables", "PATH", f"{begin}/opt/one/bin{end}", f"{begin}/opt/one/bin:/added/bin{end}"))[2]
    assert "/added" in line


def test_an_area_is_named_once() -> None:
    lines = table(
        Difference("config", "lr", "0.1", "0.2"),
        Difference("config", "size", "1", "—"),
        Difference("cpu", "n", "1", "2"),
    )
    assert lines[0].split() == ["Area", "What", OLD, NEW]
    assert [line.split() for line in lines[2:]] == [
        ["config", "lr", "0.1", "0.2"],
        ["size", "1", "—"],
        ["cpu", "n", "1", "2"],
    ]


def test_markup_and_control_characters_are_shown() -> None:
    line = table(Difference("config", "[red]x[/red]", "\x1b[31m\n", "[/]:bomb:"), width=120)[2]
    assert line.split() == ["config", "[red]x[/red]", "\\x1b[31m\\n", "[/]:bomb:"]
    text = verdict(DRIFTED, "metric [bold]\x1b]0;x\x07: [/nonsense]")
    assert "metric [bold]\\x1b]0;x\\x07: [/nonsense]" in text


@pytest.mark.parametrize("width", [1, 20, 40, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    wide = "宽" * 200
    rows = [
        Difference("environment", "a.very.long.path." * 9, "x" * 300, wide),
        Difference("cpu", wide, wide, "—"),
    ]
    lines = table(*rows, width=width)
    assert all(cell_len(line) <= width for line in lines)
    assert len(lines) == 4  # header, rule and one line for each row: nothing is wrapped


def test_long_values_keep_both_ends() -> None:
    line = table(Difference("code", "commit", "3f2a" + "0" * 32 + "beef", "9c01" + "0" * 32 + "cafe"))[2]
    old, new = line.split()[2:]
    assert old.startswith("3f2a") and old.endswith("beef")
    assert new.startswith("9c01") and new.endswith("cafe")


def test_long_values_that_part_in_the_middle_do_not_look_the_same() -> None:
    line = table(Difference("config", "path", "a" * 100 + "1" + "b" * 100, "a" * 100 + "2" + "b" * 100))[2]
    old, new = line.split()[2:]
    assert "1" in old and "2" in new


def test_a_short_column_leaves_its_room_to_the_other() -> None:
    long = "/home/ana/miniconda3/envs/digits/bin/python3"
    assert long in table(Difference("host", "x", long, "—"), width=96)[2]


def test_the_verdict_and_its_reasons() -> None:
    text = verdict(IDENTICAL, "2 metrics are exactly equal", "warning: the worktree was modified")
    lines = [line.strip() for line in text.splitlines()]
    assert f"IDENTICAL   {NEW} against {OLD}" in lines
    assert lines[-2:] == ["• 2 metrics are exactly equal", "• warning: the worktree was modified"]


def test_wrapped_reasons_stay_behind_their_bullet() -> None:
    lines = verdict(DRIFTED, "word " * 30, width=40).splitlines()
    reasons = lines[[line.startswith(" •") for line in lines].index(True) :]
    assert len(reasons) > 2
    assert all(line.startswith("   word") for line in reasons[1:])


def test_colours_follow_the_verdict() -> None:
    assert "\x1b[1;7;32m" in verdict(IDENTICAL, colour=True)
    assert "\x1b[1;7;31m" in verdict(DRIFTED, colour=True)
    assert "\x1b[33m" in verdict(DRIFTED, "warning: x", colour=True)
