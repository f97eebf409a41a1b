"""What is typed for the queue: read as people mean it, or refused with something to type."""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core import queued
from reprun.core.errors import UsageError

NOW = datetime(2026, 11, 21, 21, 30, 15, 250)


def moment(*parts: int) -> float:
    return datetime(*parts).timestamp()  # type: ignore[arg-type, misc]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("22:00", moment(2026, 11, 21, 22)),
        ("21:30", moment(2026, 11, 22, 21, 30)),  # that minute has begun: the next one is tomorrow
        ("7:05", moment(2026, 11, 22, 7, 5)),
        ("+2h", NOW.timestamp() + 7200),
        ("+1.5d", NOW.timestamp() + 1.5 * 86400),
        ("+0s", NOW.timestamp()),
        ("2026-12-01T08:00", moment(2026, 12, 1, 8)),
        ("2026-12-01", moment(2026, 12, 1)),
        ("2026-12-01T08:00+00:00", 1796112000.0),
    ],
)
def test_a_time(text: str, expected: float) -> None:
    assert math.isclose(queued.parse_not_before(text, NOW), expected, abs_tol=1e-3)


@pytest.mark.parametrize(
    "text", ["", "24:00", "22", "2h", "+2", "tomorrow", "+1e9999d", "+99999999999d", "2026-11-20", "²:00", "0001-01-01"]
)
def test_no_time(text: str) -> None:
    with pytest.raises(UsageError) as error:
        queued.parse_not_before(text, NOW)
    assert "22:00" in error.value.hint


@settings(deadline=None)
@given(st.integers(0, 23), st.integers(0, 59))
def test_a_clock_is_the_next_one(hour: int, minute: int) -> None:
    found = datetime.fromtimestamp(queued.parse_not_before(f"{hour}:{minute:02}", NOW))
    assert NOW < found <= NOW + timedelta(days=1) and (found.hour, found.minute, found.second) == (hour, minute, 0)


@pytest.mark.parametrize(
    ("text", "left", "op", "value"),
    [
        ("base.acc > 0.9", "base.acc", ">", 0.9),
        ("base.acc>=.9", "base.acc", ">=", 0.9),
        ("a.b.loss<1e-3", "a.b.loss", "<", 1e-3),
        ("@last~2.acc = 1", "@last~2.acc", "==", 1.0),
        ("a.x != -2", "a.x", "!=", -2.0),
    ],
)
def test_a_condition(text: str, left: str, op: str, value: float) -> None:
    assert queued.parse_condition(text) == queued.Condition(left, op, value)


@pytest.mark.parametrize(
    "text", ["", "a.b", "a > 1", "a.b > x", "a.b > 1 > 2", "a.b > nan", "a.b > 1_0", "> 1", ". > 1", "a.b => 1"]
)
def test_no_condition(text: str) -> None:
    with pytest.raises(UsageError):
        queued.parse_condition(text)


def test_run_and_metric_may_both_hold_dots() -> None:
    assert queued.splits("a.b.c") == [("a", "b.c"), ("a.b", "c")]
    assert queued.splits(".a.b") == [(".a", "b")] and queued.splits("a.") == []


@settings(deadline=None)
@given(st.floats(allow_nan=True), st.floats(allow_nan=False, allow_infinity=False))
def test_nothing_holds_for_nan_but_being_another(number: float, bound: float) -> None:
    held = {op for op in ("<", "<=", ">", ">=", "==", "!=") if queued.Condition("", op, bound).holds(number)}
    if number != number:
        assert held == {"!="}
    else:
        assert held == ({"<=", ">=", "=="} if number == bound else {"<", "<=", "!="} if number < bound else {">", ">=", "!="})


@pytest.mark.parametrize("text", ["", "x", "nan", "inf", "1e999", "1_0"])
def test_no_priority(text: str) -> None:
    with pytest.raises(UsageError):
        queued.parse_priority(text)


@pytest.mark.parametrize("text", ["", "-1", "11", "1.5", "²", "9" * 50])
def test_no_count(text: str) -> None:
    with pytest.raises(UsageError):
        queued.parse_count("--retries", text, 0, 10)


def test_kinds_come_in_their_order() -> None:
    values = [queued.default_priority(kind) for kind in ("explore", "baseline", "method", "tune", "ablation")]
    assert values == sorted(values, reverse=True) and values[3] == values[4] and queued.default_priority("") == values[2]
    assert queued.parse_kind("tune") == "tune"
    with pytest.raises(UsageError):
        queued.parse_kind("Tune")


def test_two_hours_are_two_hours_when_the_clock_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        with monkeypatch.context() as inside:
            inside.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
            time.tzset()
            before = datetime(2026, 3, 29, 1, 0)
            assert queued.parse_not_before("+2h", before) == before.timestamp() + 7200
    finally:
        time.tzset()
