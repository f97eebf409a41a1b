"""The quick reader of our own TOML says what `tomllib` says, or nothing."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.plain_toml import read_plain

names = st.sampled_from(["a", "b", "c", "long-name", "under_score", "0", "a b", "é", "a.b", "", "true"])
texts = st.text(max_size=12) | st.sampled_from(
    ['"', "\\", '"""', "\n", "a\nb", "\t", "\r\n", "\x7f", "\\u0041", "#", "]", "x" * 90]
)
leaves = texts | st.integers(-(10**20), 10**20) | st.booleans() | st.floats(allow_nan=False)
values = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8)
documents = st.dictionaries(names, values | st.lists(st.dictionaries(names, leaves, max_size=2), max_size=3), max_size=6)

MANIFEST: dict[str, Any] = {
    "schema_version": 1, "name": "ü \" \\ '", "dirty": True, "command": {"argv": ["a", "b"], "cwd": ""},
    "seeds": {"root": 7, "named": {"numpy": 3, "negative": -4}}, "none": {}, "empty": {"list": []},
    "config": {"text": 'lr: 0.1\n# "quoted" \\ and\ttabs\n'}, "carried": [{"path": "a" * 90, "size": size} for size in range(2)],
}  # fmt: skip


def slow(text: str) -> object:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError):
        return "not TOML"


def test_what_we_write_is_read_quickly() -> None:
    assert read_plain(tomli_w.dumps(MANIFEST, multiline_strings=True)) == MANIFEST


@given(documents, st.booleans())
@settings(max_examples=200, deadline=None)
def test_it_agrees_with_tomllib_on_what_is_written(document: dict[str, Any], multiline: bool) -> None:
    text = tomli_w.dumps(document, multiline_strings=multiline)
    found = read_plain(text)
    assert found is None or (found == slow(text) and repr(found) == repr(slow(text)))


@given(documents, st.data())
@settings(max_examples=300, deadline=None)
def test_it_agrees_on_what_was_tampered_with(document: dict[str, Any], data: st.DataObject) -> None:
    text = tomli_w.dumps({**MANIFEST, **document}, multiline_strings=True)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text)))
        piece = data.draw(
            st.sampled_from(['"', "\\", "\n", "[", "]", "=", ",", ".", "a", "0", "-", "\t", "\r", "#", " ", "\ud800"])
        )
        text = text[:at] + piece + text[at + data.draw(st.integers(0, 3)) :]
    found = read_plain(text)
    assert found is None or repr(found) == repr(slow(text))


LINES = (
    "a = 1", "a = 2", "[a]", "[[a]]", "[a.b]", "[b]", "[[b]]", "b = []", "a = [\n    1,\n]", 'c = """\nx"""', 'c = """x"""',
    "[a.b.c]", "a = true", "a.b = 1", "", "  a = 1", "a = 1 ", "a=1", "a = -0", "a = [\n]", 'a = "\\ud800"', 'a = "\\x41"',
    "[ a ]", "a = 01",
)  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=5), st.sampled_from(["", "\n", "\n\n"]))
@settings(max_examples=500, deadline=None)
def test_it_agrees_on_all_orders_of_lines(lines: list[str], end: str) -> None:
    text = "\n".join(lines) + end
    found = read_plain(text)
    assert found is None or repr(found) == repr(slow(text))


@pytest.mark.parametrize(
    "text", ["a = 1\na = 1", "[a]\n[a]", "a = []\n[[a]]", "[[a]]\n[a]", "x = 1 # said", "a = 1.5", "a = 1979-05-27"]
)
def test_what_is_in_doubt_is_left_to_tomllib(text: str) -> None:
    assert read_plain(text) is None
