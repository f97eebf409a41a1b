"""What repeats say of metrics: the spread, the tolerance that follows, and the words of a probe."""

from __future__ import annotations

import math
from typing import Any

import pytest

from reprun.core.culprits import culprits
from reprun.core.experiments import experiment_key
from reprun.core.noise import as_settings, repeatability, spreads, varying_outputs, widened
from reprun.core.probed import judge_parting, remark, sentences
from reprun.core.tolerance import Tolerance, Tolerances
from reprun.core.verdict import judge


def outcome(**metrics: Any) -> dict[str, Any]:
    table = {name: {"last": value, "min": value, "max": value, "count": 1} for name, value in metrics.items()}
    return {"state": "finished", "metrics": table}


def test_the_spread_of_a_metric() -> None:
    found = spreads([outcome(loss=value, acc=0.5) for value in (1.0, 2.0, 3.0, 4.0, 5.0)])
    loss = found["loss"]
    assert (loss.n, loss.mean, loss.least, loss.most) == (5, 3.0, 1.0, 5.0)
    assert loss.deviation == pytest.approx(math.sqrt(2.5))
    assert loss.tolerance == pytest.approx(4.604 * math.sqrt(2) * math.sqrt(2.5))  # Student's t with 4 degrees of freedom
    assert found["acc"].tolerance == 0.0 and not found["acc"].problem


def test_the_limit_is_that_of_iso_5725_with_many_repeats() -> None:
    """1.96·√2·s at 95 %; here 2.576·√2·s at 99 %, which Student's t comes near to from above."""
    many = [float(n % 2) for n in range(400)]
    assert repeatability(many) == pytest.approx(2.75 * math.sqrt(2) * 0.5, rel=0.01)
    assert repeatability([0.0, 1.0]) > 60


def test_the_tolerance_covers_the_smallest_and_largest_value_too() -> None:
    runs = [outcome(loss=1.0), outcome(loss=1.0)]
    runs[1]["metrics"]["loss"]["max"] = 3.0
    assert spreads(runs)["loss"].deviation == 0.0 and spreads(runs)["loss"].tolerance >= 2.0


@pytest.mark.parametrize("values", [(1.0, "NaN"), (1.0, "Infinity"), (10**400, 1), (1e308, -1e308), (1.0, None), ("x", 1.0)])
def test_what_cannot_be_measured_has_no_tolerance(values: tuple[Any, ...]) -> None:
    spread = spreads([outcome(a=value) for value in values])["a"]
    assert spread.problem and spread.tolerance == 0.0


def test_measured_noise_widens_and_is_named() -> None:
    record = {"n": 5, "metrics": {"loss": {"tolerance": 0.25}, "acc": {"tolerance": 0.0}, "bad": {"tolerance": "NaN"}, "x": 3}}
    record["outputs"] = ["log.txt", 3, ""]
    base = Tolerances(Tolerance(1e-3), {"loss": Tolerance(0.0, 0.1), "big": Tolerance(0.0, 9.0)}, ("old",))
    allowed = widened(base, record)
    assert allowed.of("loss") == Tolerance(0.0, 0.25) and allowed.of("loss").source == "the measured noise (n=5)"
    assert allowed.of("big") == Tolerance(0.0, 9.0) and allowed.of("acc") == Tolerance(1e-3)
    assert allowed.ignore == ("old", "log.txt", "3")
    verdict = judge(outcome(loss=1.0), outcome(loss=1.2), allowed)
    assert verdict.kind == "equivalent" and any("within the measured noise (n=5)" in text for text in verdict.reasons)
    verdict = judge(outcome(loss=1.0), outcome(loss=1.3), allowed)
    assert verdict.kind == "drifted" and any(
        "allowed: absolute 0.25, the measured noise (n=5)" in text for text in verdict.reasons
    )
    for broken in ({}, {"metrics": 3, "outputs": 7}, {"n": "x", "metrics": {"a": {"tolerance": -1}}}):
        assert widened(Tolerances(), broken) == Tolerances()


def test_the_lines_for_everybody_are_toml() -> None:
    import tomllib

    record = {"metrics": {'a.b/\n"c': {"tolerance": 0.1}, "zero": {"tolerance": 0}}}
    assert tomllib.loads(as_settings(record)) == {"verdict": {"metrics": {'a.b/\n"c': {"atol": 0.1}}}}


def test_outputs_that_vary() -> None:
    runs = [
        {"outputs": [{"path": "a", "size": 1, "sha256": "x"}, {"path": "b", "size": 1}]},
        {"outputs": [{"path": "a", "size": 1, "sha256": "y"}]},
    ]
    assert varying_outputs(runs) == ["a", "b"] and varying_outputs(runs[:1] * 2) == []


def test_an_experiment_is_code_command_and_config() -> None:
    base = {"code": {"tree": "t"}, "command": {"argv": ["a", "b"], "cwd": ""}, "config": {"sha256": "c"}, "seeds": {"root": 1}}
    key = experiment_key(base)
    assert experiment_key({**base, "seeds": {"root": 2}, "run_id": "x"}) == key
    for other in ({"code": {"tree": "u"}}, {"command": {"argv": ["a b"]}}, {"config": {}}):
        assert experiment_key({**base, **other}) != key
    assert experiment_key({"code": 3, "command": {"argv": ["\udc80", {}]}})


METRIC = {"name": "loss", "number": 4, "step": 3, "old": 1.0, "new": 2.0}


class TestProbe:
    def test_words(self) -> None:
        assert judge_parting(("a", "b"), {"steps": 3}).word == "NOT COMPARABLE"
        found = judge_parting(("a", "b"), {"steps": 3, "values": 6, "compared": 1, "metrics": [], "outputs": []})
        assert found.word == "DETERMINISTIC" and sentences(found.data) == [
            "6 values of metrics in 3 steps and 1 output are equal to the last bit"
        ]
        parting = {"steps": 9, "values": 9, "metric": METRIC, "metrics": ["loss", "acc"]}
        parting["outputs"] = [{"path": "m", "offset": 7}, {"path": "n", "only": "old"}, {"path": "l"}, {"path": "k"}]
        found = judge_parting(("a", "b"), {**parting, "outputs_more": 2})
        assert found.word == "NOT DETERMINISTIC" and sentences(found.data) == [
            "they part at step 3: metric loss is 1.0 and 2.0", "1 more metric differs", "output m: differs from byte 7 on",
            "output n: only in the first run", "output l: differs", "3 more outputs differ",
        ]  # fmt: skip

    def test_nothing_of_a_damaged_record_raises(self) -> None:
        for record in ({}, {"deterministic": 3, "parting": [], "runs": 7}, {"parting": {"metric": {"old": []}, "outputs": [3]}}):
            assert isinstance(sentences(record), list) and remark(record) == ""
        assert remark({"deterministic": False, "at": "now", "steps": 9, "runs": ["a", "b"]}).startswith(
            "not deterministic: probed now"
        )

    @pytest.mark.parametrize(
        ("parting", "manifest", "record", "said"),
        [
            ({}, {}, {}, ""),
            ({"metric": METRIC}, {}, {"unseeded": [{"source": "random", "call": "random", "file": "a.py", "line": 3}]},
             "random.random at a.py:3"),
            ({"metric": METRIC}, {}, {"unseeded": []}, "order of the data"),
            ({"metric": {**METRIC, "number": 1}}, {}, {}, "initial weights"),
            ({"metric": METRIC}, {}, {}, "was not watched"),
            ({"metric": {**METRIC, "new": 1.0 + 1e-9}}, {}, {}, "OMP_NUM_THREADS"),
            ({"metric": {**METRIC, "new": 1.0 + 1e-9}}, {"variables": {"values": {"OMP_NUM_THREADS": "1"}}},
             {"host": {"gpus": [{"name": "x"}]}}, "atomic"),
            ({"metric": {**METRIC, "new": None}}, {}, {}, "fewer values"),
            ({"outputs": [{"path": "m"}]}, {}, {}, "a date"),
        ],
    )  # fmt: skip
    def test_culprits(self, parting: dict[str, Any], manifest: dict[str, Any], record: dict[str, Any], said: str) -> None:
        found = culprits(parting, manifest, (record, record))
        assert (not found) == (not said) and said in " ".join(found)
