"""The summary of a sweep as people read it."""

from __future__ import annotations

import pytest

from reprun.cli.sweep_table import drawing, print_answers
from reprun.sweeps.summary import Result, Summary, summarise


def summary(values: dict[str, list[float]], nuisances: int = 0) -> Summary:
    names = [f"some-parameter-{at}" for at in range(nuisances)]
    results = [
        Result({"opt": opt, "seed": seed, **{name: f"{opt}{at}" for at, name in enumerate(names)}}, value)
        for opt, some in values.items()
        for seed, value in enumerate(some)
    ]
    return summarise(results, {"opt": "target", **dict.fromkeys(names, "nuisance")}, "max")


def test_intervals_are_drawn_over_one_scale() -> None:
    found = summary({"sgd": [0.1, 0.2], "adam": [0.8, 0.9], "优化": [0.5]})
    best, alone, worst, scale = drawing(found.answers, found.roles, 60)
    assert best.startswith("adam  ") and best.index("├") < best.index("●") < best.index("┤")
    assert alone.startswith("优化") and "├" not in alone and worst.index("●") < alone.index("●") < best.index("●")
    assert scale.split() == ["-0.4853", "1.485"] and max(map(len, (best, alone, worst, scale))) <= 60


@pytest.mark.parametrize("values", [{"sgd": [1.0]}, {"sgd": [1.0], "adam": [1.0]}, {"sgd": [1.0], "adam": [float("inf")]}])
def test_nothing_is_drawn_where_there_is_nothing_to_compare(values: dict[str, list[float]]) -> None:
    found = summary(values)
    assert drawing(found.answers, found.roles, 80) == []


def test_twenty_parameters_and_many_answers(capsys: pytest.CaptureFixture[str]) -> None:
    found = summary({f"opt-{at}": [float(at)] for at in range(30)}, nuisances=20)
    assert print_answers(found.answers, found.roles, "acc") == 20
    printed = capsys.readouterr().out
    assert (
        "… and 10 more" in printed and "best some-parameter-19" in printed and printed.index("opt-29") < printed.index("opt-28")
    )
