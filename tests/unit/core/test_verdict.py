"""The verdict on a reproduction: which one, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reprun.core.tolerance import Tolerance, Tolerances
from reprun.core.verdict import (
    DRIFTED,
    EQUIVALENT,
    IDENTICAL,
    NOT_COMPARABLE,
    Verdict,
    judge,
    verdict_as_json,
)

NONE = Tolerances()
LOOSE = Tolerances(Tolerance(relative=1e-3))


def metric(last: Any, low: Any = None, high: Any = None, count: int = 3) -> dict[str, Any]:
    return {
        "last": last,
        "min": last if low is None else low,
        "max": last if high is None else high,
        "count": count,
    }


def output(path: str = "model", size: int = 2048, sha256: str | None = "aa") -> dict[str, Any]:
    return {"path": path, "size": size} | ({"sha256": sha256} if sha256 else {})


def outcome(metrics: Any = None, outputs: Any = None, **more: Any) -> dict[str, Any]:
    return {"state": "finished", "exit_code": 0, "metrics": metrics or {}, "outputs": outputs or []} | more


def said(verdict: Verdict, text: str) -> bool:
    return any(text in reason for reason in verdict.reasons)


def test_equal_metrics_and_outputs_are_identical() -> None:
    one = outcome({"acc": metric(0.98), "loss": metric("NaN", "-Infinity", "Infinity")}, [output()])
    verdict = judge(one, json.loads(json.dumps(one)), NONE)
    assert (verdict.kind, verdict.word, verdict.exit_code) == (IDENTICAL, "IDENTICAL", 0)
    assert verdict.reasons == ("2 metrics and 1 output are exactly equal",)


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (None, "the new run has no outcome"),
        ({"state": "failed", "exit_code": 1}, "the new run failed with exit status 1"),
        ({"state": "failed", "exit_code": None}, "the new run failed"),
        ({"state": "stopped"}, "the new run was stopped"),
        ({"state": "lost"}, "the new run was lost"),
        ({"state": "odd"}, "did not finish: its state is 'odd'"),
        ({"state": 3}, "the new run has no valid outcome"),
        ([], "the new run has no valid outcome"),
    ],
)
def test_a_run_that_did_not_finish_cannot_be_compared(end: Any, reason: str) -> None:
    verdict = judge(outcome({"acc": metric(1)}), end, LOOSE)
    assert (verdict.word, verdict.exit_code) == ("NOT COMPARABLE", 7)
    assert said(verdict, reason)


def test_both_unfinished_runs_are_named() -> None:
    verdict = judge({"state": "failed", "exit_code": 2}, None, NONE)
    assert said(verdict, "the original failed with exit status 2")
    assert said(verdict, "the new run has no outcome")


def test_nothing_to_compare_comes_with_advice() -> None:
    verdict = judge(outcome(), outcome(), NONE)
    assert verdict.kind == NOT_COMPARABLE
    assert said(verdict, "$REPRUN_METRICS")


def test_everything_ignored_is_nothing_to_compare() -> None:
    one = outcome({"acc": metric(1)}, [output()])
    verdict = judge(one, one, Tolerances(ignore=("*",)))
    assert verdict.kind == NOT_COMPARABLE
    assert said(verdict, "every metric and every output is ignored")


def test_a_metric_within_its_tolerance_is_equivalent() -> None:
    verdict = judge(outcome({"acc": metric(1.0)}), outcome({"acc": metric(1.0005)}), LOOSE)
    assert (verdict.kind, verdict.exit_code) == (EQUIVALENT, 0)
    assert said(verdict, "metric acc: 1.0 → 1.0005, off by 0.0005 (relative 0.0005), within its tolerance")


def test_a_metric_beyond_its_tolerance_has_drifted() -> None:
    verdict = judge(outcome({"acc": metric(1.0)}), outcome({"acc": metric(1.002)}), LOOSE)
    assert (verdict.kind, verdict.exit_code) == (DRIFTED, 7)
    assert verdict.reasons == ("metric acc: 1.0 → 1.002, off by 0.002 (relative 0.002); allowed: relative 0.001",)


@pytest.mark.parametrize("field", ["last", "min", "max"])
def test_each_value_of_a_metric_counts(field: str) -> None:
    new = metric(1.0) | {field: 1.1}
    verdict = judge(outcome({"acc": metric(1.0)}), outcome({"acc": new}), LOOSE)
    assert verdict.kind == DRIFTED
    assert verdict.metrics[0].field == field


def test_the_value_that_drifted_is_named_not_one_that_was_allowed_to_move() -> None:
    old, new = outcome({"a": metric(1.0, low=0)}), outcome({"a": metric(1.5, low=1e-9, high=1.0)})
    verdict = judge(old, new, Tolerances(Tolerance(absolute=0.1)))
    assert said(verdict, "metric a: 1.0 → 1.5")  # although its minimum moved infinitely far, relative to 0


def test_a_boolean_is_no_number() -> None:
    verdict = judge(outcome({"a": metric(True)}), outcome({"a": metric(1)}), NONE)
    assert said(verdict, "metric a: only in the new run")


def test_tolerances_are_per_metric() -> None:
    tolerances = Tolerances(metrics={"loss": Tolerance(absolute=0.5)})
    old, new = (
        outcome({"loss": metric(1), "acc": metric(1)}),
        outcome({"loss": metric(1.4), "acc": metric(1)}),
    )
    assert judge(old, new, tolerances).kind == EQUIVALENT
    new["metrics"]["acc"] = metric(1.0001)
    verdict = judge(old, new, tolerances)
    assert verdict.kind == DRIFTED
    assert [row.status for row in verdict.metrics] == ["beyond", "within"]


def test_another_number_of_values_is_not_identical_and_no_drift() -> None:
    verdict = judge(outcome({"acc": metric(1, count=10)}), outcome({"acc": metric(1, count=12)}), NONE)
    assert verdict.kind == EQUIVALENT
    assert said(verdict, "metric acc (number of values): 10 → 12")


@pytest.mark.parametrize(("old", "new"), [("NaN", 1.0), (1.0, "NaN"), ("Infinity", 1.0), ("Infinity", "-Infinity")])
def test_no_tolerance_reaches_from_or_to_infinity(old: Any, new: Any) -> None:
    huge = Tolerances(Tolerance(1e300, 1e300))
    assert judge(outcome({"a": metric(old)}), outcome({"a": metric(new)}), huge).kind == DRIFTED


def test_the_difference_of_the_largest_floats_is_no_overflow() -> None:
    old, new = outcome({"a": metric(1.7e308)}), outcome({"a": metric(-1.7e308)})
    assert judge(old, new, Tolerances(Tolerance(1.5))).kind == DRIFTED
    assert judge(old, new, Tolerances(Tolerance(2.5))).kind == EQUIVALENT
    assert judge(outcome({"a": metric(10**400)}), outcome({"a": metric(1.0)}), LOOSE).kind == DRIFTED


def test_integers_are_compared_exactly() -> None:
    verdict = judge(outcome({"a": metric(2**53)}), outcome({"a": metric(2**53 + 1)}), NONE)
    assert verdict.kind == DRIFTED


@pytest.mark.parametrize("swap", [False, True])
def test_a_metric_of_one_side_only_has_drifted(swap: bool) -> None:
    more, less = outcome({"acc": metric(1), "f1": metric(1)}), outcome({"acc": metric(1)})
    verdict = judge(less, more, LOOSE) if swap else judge(more, less, LOOSE)
    assert verdict.kind == DRIFTED
    assert said(verdict, f"metric f1: only in the {'new run' if swap else 'original'}")


def test_drift_names_the_largest_first_and_counts_the_rest() -> None:
    old = outcome({f"m{n}": metric(1.0) for n in range(8)})
    new = outcome({f"m{n}": metric(1.0 + n + 1) for n in range(8)})
    reasons = judge(old, new, NONE).reasons
    assert [reason.split(":")[0] for reason in reasons[:5]] == [f"metric m{n}" for n in (7, 6, 5, 4, 3)]
    assert reasons[5:] == ("and 3 more metrics",)


def test_outputs_that_differ_have_drifted_without_a_tolerance() -> None:
    same = {"acc": metric(1)}
    verdict = judge(outcome(same, [output()]), outcome(same, [output(sha256="bb")]), NONE)
    assert verdict.kind == DRIFTED
    assert said(verdict, "output model: other contents, same size (2.0 KiB)")
    assert said(verdict, "to go by metrics alone")


def test_outputs_may_differ_when_a_tolerance_was_declared() -> None:
    same = {"acc": metric(1)}
    verdict = judge(outcome(same, [output()]), outcome(same, [output(size=4096, sha256="bb")]), LOOSE)
    assert verdict.kind == EQUIVALENT
    assert said(verdict, "output model: 2.0 KiB → 4.0 KiB (allowed: a tolerance was declared)")


def test_a_tolerance_excuses_no_files_when_there_are_no_metrics() -> None:
    verdict = judge(outcome(outputs=[output()]), outcome(outputs=[output(sha256="bb")]), LOOSE)
    assert verdict.kind == DRIFTED


def test_outputs_of_one_side_only() -> None:
    verdict = judge(outcome(outputs=[output("a"), output("b")]), outcome(outputs=[output("b"), output("c")]), NONE)
    assert verdict.kind == DRIFTED
    assert said(verdict, "output a: only in the original")
    assert said(verdict, "output c: only in the new run")


@pytest.mark.parametrize("digest", [None, "aa"])
def test_an_unhashed_output_cannot_be_identical(digest: str | None) -> None:
    same = {"acc": metric(1)}
    verdict = judge(outcome(same, [output(sha256=None)]), outcome(same, [output(sha256=digest)]), NONE)
    assert verdict.kind == EQUIVALENT
    assert said(verdict, "1 output compared by size only, without a sha256: model")


def test_an_unhashed_output_of_another_size_has_drifted() -> None:
    verdict = judge(outcome(outputs=[output(sha256=None)]), outcome(outputs=[output(size=1, sha256=None)]), NONE)
    assert verdict.kind == DRIFTED


def test_sizes_alone_prove_nothing() -> None:
    one = outcome(outputs=[output(sha256=None)])
    verdict = judge(one, one, LOOSE)
    assert verdict.kind == NOT_COMPARABLE
    assert said(verdict, "sizes alone prove nothing")


def test_outputs_left_out_of_a_list_are_unknown_not_missing() -> None:
    old, new = outcome(outputs=[output("a"), output("b")]), outcome(outputs=[output("a")], outputs_left_out=1)
    verdict = judge(old, new, NONE)
    assert verdict.kind == EQUIVALENT
    assert said(verdict, "1 output of the new run not compared")
    assert judge(new, old, NONE).kind == EQUIVALENT
    assert judge(outcome(outputs_left_out=2), outcome(outputs_left_out=2), NONE).kind == NOT_COMPARABLE


def test_ignored_things_are_named_and_do_not_count() -> None:
    old = outcome({"acc": metric(1), "time": metric(3)}, [output("logs/a.log"), output()])
    new = outcome({"acc": metric(1)}, [output("logs/a.log", 7, "cc"), output()])
    verdict = judge(old, new, Tolerances(ignore=("*.log", "time")))
    assert verdict.kind == IDENTICAL
    assert verdict.reasons == (
        "1 metric and 1 output are exactly equal",
        "ignored 1 metric: time",
        "ignored 1 output: logs/a.log",
    )


def test_a_modified_worktree_is_a_warning_and_no_verdict() -> None:
    one = outcome({"acc": metric(1)}, metrics_skipped=2)
    verdict = judge(one, {**one, "worktree": {"modified": True, "paths": ["x.py"]}}, NONE)
    assert verdict.kind == IDENTICAL
    assert verdict.reasons[-1] == "warning: 2 lines of metrics of the new run could not be read"
    assert said(verdict, "warning: the worktree of the new run was modified while it ran: x.py")


def test_the_json_is_valid_json() -> None:
    old = outcome({"a": metric("NaN"), "b": metric(1)}, [output()])
    data = verdict_as_json(judge(old, outcome({"a": metric(1)}), NONE))
    json.dumps(data, allow_nan=False)
    assert data["word"] == "DRIFTED"
    assert data["exit_code"] == 7
    row = data["metrics"][0]
    assert (row["old"]["last"], row["new"]["last"], row["absolute"]) == ("NaN", 1, "Infinity")
    assert data["outputs"] == [{"path": "model", "status": "missing", "old": output(), "new": None}]
