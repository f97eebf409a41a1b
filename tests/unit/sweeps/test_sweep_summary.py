import math

import pytest

from reprun.sweeps.student import interval, quantile
from reprun.sweeps.summary import Result, roles_of, summarise


@pytest.mark.parametrize(
    ("freedom", "value"),  # the 97.5 % point, from the table in Abramowitz and Stegun, 26.10
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (9, 2.262), (30, 2.042), (120, 1.980), (100_000, 1.960)],
)
def test_quantiles_of_student(freedom, value):
    assert quantile(0.975, freedom) == pytest.approx(value, abs=5e-4)


def test_an_interval():
    assert interval([1.0]) is None
    assert interval([1.0, 2.0, 3.0]) == pytest.approx(4.3027 / math.sqrt(3), abs=1e-4)
    assert interval([2.0, 2.0]) == 0.0


def results(value, lrs=(0.1, 0.2, 0.3), norms=("new", "old"), seeds=(0, 1)):
    return [
        Result({"norm": norm, "lr": lr, "wd": wd, "seed": seed}, value(norm, lr, wd, seed), "r")
        for norm in norms for lr in lrs for wd in (0, 1) for seed in seeds
    ]  # fmt: skip


ROLES = {"norm": "target", "lr": "nuisance", "wd": "nuisance"}


def test_the_best_over_nuisances_as_a_mean_over_seeds():
    found = summarise(results(lambda norm, lr, wd, seed: (norm == "old") + lr + seed), ROLES, "max")
    assert [one.target for one in found.answers] == [{"norm": "old"}, {"norm": "new"}]
    best = found.answers[0].best
    assert (best.mean, len(best.values), best.nuisance["lr"]) == (pytest.approx(1.8), 2, 0.3)
    assert found.answers[0].points == 6


def test_only_seeds_are_pooled():
    some = results(lambda norm, lr, wd, seed: lr + wd + seed)
    roles = [
        roles_of(some, given)
        for given in ({}, {"norm": "target"}, {"norm": "target", "wd": "fixed"}, {"lr": "nuisance"}, {"seed": "nuisance"})
    ]
    assert [(one.targets, one.nuisances, one.seeds) for one in roles] == [
        (("norm", "lr", "wd"), (), ("seed",)),
        (("norm",), ("lr", "wd"), ("seed",)),
        (("norm", "wd"), ("lr",), ("seed",)),
        (("norm", "wd"), ("lr",), ("seed",)),
        (("norm", "lr", "wd"), ("seed",), ()),
    ]
    assert {len(one.best.values) for one in summarise(some, {"norm": "target", "wd": "fixed"}, "max").answers} == {2}


def test_direction_min():
    found = summarise(results(lambda norm, lr, wd, seed: (norm == "old") + lr), ROLES, "min")
    assert found.answers[0].target == {"norm": "new"}
    assert found.answers[0].best.nuisance["lr"] == 0.1


def test_an_optimum_at_the_edge_is_told_and_one_inside_is_not():
    at_edge = summarise(results(lambda norm, lr, wd, seed: lr), ROLES, "max").answers[0]
    assert ("lr", 0.3, 0.1, 0.3) in at_edge.edges
    inside = summarise(results(lambda norm, lr, wd, seed: -abs(lr - 0.2)), ROLES, "max").answers[0]
    assert "lr" not in [edge[0] for edge in inside.edges]


def test_what_changes_nothing_has_no_edge():
    found = summarise(results(lambda norm, lr, wd, seed: lr), ROLES, "max").answers[0]
    assert [edge[0] for edge in found.edges] == ["lr"]  # each wd is as good
    assert summarise(results(lambda norm, lr, wd, seed: 1.0), ROLES, "max").answers[0].edges == ()


def test_which_nuisance_matters():
    matters = summarise(results(lambda norm, lr, wd, seed: lr), ROLES, "max").matters
    assert matters["lr"] == pytest.approx(1)
    assert matters["wd"] == pytest.approx(0, abs=1e-12)


def test_the_gain_over_half_of_the_search_is_that_of_all_halves():
    from itertools import combinations

    values = [0.1, 0.5, 0.2, 0.9]
    group = [Result({"lr": index, "x": 0}, value) for index, value in enumerate(values)]
    halves = list(combinations(values, 2))
    expected = 0.9 - sum(map(max, halves)) / len(halves)
    assert summarise(group, {"lr": "nuisance"}, "max").answers[0].gain == pytest.approx(expected)


def test_missing_results_are_counted_and_never_taken_for_a_number():
    found = summarise(
        results(lambda norm, lr, wd, seed: None if norm == "new" else math.nan if seed else lr), ROLES, "max"
    ).answers
    assert [one.missing for one in found] == [6, 12]
    assert found[0].target == {"norm": "old"}
    assert found[1].best is None


def test_without_roles_everything_that_varies_but_the_seed_is_a_target():
    assert summarise(results(lambda *_: 1.0), {}, "max").roles.targets == ("norm", "lr", "wd")


def test_an_infinite_loss_is_no_result():
    found = summarise(
        [Result({"lr": 1}, math.inf), Result({"lr": 2}, 0.5), Result({"lr": 3}, -math.inf)], {"lr": "nuisance"}, "max"
    )
    assert (found.answers[0].best.mean, found.answers[0].missing) == (0.5, 2)


def test_what_was_tried_without_a_result_belongs_to_the_range():
    tried = [Result({"lr": 1}, 0.1), Result({"lr": 2}, 0.5), Result({"lr": 3}, None)]
    assert summarise(tried, {"lr": "nuisance"}, "max").answers[0].edges == ()
    assert summarise(tried[:2], {"lr": "nuisance"}, "max").answers[0].edges == (("lr", 2.0, 1.0, 2.0),)


def test_hand_computed():
    rows = [("a", 0.1, 0, 0.5), ("a", 0.1, 1, 0.7), ("a", 1, 0, 0.9), ("a", 1, 1, None), ("b", 1, 0, 0.1), ("b", 1, 1, 0.3)]
    found = summarise(
        [Result({"opt": opt, "lr": lr, "seed": seed}, value) for opt, lr, seed, value in rows],
        {"opt": "target", "lr": "nuisance"}, "min",
    )  # fmt: skip
    b, a = found.answers
    assert (b.best.mean, b.best.half_width) == (pytest.approx(0.2), pytest.approx(12.7062 * 0.1, abs=1e-4))  # t(1) · s / √2
    assert (a.best.nuisance, a.best.mean, a.missing, a.gain) == ({"lr": 0.1}, pytest.approx(0.6), 1, pytest.approx(0.15))
