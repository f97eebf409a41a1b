"""Texts that are no config: refused with one sentence that says where, and before they cost anything."""

from __future__ import annotations

import itertools

import pytest

from reprun.config.formats import parse
from reprun.core.errors import UsageError


class TestRefusals:
    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("a: 1\nb:\n  c: 1\n  c: 2\n", "c.yaml has the key 'c' twice at line 4, column 3"),
            ("1: a\n'1': b\n", "c.yaml has the key '1' twice at line 2, column 1"),
            (
                "a: [1,\n",
                "expected the node content, but found '<stream end>' at line 2, column 1",
            ),
            ("a: 1\n---\nb: 1\n", "but found another document at line 2, column 1"),
            ("- 1\n", "c.yaml must hold a mapping of names to values, not a list"),
            ("1\n", "c.yaml must hold a mapping of names to values, not a single value"),
            (
                "a: !!python/object/apply:os.system [x]\n",
                "!!python/object/apply:os.system is not supported for this value at line 1",
            ),
            ("a: !x b\n", "!x is not supported for this value at line 1, column 4"),
            ("!x a: b\n", "!x is not supported for this value at line 1, column 1"),
            ("a: !!int 3.5\n", "!!int is not supported for this value at line 1, column 4"),
            ("a: !!bool x\n", "!!bool is not supported"),
            ("a: 1e400\n", "c.yaml has a number that is too large at line 1, column 4"),
            ("a: " + "9" * 5000, "c.yaml has a number that is too long at line 1, column 4"),
            ("? [1]\n: 2\n", "c.yaml has a key that is a list or a mapping at line 1, column 3"),
            ("<<: 3\n", "c.yaml needs a mapping or a list of mappings after << at line 1, column 5"),
            ("a: *b\n", "found undefined alias 'b' at line 1, column 4"),
            ("a: &a [*a]\n", "c.yaml is nested deeper than 64 levels"),
            ("a: " + "[" * 70 + "]" * 70, "c.yaml is nested deeper than 64 levels at line 1"),
            ("a: " + "[" * 9000, "c.yaml is nested deeper than 64 levels"),
            ("a: \x1b\n", "c.yaml is not valid YAML: special characters are not allowed (character 4)"),
            ('a: {b: "\\0"}\n', "c.yaml: the value of 'a.b' holds a NUL"),
            ('a: {"\\0": 1}\n', "c.yaml: a key in 'a' holds a NUL"),
            ("a: '" + "x" * (1 << 20) + "'", "c.yaml is larger than 1 MiB"),
        ],
    )
    def test_yaml(self, text, words):
        with pytest.raises(UsageError) as caught:
            parse(text, "yaml", "c.yaml")
        assert words in caught.value.message
        assert "\n" not in caught.value.message

    def test_a_billion_laughs_end_at_once(self):
        names = "abcdefghi"
        lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
        lines += [f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]" for old, new in itertools.pairwise(names)]
        with pytest.raises(UsageError, match="more than 100000 values"):
            parse("\n".join(lines), "yaml", "c.yaml")

    @pytest.mark.parametrize("text", ["a: [" + "1," * 110_000 + "]", "a: {" + "? ," * 110_000 + "}"])
    def test_too_many_values(self, text):
        with pytest.raises(UsageError, match=r"more than 100000 values|twice"):
            parse(text, "yaml", "c.yaml")

    @pytest.mark.parametrize(
        ("fmt", "text", "words"),
        [
            ("json", '{"a": {"b": 1, "c": 2, "b": 3}}', "c has the key 'b' twice in one object"),
            ("json", '{"a": NaN}', "c holds the number NaN, which JSON does not have"),
            ("json", '{"a": -Infinity}', "c holds the number -Infinity"),
            ("json", '{"a": 1e400}', "c holds the number 1e400"),
            ("json", '{"a":\n', "c is not valid JSON: Expecting value at line 2, column 1"),
            ("json", "", "c is not valid JSON: Expecting value at line 1, column 1"),
            ("json", "null", "c must hold a mapping"),
            ("json", '{"a": "\\ud800"}', "not valid Unicode"),
            ("json", '{"a": ' + "9" * 5000 + "}", "c has a number that is too long"),
            ("json", "[" * 100_000, "c is nested deeper than 64 levels"),
            ("json", '{"a": ' + "[" * 70 + "]" * 70 + "}", "c is nested deeper than 64 levels"),
            ("toml", "a = \n", "c is not valid TOML: Invalid value at line 1, column 5"),
            ("toml", "a = 1\na = 2\n", "c is not valid TOML: Cannot overwrite a value"),
            ("toml", "a = " + "[" * 5000, "c is nested deeper than 64 levels"),
            ("toml", "a = 0x" + "f" * 5000, "c: the number at 'a' is too long"),
            ("toml", "a = " + "9" * 5000, "c has a number that is too long"),
        ],
    )
    def test_other_formats(self, fmt, text, words):
        with pytest.raises(UsageError) as caught:
            parse(text, fmt, "c")
        assert words in caught.value.message

    def test_a_name_cannot_drive_the_terminal(self):
        with pytest.raises(UsageError) as caught:
            parse("[", "json", "\x1b[31mc")
        assert "\x1b" not in caught.value.message
