"""Tolerances: how they are written, which one holds, and what they allow."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.errors import UsageError
from reprun.core.tolerance import Tolerance, Tolerances, parse_tolerance


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1e-3", Tolerances(Tolerance(1e-3))),
        ("rel:1e-3", Tolerances(Tolerance(1e-3))),
        ("abs:0.01", Tolerances(Tolerance(0.0, 0.01))),
        ("loss=1e-3", Tolerances(metrics={"loss": Tolerance(1e-3)})),
        ("loss=abs:0.01", Tolerances(metrics={"loss": Tolerance(0.0, 0.01)})),
        ("loss=rel:1e-3, abs:1e-6", Tolerances(metrics={"loss": Tolerance(1e-3, 1e-6)})),
        ("val=loss=2", Tolerances(metrics={"val=loss": Tolerance(2.0)})),
        ("*loss=2", Tolerances(metrics={"*loss": Tolerance(2.0)})),
    ],
)
def test_forms(text: str, expected: Tolerances) -> None:
    assert parse_tolerance([text], Tolerances()) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-1",
        "nan",
        "inf",
        "abs:-1",
        "loss=",
        "=1",
        "loss=abs:",
        "foo:1",
        "1,2",
        "abs:1,abs:2",
        "1_0",
        "1%",
        "loss=nan",
        "\u0661",
    ],
)
def test_nonsense_is_refused_with_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_tolerance([text], Tolerances())
    assert "loss=abs:0.01" in caught.value.hint
    assert f"--tolerance {text}" in caught.value.message


def test_an_option_replaces_what_it_names_and_leaves_the_rest() -> None:
    base = Tolerances(Tolerance(1e-2, 1.0), {"loss": Tolerance(0.5), "acc": Tolerance(0.1)}, ("*.log",))
    assert parse_tolerance(["loss=abs:2", "1e-3"], base) == Tolerances(
        Tolerance(1e-3), {"acc": Tolerance(0.1), "loss": Tolerance(0.0, 2.0)}, ("*.log",)
    )
    assert base.metrics["loss"] == Tolerance(0.5)


def test_zero_takes_a_tolerance_back() -> None:
    assert Tolerances(Tolerance(0.1)).declared
    assert Tolerances(metrics={"a": Tolerance(0.0, 0.1)}).declared
    assert not parse_tolerance(["0"], Tolerances(Tolerance(0.1))).declared


def test_the_exact_name_wins_then_the_last_glob_then_the_default() -> None:
    one, two, three, four = (Tolerance(float(n)) for n in range(4))
    tolerances = Tolerances(one, {"loss": two, "*": three, "l*": four})
    assert (tolerances.of("loss"), tolerances.of("lr"), tolerances.of("acc")) == (two, four, three)
    assert Tolerances(one, {"l*": two}).of("acc") == one


def test_an_option_wins_over_an_earlier_glob() -> None:
    base = Tolerances(metrics={"val*": Tolerance(1.0), "*loss": Tolerance(2.0)})
    assert parse_tolerance(["val*=3"], base).of("val_loss") == Tolerance(3.0)


def test_globs_of_ignore() -> None:
    tolerances = Tolerances(ignore=("*.log", "loss[0]"))
    assert tolerances.ignores("deep/er/a.log")
    assert tolerances.ignores("loss[0]")
    assert not tolerances.ignores("a.LOG")


def test_the_formula() -> None:
    assert Tolerance(relative=0.5).allows(-2, -3)  # the limit itself is allowed
    assert Tolerance(absolute=0.5).allows(2, 2.5)
    assert not Tolerance(relative=0.1).allows(10, 11.1)
    assert not Tolerance(relative=0.1).allows(0, 1e-9)
    assert Tolerance(relative=0.1, absolute=1e-8).allows(0, 1e-9)
    assert Tolerance(relative=0.1, absolute=1e-8).allows(10, 11)  # the larger of the two, not their sum or both


@pytest.mark.parametrize("value", [-1.0, math.nan, math.inf])
def test_a_tolerance_is_a_finite_number_from_zero_up(value: float) -> None:
    with pytest.raises(UsageError):
        Tolerance(relative=value)
    with pytest.raises(UsageError):
        Tolerance(absolute=value)


@settings(deadline=None)
@given(st.floats() | st.integers(), st.floats(0, 1e300), st.floats(0, 1e300))
def test_a_number_is_always_near_itself(value: float, relative: float, absolute: float) -> None:
    assert Tolerance(relative, absolute).allows(value, value)
