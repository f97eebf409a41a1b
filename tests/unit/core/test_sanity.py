"""Sanity experiments: what a metric has to be, and whether an outcome is that."""

from __future__ import annotations

from typing import Any

import pytest

from reprun.config.schema import parse_settings
from reprun.core.errors import UsageError
from reprun.core.sanity import judge_sanity, parse_bound


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("> 0.99", 1.0, True), ("> 0.99", 0.99, False), (">=0.99", 0.99, True), ("< 1e-3", 0, True), ("<= 1e-3", 1e-3, True),
        ("<1", 1, False), ("0.08 .. 0.12", 0.08, True), ("-1..-.5", -0.7, True), ("0.08 .. 0.12", 0.13, False),
        ("> 0", float("nan"), False), ("0 .. 1", None, False), ("> -1", float("inf"), False), (">0", 10**400, True),
    ],
)  # fmt: skip
def test_bounds(text: str, value: Any, holds: bool) -> None:
    assert parse_bound(text).holds(value) is holds


@pytest.mark.parametrize("text", ["", "0.99", "= 1", "> x", "> nan", "1 .. 0", "> 1 > 2", "..", ">" * 99])
def test_what_is_no_bound(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_bound(text)
    assert "0.99" in caught.value.hint


def outcome(last: Any = 0.5, **more: Any) -> dict[str, Any]:
    return {"metrics": {"acc": {"last": last, "min": 0.1, "max": 0.995, "count": 3}}, **more}


@pytest.mark.parametrize(
    ("wanted", "state", "record", "passed", "why"),
    [
        ({}, "finished", {}, True, "end"),
        ({}, "failed", {}, False, "failed"),
        ({}, "stopped", {}, False, "stopped"),
        ({}, "stopped", {"limit": "steps"}, True, "end"),
        ({}, "stopped", {"limit": "seconds"}, False, "time"),
        ({"metric": "acc", "pass": "> 0.99"}, "stopped", outcome(limit="seconds"), True, "0.995 at most"),
        ({"metric": "acc", "pass": "< 0.05"}, "finished", outcome(), False, "0.1 at least"),
        ({"metric": "acc", "pass": "0 .. 0.4"}, "finished", outcome(), False, "acc = 0.5"),
        ({"metric": "loss", "pass": "> 0"}, "finished", outcome(), False, "there are acc"),
        ({"checkpoint": True}, "finished", {}, False, "no checkpoint"),
        ({"checkpoint": True}, "finished", {"checkpoints": [{"path": "x"}]}, True, "end"),
        ({"checkpoint": True}, "finished", {"outputs": [{"path": "x"}]}, True, "end"),
    ],
)
def test_outcomes(wanted: dict[str, Any], state: str, record: dict[str, Any], passed: bool, why: str) -> None:
    found = judge_sanity(wanted, state, record)
    assert found.passed is passed and why in found.why


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sanity = 3", "a table"), ("[sanity.a]", "no command"), ('[sanity.a]\ncommand = []', "a list of words"),
        ('[sanity.a]\ncommand = ["x"]\nmetric = "a"', "together"), ('[sanity.a]\ncommand = ["x"]\nsteps = 0', "more than 0"),
        ('[sanity.a]\ncommand = ["x"]\nmetric = "a"\npass = "1"', "says nothing about a number"),
        ('[sanity.a]\ncommand = ["x"]\nwithin = 3', "unknown key"), ('[sanity.a]\ncommand = ["x", 3]', "a string"),
    ],
)  # fmt: skip
def test_settings_that_are_wrong(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_settings(text)
    assert said in caught.value.message
