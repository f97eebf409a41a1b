"""Parameters of a sweep in the config of a run."""

import pytest

from reprun.commands.sweep_open import set_of
from reprun.config.run_config import resolve


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("no", "no"), ("null", "null"), ("~", "~"), ("true", "true"), ("[1, 2]", "[1, 2]"), ("{a: 1}", "{a: 1}"), (" x ", " x "),
        ("", ""), ("#c", "#c"), ("'q", "'q"), ('"q"', '"q"'), ("*a", "*a"), ("a\nb\t", "a\nb\t"), ("a=b: c", "a=b: c"),
        ("1e-3", 0.001), (1e-05, 1e-05), (True, True), (3, 3),
    ],
)  # fmt: skip
def test_a_text_stays_a_text_in_the_config(value, found):
    record = resolve("c.yaml", "name: x\n", [set_of("name", value)], None, ("true", "{config}"))
    assert record is not None
    assert (record.values["name"], type(record.values["name"])) == (found, type(found))


def test_what_is_plain_is_typed_plainly():
    assert [set_of("norm", value) for value in ("batch", "a b", "2024-01-01", 0.1)] == [
        "norm=batch", "norm=a b", "norm=2024-01-01", "norm=0.1",
    ]  # fmt: skip
