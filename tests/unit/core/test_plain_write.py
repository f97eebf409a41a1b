"""The plain writer gives the bytes of `tomli_w`, or leaves the record to it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.plain_write import write_plain

KEYS = st.text("ab_-9", min_size=1, max_size=3) | st.text(max_size=3)
PLAIN = st.text(st.sampled_from('aé世 ."\\\n\t\r\x7f\u2028\U0001f600#'), max_size=6)
SCALARS = PLAIN | st.integers() | st.booleans() | st.floats()
LISTS = st.lists(SCALARS, max_size=3) | st.lists(st.dictionaries(KEYS, SCALARS, max_size=2), max_size=2)
TABLES = st.recursive(
    st.dictionaries(KEYS, SCALARS | LISTS, max_size=4),
    lambda inner: st.dictionaries(KEYS, SCALARS | LISTS | inner, max_size=4),
    max_leaves=8,
)


@given(TABLES)
def test_the_same_bytes_or_no_answer(data: dict[str, Any]) -> None:
    assert write_plain(data) in (None, tomli_w.dumps(data, multiline_strings=True))


USUAL: list[dict[str, Any]] = [
    {},
    {"a": {}},
    {"a": {"b": {}}},
    {"a": {"b": {"c": 1}}, "d": {}},
    {"a": {"b": {"c": 1}, "x": 0}, "d": {"e": []}},
    {
        "n": 1,
        "t": 'é # [x] "\\' + "'",
        "list": ["a", 2, True],
        "run": {"lr": 1e-3, "big": 1e22, "inner": {"on": False}},
        "none": ("x",),
    },
]


@pytest.mark.parametrize("data", USUAL)
def test_the_usual_record_is_written_here(data: dict[str, Any]) -> None:
    assert write_plain(data) == tomli_w.dumps(data, multiline_strings=True)


def test_the_manifest_of_a_usual_launch_loads_nothing_for_it() -> None:
    words = f"import sys; from reprun.store.manifests import render_manifest; render_manifest({USUAL[-1]!r}); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tomli_w", "datetime"} & set(loaded)
