"""What is made of the results of a search: what its study is told, how it stands, its summary."""

import math

import pytest

from reprun.sweeps.expansion import Task
from reprun.sweeps.outcomes import Facts, Told, told_of
from reprun.sweeps.plan import Known, Step, Wanted
from reprun.sweeps.shape import Trial
from reprun.sweeps.spans import Span
from reprun.sweeps.standing import best_so_far, improvements, standings, trialled
from reprun.sweeps.summary import Result, summarise

TRIAL = Trial("s", 0, {"lr": 1})


def tell(steps, metrics=None, bad=None):
    """Of a trial with two seeds, whose runs are named by task and stage."""
    tasks = [Task({"lr": 1, "seed": seed}, "t", ("train", "test"), {"lr": 1, "seed": seed}, (), TRIAL) for seed in (0, 1)]
    by_task = {
        task.key: [
            Step(Wanted(task.key, "t", stage, "", ""), action, "", f"{at}{stage}")
            for stage, action in zip(task.stages, steps[at], strict=True)
        ]
        for at, task in enumerate(tasks)
    }
    run = Known("9x", "", "", "", "", "failed", "failed 3")
    found = Facts(by_task, {(tasks[at].key, stage): run for at, stage in bad or ()}, metrics or {})
    (one,) = told_of(tasks, found, "loss")
    return one


def test_a_trial_is_complete_with_the_mean_over_its_seeds_of_the_last_stage_that_has_the_metric():
    metrics = {"0train": {"loss": 9.0}, "0test": {"loss": 1.0}, "1train": {"loss": 4.0}, "1test": {"acc": 7.0}}
    assert tell([["skip"] * 2] * 2, metrics) == Told(TRIAL, "complete", 2.5, run_id="1test")


@pytest.mark.parametrize(
    "steps", [[["skip", "keep"], ["skip"] * 2], [["skip"] * 2, ["start"] * 2], [["later"] * 2, ["later"] * 2]]
)
def test_a_trial_of_which_something_is_to_come_is_running(steps):
    assert tell(steps).state == "running"


def test_a_trial_that_has_failed_is_told_so_also_where_it_is_tried_again_and_not_while_it_runs():
    found = tell([["start"] * 2, ["skip"] * 2], bad=[(0, "train")])
    assert (found.state, found.words) == ("failed", "9x: failed 3")
    assert tell([["start"] * 2, ["keep"] * 2], bad=[(0, "train")]).state == "running"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_told_as_failed(value):
    metrics = {"0test": {"loss": 1.0}, "1test": {"loss": value}}
    found = tell([["skip"] * 2] * 2, metrics)
    assert (found.state, found.value, found.lacks) == ("failed", None, False)
    lacking = tell([["skip"] * 2] * 2, {"0test": {"loss": 1.0}, "1test": {"acc": 1.0}})
    assert (lacking.state, lacking.lacks, lacking.words) == ("failed", True, "1test has no loss, it has acc")


def told(*values):
    return [Told(Trial("s", at, {}), "failed" if one is None else "complete", one) for at, one in enumerate(values)]


def test_how_a_search_stands():
    (found,) = standings(told(3.0, None, 2.0, 5.0, 1.0), 9, "min")
    assert (found.asked, found.complete, found.failed, found.running, found.wanted) == (5, 4, 1, 0, 9)
    assert [one.trial.number for one in found.best] == [0, 2, 4]
    assert found.data()["best"]["trial"] == 4
    assert [one.trial.number for one in improvements(told(3.0, 4.0, 2.0), "max")] == [0, 1]
    assert best_so_far(told(None, 3.0, None, 2.0, 5.0), "min") == [3.0, 3.0, 2.0, 2.0]


def test_a_trial_counts_when_all_its_seeds_have_a_value():
    tasks = [Task({}, "", (), {}, (), Trial("s", at // 2, {})) for at in range(4)]
    results = [Result({}, value) for value in (1.0, 3.0, 1.0, None)]
    assert [(one.trial.number, one.value) for one in trialled(zip(tasks, results, strict=True))] == [(0, 2.0)]


def drawn(best):
    values = [best, *(1e-5 * 10 ** (at / 10) for at in range(41))]
    return [Result({"lr": lr}, -abs(math.log10(lr) - math.log10(best))) for lr in values]


@pytest.mark.parametrize(("best", "is_edge"), [(0.09, True), (1.2e-5, True), (1e-3, False), (0.04, False)])
def test_the_edge_of_a_search_is_that_of_its_range(best, is_edge):
    spans = {"lr": Span(1e-5, 0.1, log=True)}
    found = summarise(drawn(best), {"lr": "nuisance"}, "max", spans)
    assert [edge[0] for edge in found.answers[0].edges] == (["lr"] if is_edge else [])
    assert found.matters["lr"] > 0.5  # by quarters of the range; each value by itself would explain all
    assert found.matters["lr"] < 1


def test_the_edge_of_a_coarse_range_is_its_first_and_last_value():
    spans = {"n": Span(1, 4, whole=True)}
    for best, is_edge in ((1, True), (2, False), (4, True)):
        results = [Result({"n": n}, -abs(n - best)) for n in (1, 2, 3, 4)]
        assert bool(summarise(results, {"n": "nuisance"}, "max", spans).answers[0].edges) is is_edge
