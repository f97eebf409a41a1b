"""What holds for the verdict on any two outcomes, also those that a stranger wrote."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.tolerance import Tolerance, Tolerances
from reprun.core.verdict import EQUIVALENT, IDENTICAL, NOT_COMPARABLE, judge, verdict_as_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(["NaN", "aa"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
NUMBER = st.integers(-3, 3) | st.floats() | st.sampled_from(["NaN", "Infinity"])
NAME = st.sampled_from(["a", "b", "c"])
METRICS = st.dictionaries(
    NAME,
    st.fixed_dictionaries({"last": NUMBER, "min": NUMBER, "max": NUMBER, "count": st.integers(0, 2)}),
    max_size=2,
)
OUTPUTS = st.lists(
    st.fixed_dictionaries({"path": NAME, "size": st.integers(0, 2)}, optional={"sha256": st.sampled_from("xy")}),
    max_size=2,
)
STRANGE = st.fixed_dictionaries(
    {"state": st.just("finished") | JSON},
    optional={
        "metrics": JSON | st.dictionaries(NAME, JSON | st.fixed_dictionaries({"last": JSON})),
        "outputs": JSON | st.lists(st.fixed_dictionaries({"path": NAME | JSON, "size": JSON, "sha256": JSON})),
        "worktree": JSON,
        "outputs_left_out": JSON,
        "metrics_skipped": JSON,
        "exit_code": JSON,
    },
)
USUAL = st.fixed_dictionaries({"state": st.just("finished"), "metrics": METRICS, "outputs": OUTPUTS})
TOLERANCES = st.builds(Tolerances, st.sampled_from([Tolerance(), Tolerance(0.1, 0.1)]))


@settings(deadline=None)
@given(STRANGE | JSON, STRANGE | USUAL, TOLERANCES)
def test_no_outcome_makes_it_raise(old: Any, new: Any, tolerances: Tolerances) -> None:
    verdict = judge(old, new, tolerances)
    assert verdict.reasons
    json.dumps(verdict_as_json(verdict), allow_nan=False)


@settings(deadline=None)
@given(USUAL, USUAL, TOLERANCES)
def test_identical_is_mutual_and_never_said_of_different_metrics(old: Any, new: Any, tolerances: Tolerances) -> None:
    verdict = judge(old, new, tolerances)
    assert (verdict.kind == IDENTICAL) == (judge(new, old, tolerances).kind == IDENTICAL)
    if verdict.kind == IDENTICAL:
        assert {row.status for row in verdict.metrics} | {row.status for row in verdict.outputs} == {"equal"}
    assert judge(old, old, tolerances).kind in (IDENTICAL, EQUIVALENT, NOT_COMPARABLE)


@settings(deadline=None)
@given(USUAL, USUAL)
def test_a_wider_tolerance_never_makes_it_worse(old: Any, new: Any) -> None:
    if judge(old, new, Tolerances()).exit_code == 0:
        assert judge(old, new, Tolerances(Tolerance(0.1, 0.1))).exit_code == 0
