"""Expansion against a brute force that is written differently: all combinations, then what does not hold is taken away."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.documents import Document
from reprun.core.errors import UsageError
from reprun.sweeps.expansion import Wish, expand
from reprun.sweeps.reading import read_sweep

NAMES = ("lr", "wd", "opt", "depth")
VALUES = st.lists(st.sampled_from([1, 2, 3, 0.5, "a", "b", True]), min_size=1, max_size=3, unique_by=repr)


def tasks_of(head, *choices, **wish):
    documents = [Document({"template": {"run": "x [lr] [wd] [opt] [depth] [seed]"}, **head}), *map(Document, choices)]
    return expand(read_sweep(documents, "f"), Wish(exists=lambda _: False, **wish))


def same(one, other):
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    return one == other


@st.composite
def sweeps(draw):
    head = {"default": draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from([1, "a"])))}
    choices = draw(st.lists(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1), min_size=1, max_size=3))
    for choice in choices:
        if "lr" in choice and "wd" in choice and draw(st.booleans()):
            pairs = draw(st.lists(st.tuples(st.sampled_from([1, 2]), st.sampled_from([7, 8])), min_size=1, max_size=3))
            choice["zip"] = {"lr": [one for one, _ in pairs], "wd": [two for _, two in pairs]}
            del choice["lr"], choice["wd"]
        if "opt" in choice and "depth" in choice and draw(st.booleans()):
            choice["depth"] = {"values": choice["depth"], "when": {"opt": draw(st.sampled_from(["a", 1]))}}
        if draw(st.booleans()):
            choice["seeds"] = draw(st.integers(1, 3))
    return head, choices


def brute_force(head, choices):
    found = []
    for choice in choices:
        rows = [{}]
        for key, raw in choice.items():
            if key == "zip":
                options = [dict(zip(raw, point, strict=True)) for point in zip(*raw.values(), strict=True)]
            elif key == "seeds":
                options = [{"seed": seed} for seed in range(raw)]
            elif isinstance(raw, dict):
                options = [{key: value} for value in raw["values"]]
            else:
                options = [{key: value} for value in raw]
            rows = [{**row, **option} for row in rows for option in options]
        for row in rows:
            for key, raw in choice.items():
                if isinstance(raw, dict) and "when" in raw and not same(row["opt"], raw["when"]["opt"]):
                    del row[key]
            whole = {**head["default"], **row}
            shape = sorted((name, repr(value)) for name, value in whole.items())
            if shape not in found:
                found.append(shape)
    return found


@given(sweeps())
@settings(max_examples=150, deadline=None)
def test_expansion_is_what_brute_force_finds(sweep):
    head, choices = sweep
    ours = [sorted((name, repr(value)) for name, value in task.params.items()) for task in tasks_of(head, *choices)]
    assert ours == brute_force(head, choices)


@given(sweeps(), st.integers(1, 5))
@settings(max_examples=60, deadline=None)
def test_a_sample_is_a_part_of_all_and_the_same_each_time(sweep, count):
    head, choices = sweep
    every = [task.key for task in tasks_of(head, *choices)]
    some = [task.key for task in tasks_of(head, *choices, sample=count)]
    assert some == [task.key for task in tasks_of(head, *choices, sample=count)]
    assert set(some) <= set(every)
    assert len(tasks_of(head, choices[0], sample=count)) == min(count, len(tasks_of(head, choices[0])))


def test_a_huge_grid_can_be_sampled_and_not_listed():
    grid = {name: {"from": 1, "to": 1000, "num": 1000} for name in NAMES}
    assert len(tasks_of({}, grid, sample=7)) == 7
    with pytest.raises(UsageError, match="more than 100000"):
        tasks_of({}, grid)


def test_names_are_unique():
    tasks = tasks_of({}, {"lr": ["a/b", "a_b"]})
    assert len({task.name for task in tasks}) == 2


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ({"from": 1, "to": 4, "num": 4}, [1, 2, 3, 4]),
        ({"from": 0.001, "to": 1, "num": 4, "log": True}, [0.001, 0.01, 0.1, 1.0]),
        ({"from": "1e-3", "to": "1e-1", "num": 3, "log": True}, [0.001, 0.01, 0.1]),
        ({"from": 0, "to": 1, "step": 0.25}, [0, 0.25, 0.5, 0.75, 1]),
        ({"from": 3, "to": 1, "num": 3}, [3, 2, 1]),
    ],
)
def test_ranges(raw, values):
    found = [task.params["lr"] for task in tasks_of({}, {"lr": raw})]
    assert found == values


def test_constraints_of_the_file_and_of_a_choice():
    grid = {"lr": [1, 2, 3], "wd": [1, 2, 3]}
    ours = tasks_of({"constraints": ["lr * wd <= 4"]}, {**grid, "when": "lr != wd"})
    assert [tuple(task.params.values()) for task in ours] == [
        pair for pair in itertools.product([1, 2, 3], repeat=2) if pair[0] * pair[1] <= 4 and pair[0] != pair[1]
    ]


def test_an_alias_wins_over_what_is_chosen_beside_it_and_a_default_one_over_nothing():
    head = {"alias": {"arch": {"small": {"depth": 1, "wd": 1}}}, "default": {"wd": 9, "arch": "small"}}
    assert [task.params for task in tasks_of(head, {"arch": ["small"], "depth": [5]})] == [{"depth": 1, "wd": 1}]
    assert [task.params for task in tasks_of(head, {"depth": [5]})] == [{"depth": 5, "wd": 9}]


def test_words_of_ours_are_parameters_where_the_file_uses_them_so():
    documents = [Document({"template": {"run": "x [when] [zip]"}}), Document({"when": ["noon"], "zip": ["a", "b"]})]
    assert [task.params for task in expand(read_sweep(documents, "f"))] == [
        {"when": "noon", "zip": "a"},
        {"when": "noon", "zip": "b"},
    ]
