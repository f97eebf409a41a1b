"""The value of a `--set`: numbers and collections of YAML, and any other text as it was typed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.config.formats import parse_value
from reprun.core.errors import UsageError


class TestSetValues:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("1e-3", 0.001),
            ("3", 3),
            ("010", 10),
            ("[1, 2]", [1, 2]),
            ("{a: {b: no}}", {"a": {"b": False}}),
            ("null", None),
            ("~", None),
            ("true", True),
            ("hello", "hello"),
            ("'3'", "3"),
            ('"a b"', "a b"),
            ("1:30", "1:30"),
            (".inf", math.inf),
            ("!!str 3", "3"),
            ("''", ""),
            ("2024-01-01", "2024-01-01"),
        ],
    )
    def test_yaml_values(self, text, value):
        assert repr(parse_value(text)) == repr(value)  # 1, 1.0 and True differ

    @pytest.mark.parametrize(
        "text",
        [
            "",
            " ",
            ": : {",
            "#1",
            "a #b",
            "---",
            "- x",
            "Answer:",
            "a: b",
            "[1, 2",
            "!important",
            "*a",
            "&a",
            "@x",
            "%",
            "`",
            " x ",
            "a\nb",
            "\x1b[0m",
            "!!python/object/apply:os.system [ls]",
            "C:\\data",
            "{output}/x:",
            "[a]:b",
            "--- 1\n--- 2",
        ],
    )
    def test_any_other_text_is_itself(self, text):
        assert parse_value(text) == text

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30))
    @settings(deadline=None)
    def test_nothing_that_can_be_typed_fails(self, text):
        try:
            parse_value(text)
        except UsageError as error:
            assert "twice" in error.message or "too l" in error.message or "a key that is" in error.message

    @pytest.mark.parametrize("text", ["{a: 1, a: 2}", "1e400", "\udcff", "[" * 80 + "]" * 80])
    def test_values_that_no_one_can_mean_are_refused(self, text):
        with pytest.raises(UsageError):
            parse_value(text)
