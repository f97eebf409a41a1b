"""Dotted paths into nested mappings and lists."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.dotted import MAX_LEAVES, assign, find, flatten
from reprun.core.errors import UsageError

DATA: dict[str, Any] = {"a": {"b": {"c": 1}}, "list": [10, {"x": 20}], "empty": {}, "none": [], "null": None, "0": "zero"}
keys = st.text(alphabet="abc", min_size=1, max_size=2)
nested = st.recursive(st.integers(), lambda inner: st.dictionaries(keys, inner, max_size=3) | st.lists(inner, max_size=3))


def test_every_leaf_by_its_path() -> None:
    assert flatten(DATA) == {
        "a.b.c": 1, "list.0": 10, "list.1.x": 20, "empty": {}, "none": [], "null": None, "0": "zero",
    }  # fmt: skip
    assert flatten({}) == {"": {}}


@given(st.dictionaries(keys, nested, min_size=1))
def test_what_flatten_names_find_finds(data: dict[str, Any]) -> None:
    for path, value in flatten(data).items():
        assert find(data, path) == (True, value)


def test_a_bomb_of_aliases_is_refused() -> None:
    bomb: Any = [1] * 10
    for _ in range(10):
        bomb = [bomb] * 10
    with pytest.raises(UsageError, match=str(MAX_LEAVES)):
        flatten(bomb)


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("a.b", (True, {"c": 1})), ("a.b.c", (True, 1)), ("list.1.x", (True, 20)), ("null", (True, None)), ("0", (True, "zero")),
        ("", (False, None)), ("a.", (False, None)), (".a", (False, None)), ("a.b.c.d", (False, None)), ("list.2", (False, None)),
        ("list.-1", (False, None)), ("list.x", (False, None)), ("list.²", (False, None)), ("list." + "9" * 5000, (False, None)),
        ("a.x", (False, None)),
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_find(path: str, found: tuple[bool, Any]) -> None:
    assert find(DATA, path) == found


@pytest.mark.parametrize("path", ["a.b.c", "a.new", "new", "new.deep.er", "list.0", "list.1.x", "list.1.y", "empty.x", "0"])
def test_assign_then_find(path: str) -> None:
    data = copy.deepcopy(DATA)
    assign(data, path, "value")
    assert find(data, path) == (True, "value")
    others = {name: value for name, value in flatten(DATA).items() if name != path and name != "empty"}
    assert others.items() <= flatten(data).items()


@pytest.mark.parametrize(
    "path",
    [
        "", ".", "a.", ".a", "a..b", "a.b.c.d", "null.x", "list.2", "list.x", "list.5.y", "0.x", "list.²", "list.².x",
        "list." + "9" * 5000,
    ],
    ids=lambda value: str(value)[:20],
)  # fmt: skip
def test_what_cannot_be_assigned(path: str) -> None:
    data = copy.deepcopy(DATA)
    with pytest.raises(UsageError, match="--set"):
        assign(data, path, 1)
