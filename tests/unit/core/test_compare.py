"""What differs between two runs, field by field."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.compare import (
    AREAS,
    Difference,
    Side,
    difference_as_json,
    differences,
    metric_differences,
    output_differences,
)

RUN_A, RUN_B = "20261121-031622-m4k7qx", "20261121-041955-9zc0ab"


def manifest(run_id: str = RUN_A, **tables: Any) -> dict[str, Any]:
    data: dict[str, Any] = {
        "run_id": run_id,
        "created": f"now-{run_id}",
        "name": run_id,
        "code": {"commit": "a" * 40, "tree": "b" * 40, "changed": 1},
        "command": {"argv": ["python", "train.py"], "cwd": ""},
        "seeds": {"root": 7, "origin": "option", "named": {"numpy": 1}},
        "environment": {"kind": "system", "python": "3.11.7", "packages": ["numpy==1.26.0"], "digest": "d1"},
        "variables": {"values": {"OUT": f"/runs/{run_id}/output"}, "secret": ["KEY"]},
        "target": {"name": "local", "hostname": "alpha"},
        "data": [{"path": "digits.npz", "size": 5, "sha256": "e" * 64}],
    }
    return data | tables


def host(**facts: Any) -> dict[str, Any]:
    gpu = {"name": "H200", "uuid": "u1", "memory": 1 << 37, "driver": "550"}
    data = {"hostname": "alpha", "cpu": "EPYC", "cpus": 8, "memory": 1 << 34, "os": "Debian", "gpus": [gpu]}
    return {"state": "finished", "host": data | facts}


def rows(old: Side, new: Side) -> list[tuple[str, str, str, str]]:
    return [(row.area, row.name, row.old, row.new) for row in differences(old, new)]


def changed(**tables: Any) -> list[tuple[str, str, str, str]]:
    return rows(Side(manifest()), Side(manifest(RUN_B, **tables)))


def hosts(**facts: Any) -> list[tuple[str, str, str, str]]:
    return rows(Side(manifest(), host()), Side(manifest(RUN_B), host(**facts)))


def configs(old: Any, new: Any) -> list[tuple[str, str, str, str]]:
    return rows(Side(manifest(), config=old), Side(manifest(), config=new))


def test_two_runs_of_the_same_thing_differ_in_nothing() -> None:
    config = {"lr": 0.1, "nan": float("nan"), "empty": {}}
    old = Side(manifest(RUN_A), host(), config)
    new = Side(manifest(RUN_B), host(), {**config, "nan": float("nan")})
    assert differences(old, new) == []


def test_code() -> None:
    code = {"commit": "c" * 40, "tree": "b" * 40, "changed": 2, "added": 1}
    assert changed(code=code) == [
        ("code", "commit", "a" * 40, "c" * 40),
        ("code", "uncommitted files", "1 changed", "2 changed, 1 added"),
    ]


def test_the_counts_of_one_commit_are_no_difference() -> None:
    assert changed(code={"commit": "a" * 40, "tree": "b" * 40}) == []


def test_command_and_directory() -> None:
    assert changed(command={"argv": ["python", "a b.py"], "cwd": "sub"}, run={"writable": ["out"]}) == [
        ("command", "argv", "python train.py", "python 'a b.py'"),
        ("command", "directory", ".", "sub"),
        ("command", "writable", "—", "out"),
    ]


def test_carried_files_are_compared_by_path() -> None:
    one, other = ({"path": ".env", "size": 5, "sha256": letter * 64} for letter in "ab")
    assert changed(carried=[one]) == [("carried", ".env", "—", f"5 B, sha256:{'a' * 64}")]
    old, new = Side(manifest(carried=[one])), Side(manifest(RUN_B, carried=[other]))
    assert rows(old, new) == [("carried", ".env", f"5 B, sha256:{'a' * 64}", f"5 B, sha256:{'b' * 64}")]
    assert rows(old, old) == []


def test_seeds_root_and_named_but_not_their_origin() -> None:
    seeds = {"root": 8, "origin": "drawn", "named": {"numpy": 2, "torch": 3}}
    assert changed(seeds=seeds) == [
        ("seeds", "root", "7", "8"),
        ("seeds", "numpy", "1", "2"),
        ("seeds", "torch", "—", "3"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "texts"),
    [
        (1, 1.0, ("1", "1.0")),
        (1, True, ("1", "true")),
        (1, "1", ("1", '"1"')),
        (None, "null", ("null", '"null"')),
        ({}, [], ("{}", "[]")),
        (0.1, 0.10000000000000002, ("0.1", "0.10000000000000002")),
        (float("nan"), 1, ("nan", "1")),
    ],
)
def test_values_of_another_type_are_other_values(old: Any, new: Any, texts: tuple[str, str]) -> None:
    assert configs({"a": {"b": old}}, {"a": {"b": new}}) == [("config", "a.b", *texts)]


def test_config_keys_on_one_side() -> None:
    assert configs({"a": 1}, {"b": {"c": [2]}}) == [("config", "a", "1", "—"), ("config", "b.c.0", "—", "2")]
    assert configs({}, None) == []


def test_a_config_with_other_text_but_the_same_values() -> None:
    old = Side(manifest(config={"format": "yaml", "sha256": "1"}), config={"a": 1})
    assert rows(old, Side(manifest(config={"format": "yaml", "sha256": "2"}), config={"a": 1})) == [
        ("config", "(file sha256)", "1", "2")
    ]
    assert rows(old, Side(manifest(config={"format": "yaml", "sha256": "2"}), config={"a": 2})) == [("config", "a", "1", "2")]


def test_a_config_that_was_not_parsed_is_compared_by_its_text() -> None:
    old = Side(manifest(config={"format": "yaml", "sha256": "1"}), config={"a": 1})
    assert rows(old, Side(manifest(config={"format": "json", "sha256": "2"}))) == [("config", "(file format)", "yaml", "json")]
    assert rows(old, Side(manifest(config={"format": "yaml", "sha256": "1"}))) == []


def test_packages_by_normalized_name() -> None:
    old = Side(manifest(environment={"packages": ["numpy==1.26.0", "Scikit_Learn==1.5", "gone==1"]}))
    new = Side(manifest(environment={"packages": ["numpy==2.0", "scikit-learn==1.5", "x @ file:///x", "odd"]}))
    assert rows(old, new) == [
        ("packages", "gone", "1", "—"),
        ("packages", "numpy", "1.26.0", "2.0"),
        ("packages", "odd", "—", "installed"),
        ("packages", "x", "—", "@ file:///x"),
    ]


def test_python_and_environment() -> None:
    same = manifest()["environment"]
    assert changed(environment={**same, "python": "3.12.0", "prefix": "/opt", "digest": "d2"}) == [
        ("environment", "prefix", "—", "/opt"),
        ("python", "version", "3.11.7", "3.12.0"),
    ]
    assert changed(environment={**same, "digest": "d2"}) == [("environment", "digest", "d1", "d2")]


def test_host_facts() -> None:
    gpu = {"name": "A100", "memory": 1 << 36, "driver": "535"}
    assert hosts(hostname="beta", cpu="Xeon", cpus=4, memory=1 << 35, os="Ubuntu", gpus=[gpu, gpu]) == [
        ("gpu", "devices", "1 x H200 128.0 GiB", "2 x A100 64.0 GiB"),
        ("driver", "version", "550", "535"),
        ("cpu", "model", "EPYC", "Xeon"),
        ("cpu", "count", "8", "4"),
        ("host", "hostname", "alpha", "beta"),
        ("host", "os", "Debian", "Ubuntu"),
        ("host", "memory", "16.0 GiB", "32.0 GiB"),
    ]


def test_a_host_without_a_gpu_differs_from_one_with() -> None:
    assert [row[:2] for row in hosts(gpus=[])] == [("gpu", "devices"), ("driver", "version")]


def test_memory_that_moves_by_some_pages_is_no_difference() -> None:
    assert hosts(memory=(1 << 34) + 4096) == []


def test_an_unknown_host_is_not_a_different_one() -> None:
    assert rows(Side(manifest(), host()), Side(manifest(RUN_B), None)) == []


def test_variables_and_secrets_by_name_only() -> None:
    variables = {"values": {"OUT": "/elsewhere", "KEY2": "leaked"}, "secret": ["KEY2"]}
    assert changed(variables=variables) == [
        ("variables", "OUT", "/runs/{run_id}/output", "/elsewhere"),
        ("variables", "KEY", "(secret)", "—"),
        ("variables", "KEY2", "—", "(secret)"),
    ]


def test_data_by_path() -> None:
    data = [{"path": "digits.npz", "size": 5, "sha256": "f" * 64}, {"path": "new", "size": 1}]
    assert changed(data=data) == [
        ("data", "digits.npz", f"5 B, sha256:{'e' * 64}", f"5 B, sha256:{'f' * 64}"),
        ("data", "new", "—", "1 B, not hashed"),
    ]


def test_target() -> None:
    assert changed(target={"name": "gpu1", "hostname": "beta"}) == [("target", "name", "local", "gpu1")]


def test_areas_come_in_their_order() -> None:
    old = Side(manifest(), host(), {"a": 1})
    new = Side({"run_id": RUN_B}, host(cpu="x", gpus=[]), {"a": 2})
    found = [row.area for row in differences(old, new)]
    assert found == sorted(found, key=list(AREAS).index)
    assert len(set(found)) > 8


def test_metrics() -> None:
    old = {"metrics": {"acc": {"last": 0.5, "min": "NaN", "max": 1, "count": 2}}}
    new = {"metrics": {"acc": {"last": 0.6, "min": "NaN", "max": 1.0, "count": 3}, "f1": {"last": "Infinity"}}}
    assert metric_differences(Side({}, old), Side({}, new)) == [
        Difference("metrics", "acc", "0.5", "0.6"),
        Difference("metrics", "acc (count)", "2", "3"),
        Difference("metrics", "f1", "—", "Infinity"),
    ]


def test_outputs() -> None:
    old = {"outputs": [{"path": "m", "size": 1, "sha256": "aa"}, {"path": "same", "size": 1, "sha256": "bb"}]}
    new = {"outputs": [{"path": "same", "size": 1, "sha256": "bb"}, {"path": "m", "size": 1}]}
    assert output_differences(Side({}, old), Side({}, new)) == [Difference("outputs", "m", "1 B, sha256:aa", "1 B, not hashed")]


def test_json_has_null_for_what_is_not_there() -> None:
    assert difference_as_json(Difference("config", "a", "—", '"—"')) == {
        "area": "config",
        "name": "a",
        "old": None,
        "new": '"—"',
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
STRANGE_MANIFEST = st.fixed_dictionaries({}, optional=dict.fromkeys([*manifest(), "config", "run"], JSON))
STRANGE_OUTCOME = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "host": JSON | st.just({"gpus": [None, {"name": 1}], "cpu": [1]}),
        "metrics": JSON,
        "outputs": JSON,
    },
)
STRANGE_SIDE = st.builds(Side, STRANGE_MANIFEST, STRANGE_OUTCOME, st.none() | st.dictionaries(st.text(), JSON))


@settings(deadline=None)
@given(STRANGE_SIDE, STRANGE_SIDE)
def test_strange_records_never_raise_and_a_row_never_shows_the_same_twice(old: Side, new: Side) -> None:
    found = differences(old, new) + metric_differences(old, new) + output_differences(old, new)
    assert all(row.old != row.new for row in found)
    json.dumps([difference_as_json(row) for row in found], allow_nan=False)
    assert differences(old, old) == []


def test_deep_nesting_from_a_stranger_does_no_harm() -> None:
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    side = Side(manifest(seeds={"root": deep, "named": {"numpy": deep}}), host(cpu=deep, gpus=deep))
    assert [row.area for row in differences(side, Side(manifest(), host()))] == [
        "seeds",
        "seeds",
        "gpu",
        "driver",
        "cpu",
    ]
