"""Seeds: the documented derivation, pinned for ever, and where the root comes from."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.errors import UsageError
from reprun.core.seeds import LIMIT, NAMES, Seeds, derive, resolve, variables


@pytest.mark.parametrize(
    ("root", "name", "seed"),
    [
        (0, "python", 3559094791), (0, "numpy", 3926228862), (0, "torch", 2742374844), (0, "data", 3885206415),
        (7, "python", 3297297932), (7, "numpy", 2459766351), (7, "torch", 1318148980), (7, "data", 1819380038),
        (4294967295, "python", 2543979138), (4294967295, "data", 1375070858),
    ],
)  # fmt: skip
def test_the_derivation_is_the_documented_one(root: int, name: str, seed: int) -> None:
    """These values are in people's manifests: a change of them changes the numbers in their papers."""
    assert derive(root, name) == seed


@given(st.integers(0, LIMIT - 1))
def test_every_root_gives_every_name_a_seed_that_numpy_takes(root: int) -> None:
    seeds = resolve(root, {}, 0)
    assert set(seeds.named) == set(NAMES)
    assert all(0 <= seed < LIMIT for seed in seeds.named.values())


@pytest.mark.parametrize(
    ("option", "config", "root", "origin"),
    [
        (None, {}, 99, "drawn"),
        (5, {}, 5, "option"),
        (0, {"seed": 1}, 0, "option"),
        (None, {"seed": 1}, 1, "config"),
        (None, {"seed": 0}, 0, "config"),
        (None, {"seeds": 3}, 3, "config"),
        (None, {"seeds": {"root": 4}}, 4, "config"),
        (None, {"seed": 1, "seeds": {"root": 4}}, 1, "config"),
        (2, {"seeds": {"root": 4}}, 2, "option"),
        (None, {"seed": None}, 99, "drawn"),
        (None, {"seed": None, "seeds": {"root": 4}}, 4, "config"),
        (None, {"seeds": [1, 2, 3]}, 99, "drawn"),
        (None, {"seeds": {"numpy": 8}}, 99, "drawn"),
    ],
)
def test_where_the_root_comes_from(option: int | None, config: dict[str, Any], root: int, origin: str) -> None:
    seeds = resolve(option, config, 99)
    assert (seeds.root, seeds.origin) == (root, origin)


def test_named_seeds_may_be_given() -> None:
    seeds = resolve(7, {"seeds": {"numpy": 8, "dropout": 0, "root": 3}}, 0)
    assert seeds.named == {
        "python": derive(7, "python"), "numpy": 8, "torch": derive(7, "torch"), "data": derive(7, "data"), "dropout": 0,
    }  # fmt: skip


@pytest.mark.parametrize("value", [-1, LIMIT, 1.0, "7", True, None, [1], {"a": 1}, float("nan")])
def test_what_is_no_seed(value: Any) -> None:
    with pytest.raises(UsageError, match="numpy"):
        resolve(None, {"seeds": {"numpy": value}}, 0)
    if value is not None:
        with pytest.raises(UsageError, match="seed"):
            resolve(None, {"seed": value}, 0)


@pytest.mark.parametrize("name", ["", "a b", "a=b", "7", "ü", "a-b", "a.b", "\x00"])
def test_a_name_that_no_variable_can_have(name: str) -> None:
    with pytest.raises(UsageError, match="identifier"):
        resolve(None, {"seeds": {name: 1}}, 0)


def test_the_variables() -> None:
    seeds = Seeds(7, "option", {"python": 1, "numpy": 2, "dropout": 3})
    assert variables(seeds) == {
        "REPRUN_SEED": "7", "REPRUN_SEED_PYTHON": "1", "REPRUN_SEED_NUMPY": "2", "REPRUN_SEED_DROPOUT": "3",
        "PYTHONHASHSEED": "1", "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }  # fmt: skip
