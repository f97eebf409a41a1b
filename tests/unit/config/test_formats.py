"""Configs as text: what each format means, what is refused, and that everyone reads alike what is written."""

from __future__ import annotations

import io
import math
import subprocess
import sys

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reprun.config.formats import format_of, parse, render
from reprun.core.errors import UsageError

TRICKY = [
    "1e-3",
    "yes",
    "on",
    "y",
    "N",
    "0o10",
    "010",
    "0x1f",
    "0b11",
    "1:30",
    "1_000",
    ".inf",
    ".NaN",
    "null",
    "~",
    "",
    " ",
    "=",
    "<<",
    "-",
    "---",
    "...",
    "# x",
    "a: b",
    "a #b",
    "2024-01-01",
    "2024-01-01 10:00:00",
    "1.",
    ".5",
    "+.5e3",
    "1.e5",
    "'",
    '"',
    "\\",
    "\n",
    "a\nb\n\n",
    "\t",
    "é😀",
    "\x85",
    "\u2028",
    "\ufeff",
    "\x7f",
    "\x1b",
    "%x",
    "@x",
    "`x",
    "!x",
    "&x",
    "*x",
    "[x",
    "{x",
    "? x",
    "true",
    "1e5",
    "08",
]
strings = st.one_of(
    st.sampled_from(TRICKY),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20),
    st.text("0123456789.eE+-_:xob", max_size=8),
)
numbers = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
trees = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, strings),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(strings, inner, max_size=4)),
    max_leaves=12,
)
mappings = st.dictionaries(strings, trees, max_size=5)


def without(value, unwanted):
    """`value` with what a format cannot hold replaced by zero."""
    if isinstance(value, dict):
        return {key: without(item, unwanted) for key, item in value.items()}
    if isinstance(value, list):
        return [without(item, unwanted) for item in value]
    return 0 if unwanted(value) else value


def exact(value):
    """A form in which 1, 1.0 and True differ, and the order of keys counts."""
    return repr(value)


def yaml_12(text):
    """What a YAML 1.2 reader that is not ours makes of it."""
    return YAML(typ="safe", pure=True).load(io.StringIO(text))


class TestYamlIsReadAlikeByAll:
    @given(mappings)
    @settings(max_examples=300, deadline=None)
    def test_by_us_and_by_pyyaml(self, values):
        text = render(values, "yaml")
        assert exact(parse(text, "yaml", "c.yaml")) == exact(values)
        assert exact(yaml.safe_load(text)) == exact(values)

    @given(st.dictionaries(st.sampled_from("abc"), st.one_of(numbers, st.sampled_from(TRICKY), st.booleans(), st.none())))
    @settings(max_examples=200, deadline=None)
    def test_by_a_reader_of_yaml_12(self, values):
        assert exact(yaml_12(render(values, "yaml"))) == exact(values)

    @pytest.mark.parametrize("text", TRICKY)
    def test_strings_that_look_like_something_else(self, text):
        rendered = render({text: text, "l": [text]}, "yaml")
        assert parse(rendered, "yaml", "c") == yaml.safe_load(rendered) == {text: text, "l": [text]}

    @pytest.mark.parametrize("text", ["y", "Y", "n", "N", "._", "1_0", "1.2.3", "-a", "+", "0x", "12:30:45", "1e5"])
    def test_strings_that_some_readers_take_for_something_else_are_quoted(self, text):
        assert render({"a": text}, "yaml") == f"a: '{text}'\n"

    def test_floats_have_a_form_that_both_versions_read(self):
        assert render({"lr": 1e-05, "m": 1e16}, "yaml") == "lr: 1.0e-05\nm: 1.0e+16\n"
        assert math.isnan(parse(render({"x": math.nan}, "yaml"), "yaml", "c")["x"])

    def test_order_and_unicode_stay(self):
        assert render({"z": "é😀", "a": [1, {"b": None}]}, "yaml") == "z: é😀\na:\n- 1\n- b: null\n"


class TestOtherFormats:
    @given(mappings)
    @settings(max_examples=150, deadline=None)
    def test_json_keeps_values(self, values):
        values = without(values, lambda value: isinstance(value, float) and not math.isfinite(value))
        assert exact(parse(render(values, "json"), "json", "c")) == exact(values)

    @given(mappings)
    @settings(max_examples=150, deadline=None)
    def test_toml_keeps_values(self, values):
        values = without(values, lambda value: value is None)
        assert parse(render(values, "toml"), "toml", "c") == values  # its order puts tables last

    def test_toml_has_no_null(self):
        with pytest.raises(UsageError, match=r"^model\.dims\.1 is null, which TOML cannot hold$"):
            render({"model": {"dims": [1, None]}}, "toml")

    @pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
    def test_json_has_no_nan(self, value):
        with pytest.raises(UsageError, match=r"^a\.0 is -?(nan|inf), which JSON cannot hold$"):
            render({"a": [value]}, "json")

    def test_a_date_of_toml_is_text_here_and_a_date_again_when_written(self):
        values = parse('d = 2024-01-01\nt = [12:00:00]\ns = "2024-01-01"\n', "toml", "c")
        assert values == {"d": "2024-01-01", "t": ["12:00:00"], "s": "2024-01-01"}
        assert render(values, "toml") == 'd = 2024-01-01\nt = [\n    12:00:00,\n]\ns = "2024-01-01"\n'


class TestYamlMeaning:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1e-3", 0.001),
            ("1E3", 1000.0),
            ("010", 10),
            ("-010", -10),
            ("+1", 1),
            ("0o10", 8),
            ("0x1F", 31),
            ("1.", 1.0),
            (".5", 0.5),
            (".inf", math.inf),
            ("-.INF", -math.inf),
            ("1:30", "1:30"),
            ("1_000", "1_000"),
            ("0b11", "0b11"),
            ("08", 8),
            ("1.2.3", "1.2.3"),
            ("yes", True),
            ("Off", False),
            ("on", True),
            ("y", "y"),
            ("~", None),
            ("", None),
            ("2024-01-01", "2024-01-01"),
            ("=", "="),
            ("'1'", "1"),
            ("!!str 1", "1"),
            ("!!float 1", 1.0),
            ("1e", "1e"),
            ("e1", "e1"),
            ("-", [None]),
            ("1 # c", 1),
            ("1e3x", "1e3x"),
        ],
    )
    def test_plain_values(self, text, value):
        found = parse(f"a:\n  {text}\n", "yaml", "c")["a"]
        assert found == value
        assert isinstance(found, type(value))

    def test_keys_that_are_no_strings_become_strings_and_stay_what_they_are_for_the_job(self):
        text = "30: 1\non: 2\n~: 3\n'7': 4\n2024-01-01: 2024-01-02\n"
        values = parse(text, "yaml", "c")
        assert values == {"30": 1, "on": 2, "~": 3, "7": 4, "2024-01-01": "2024-01-02"}
        assert yaml.safe_load(render(values, "yaml")) == yaml.safe_load(text)

    def test_aliases_are_copies_and_merges_give_way(self):
        values = parse("a: &a {x: 1, y: 2}\nb: *a\nc:\n  y: 3\n  <<: [*a, {y: 9, z: 4}]\n", "yaml", "c")
        assert values == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3, "z": 4}}
        assert values["a"] is not values["b"]

    def test_merges_as_pyyaml_does(self):
        text = "a: &a {x: 1, l: 5}\nb: &b {x: 2, m: 6}\nc:\n  <<: [*a, *b]\n  l: 7\n"
        assert parse(text, "yaml", "c") == yaml.safe_load(text)

    @pytest.mark.parametrize("text", ["", "\n", "# nothing\n", "---\n", "null", "\ufeff"])
    def test_an_empty_file_is_an_empty_mapping(self, text):
        assert parse(text, "yaml", "c") == {}


@pytest.mark.parametrize(("path", "fmt"), [("a/b.yaml", "yaml"), ("B.YML", "yaml"), ("x.json", "json"), ("x.y.toml", "toml")])
def test_the_format_comes_from_the_name(path, fmt):
    assert format_of(path) == fmt


@pytest.mark.parametrize("path", ["conf", "conf.ini", ".yaml", "a.yaml/b"])
def test_an_unknown_format_is_refused(path):
    with pytest.raises(UsageError, match="is not a config that reprun can read"):
        format_of(path)


def test_no_parser_is_loaded_before_it_is_needed():
    code = "import sys, reprun.config.run_config, reprun.config.project; print(*sys.modules)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())
    assert not loaded & {"yaml", "tomllib", "tomli_w", "json", "fractions", "subprocess"}
