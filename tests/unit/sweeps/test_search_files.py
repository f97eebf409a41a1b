"""Searches: what a file can say, and trials that depend on no result."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.config.documents import parse_documents
from reprun.core.errors import UsageError
from reprun.sweeps.conditions import parse_condition
from reprun.sweeps.drawing import _halton, first_trials
from reprun.sweeps.expansion import Wish, expand
from reprun.sweeps.outcomes import find_trial, fits, merge_trials, point_at
from reprun.sweeps.reading import read_sweep
from reprun.sweeps.resolving import is_allowed
from reprun.sweeps.shape import Trial
from reprun.sweeps.spans import Span
from reprun.sweeps.studies import studies_of

HEAD = "template: {train: 'train [lr] [opt] [momentum] [width]'}\n"
SPACE = """---
lr: {from: 1e-5, to: 0.1, log: true}
opt: [sgd, adam]
momentum: {from: 0, to: 0.99, when: {opt: sgd}}
width: {from: 32, to: 512, step: 32}
"""


def read(search, space=SPACE, more=""):
    return read_sweep(parse_documents(f"{HEAD}search: {search}\n{more}{space}", "f.yaml"), "f.yaml")


@pytest.mark.parametrize(
    ("search", "said"),
    [
        ("3", "line 2: search is no mapping"),
        ("[tpe]", "line 2: search is no mapping"),
        ("{sampler: qmc}", "line 2: search does not say how many trials"),
        ("{trials: 0}", "line 2: trials is no whole number from 1"),
        ("{trials: -3}", "line 2: trials is no whole number"),
        ("{trials: true}", "line 2: trials is no whole number"),
        ("{trials: 1.5}", "line 2: trials is no whole number"),
        ("{trials: 100000000000000}", "line 2: trials is no whole number from 1 to 10000"),
        ("{trials: ~}", "line 2: trials is no whole number"),
        ("{trials: 3}", "line 2: the search does not say for which metric"),
        ("{trials: 3, sampler: tpo, metric: a}", "line 2: there is no sampler tpo"),
        ("{trials: 3, sampler: [tpe], metric: a}", "line 2: there is no sampler"),
        ("{trials: 3, sampler: grid, metric: a}", "line 2: there is no sampler grid"),
        ("{trials: 3, metric: [a, b]}", "line 2: a search is for one metric, and these are 2"),
        ("{trials: 3, metric: 4}", "line 2: metric is no name"),
        ("{trials: 3, metric: a, direction: up}", "line 2: direction is neither max nor min"),
        ("{trials: 3, metric: a, direction: [min, max]}", "line 2: direction is neither max nor min"),
        ("{trials: 3, metric: a, seed: -1}", "line 2: seed is no whole number from 0"),
        ("{trials: 3, metric: a, parallel: 0}", "line 2: parallel is no whole number from 1"),
        ("{trials: 3, sampler: qmc, parallel: 2}", "line 2: parallel means nothing for the sampler qmc"),
        ("{trials: 3, metric: a, pruner: x}", "line 2: search has no 'pruner'"),
        ("{trials: 3, metric: a, 5: x}", "search has no '5'"),
    ],
)
def test_a_wrong_search_is_one_sentence_with_its_line(search, said):
    with pytest.raises(UsageError) as error:
        expand(read(search))
    assert said in error.value.message
    assert "\n" not in error.value.message
    assert error.value.hint


@pytest.mark.parametrize(
    ("space", "said"),
    [
        ("lr: {from: 2, to: 1}", "line 4: the range of lr goes from 2 to 1"),
        ("lr: {from: 1, to: 1}", "line 4: the range of lr goes from 1 to 1"),
        ("lr: {from: 0, to: 1, log: true}", "line 4: a range with log needs ends above zero"),
        ("lr: {from: 0, to: 1, log: 1}", "line 4: log of lr is neither true nor false"),
        ("lr: {from: a, to: 1}", "line 4: from of lr is no number"),
        ("lr: {from: 0, to: .inf}", "line 4: to of lr is no number"),
        ("lr: {from: -1.7e308, to: 1.7e308}", "line 4: the range of lr is too wide"),
        ("lr: {from: 0, to: 1e300, int: true}", "line 4: the range of lr is too wide"),
        ("lr: {from: 0, to: 1, step: 0}", "line 4: the range of lr has the step 0"),
        ("lr: {from: 0, to: 1, step: 3}", "line 4: the range of lr has the step 3"),
        ("lr: {from: 1, to: 9, step: 2, log: true}", "line 4: the range of lr has both log and step"),
        ("lr: {from: 0.5, to: 9, int: true}", "line 4: the range of lr is of whole numbers"),
        ("lr: {from: 0, too: 9}", "line 4: lr has no 'too'"),
        ("lr: []", "line 4: lr has no values to search"),
        ("lr: {values: []}", "line 4: lr has no values to search"),
        ("lr: 3", "line 2: there is nothing to search"),
    ],
)
def test_a_range_from_which_nothing_can_be_drawn_is_one_sentence(space, said):
    with pytest.raises(UsageError) as error:
        expand(read("{sampler: qmc, trials: 3}", f"---\n{space}\n"))
    assert said in error.value.message


def test_what_is_said_twice_must_be_the_same_and_a_target_needs_values():
    with pytest.raises(UsageError, match="metric is a here and b outside"):
        read("{trials: 3, metric: a}", more="metric: b\n")
    with pytest.raises(UsageError, match="lr is a target, and has no list"):
        expand(read("{sampler: qmc, trials: 3}", more="roles: {target: [lr]}\n"))
    assert read("{trials: 3, metric: a, direction: minimize}").direction == "min"


def test_trials_are_the_same_for_the_same_file_and_more_of_them_begin_with_the_same():
    few, many = (
        [task.params for task in expand(read(f"{{sampler: qmc, trials: {count}}}", more="default: {momentum: 0, epochs: 3}\n"))]
        for count in (7, 20)
    )
    assert many[:7] == few
    more = "default: {momentum: 0, epochs: 3}\n"
    assert [task.params for task in expand(read("{sampler: qmc, trials: 7, seed: 1}", more=more))] != few
    assert [task.params for task in expand(read("{sampler: random, trials: 7}"))] != few


def test_what_is_drawn_keeps_to_ranges_conditions_and_constraints():
    sweep = read("{sampler: qmc, trials: 60}", more='constraints: ["width * lr <= 1"]\n')
    tasks = expand(sweep)
    assert len({task.key for task in tasks}) == 60
    for task in tasks:
        assert 1e-5 <= task.params["lr"] <= 0.1
        assert isinstance(task.params["width"], int)
        assert task.params["width"] % 32 == 0
        assert task.params["width"] * task.params["lr"] <= 1
        assert ("momentum" in task.params) == (task.params["opt"] == "sgd")
        assert task.trial.chosen == task.chosen
    halves = sum(math.log10(task.params["lr"]) < -3 for task in tasks)
    assert 30 < halves < 54  # the constraint takes from the upper half


def test_quasi_random_points_fill_the_space_evenly():
    points = [_halton(11, index, 2) for index in range(64)]
    for at in (0, 1):
        cells = [int(point[at] * 8) for point in points]
        assert all(6 <= cells.count(cell) <= 10 for cell in range(8))
    assert all(0 <= one < 1 for point in points for one in point)


def test_a_small_space_ends_and_impossible_conditions_leave_nothing():
    assert len(expand(read("{sampler: random, trials: 50}", "---\nopt: [a, b, c]\nwidth: {from: 1, to: 2, int: true}\n"))) == 6
    assert expand(read("{sampler: qmc, trials: 5}", more='constraints: ["lr > 1"]\n')) == []


def test_each_seed_is_a_task_of_the_trial_and_each_target_value_a_study():
    sweep = read("{sampler: qmc, trials: 4}", more="seeds: 3\nroles: {target: [opt]}\n")
    tasks = expand(sweep)
    assert len(tasks) == 2 * 4 * 3
    studies = {task.trial.study for task in tasks}
    assert len(studies) == 2
    for study in studies:
        some = [task for task in tasks if task.trial.study == study]
        assert len({task.params["opt"] for task in some}) == 1
        assert [task.trial.number for task in some] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
        assert "seed" not in some[0].trial.chosen
    points = [[task.params["lr"] for task in tasks if task.trial.study == study] for study in sorted(studies)]
    assert points[0] == points[1]
    assert len(expand(sweep, Wish(exists=lambda _: False, sample=1))) == 2 * 3


def test_lists_ranges_with_num_and_zip_are_points():
    sweep = read("{sampler: qmc, trials: 30}", "---\nlr: {from: 1, to: 3, num: 3}\nzip: {opt: [a, b], width: [1, 2]}\n")
    assert {(task.params["lr"], task.params["opt"], task.params["width"]) for task in expand(sweep)} == {
        (lr, *pair) for lr in (1, 2, 3) for pair in (("a", 1), ("b", 2))
    }


@given(
    st.floats(-1e6, 1e6), st.floats(1e-6, 1e6), st.booleans(), st.sampled_from([None, 0.1, 1.0]), st.booleans(), st.floats(0, 1)
)
@settings(max_examples=300, deadline=None)
def test_values_of_a_span_lie_in_it_and_are_where_they_were_drawn(low, width, log, step, whole, unit):
    if whole:
        low, width, step = float(round(low)), float(max(1, round(width))), None
    if log:
        low, step = abs(low) + 1, None
        low = float(round(low)) if whole else low
    if step is not None and width < step:
        step = None
    high = low + width if step is None else low + step * math.floor(width / step + 1e-9)
    span = Span(low, high, log, step, whole)
    value = span.value(min(unit, math.nextafter(1, 0)))
    assert low <= value <= high
    assert isinstance(value, int) == whole
    assert span.neat(value) == value
    assert -1e-9 <= span.place(value) <= 1 + 1e-9


def test_trials_of_runs_that_others_made_may_say_anything():
    sweep = read("{trials: 3, metric: a}")
    study = studies_of(sweep, sweep.choices[0])[0]
    good = first_trials(sweep, study, 3)
    assert all(fits(study, trial) and is_allowed(sweep, study.choice, trial.chosen) for trial in good)
    chosen = good[0].chosen
    for wrong in ({}, {**chosen, "lr": 7}, {**chosen, "lr": "0.01"}, {**chosen, "opt": "x"}, {**chosen, "more": 1}):
        assert not fits(study, Trial(study.name, 0, wrong))
    raw = {"study": "s", "trial": 1, "seed": 0, "chosen": {"lr": 1}}
    assert find_trial(raw) == Trial("s", 1, {"lr": 1})
    for key, value in (("study", 1), ("trial", -1), ("trial", "1"), ("seed", None), ("chosen", [1]), ("chosen", {"lr": [1]})):
        assert find_trial({**raw, key: value}) is None
    assert find_trial(None) is None


def test_trials_from_two_places_become_one_list():
    rows = [Trial("s", 0, {"lr": 1}), Trial("s", 1, {"lr": 2}), Trial("s", 1, {"lr": 3}), Trial("s", 7, {"lr": 1.0})]
    random.Random(3).shuffle(rows[:2])
    found = merge_trials(rows)["s"]
    assert [(trial.number, trial.chosen["lr"]) for trial in found] == [(0, 1), (1, 2), (2, 3)]


def test_points_are_known_by_their_value():
    sweep = read("{sampler: qmc, trials: 3}", "---\nopt: [1, true, '1', .nan]\n")
    axis = sweep.choices[0].axes[0]
    assert [point_at(axis, point) for point in axis.points] == [0, 1, 2, 3]
    assert point_at(axis, (1.0,)) == 0
    assert point_at(axis, ("x",)) is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"opt": "sgd"}, "opt is sgd"),
        ({"opt": ["sgd", "adam"], "depth": 3}, "opt is sgd or adam, depth is 3"),
        (" lr <= 0.1 and opt == 'sgd' ", "lr <= 0.1 and opt == 'sgd'"),
    ],
)
def test_a_condition_in_words(raw: object, words: str) -> None:
    assert parse_condition(raw, "when").words() == words
