"""Placeholders: what is one, what they become, and that nothing is expanded twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.errors import UsageError
from reprun.core.placeholders import check, fill, names_in

VALUES = {"config": "/run/config.yaml", "output": "/run/output", "seed": "7", "run_id": "ID", "worktree": "/tree"}
CONFIG: dict[str, Any] = {
    "lr": 1e-05, "flag": True, "nothing": None, "name": "a b", "optimizer": {"lr": 0.1, "betas": [0.9, 0.99]}, "kebab-key": 1,
    "tricky": "{output} {lr} $HOME",
}  # fmt: skip


@pytest.mark.parametrize(
    ("word", "filled"),
    [
        ("{output}", "/run/output"),
        ("--out={output}/x", "--out=/run/output/x"),
        ("{seed}{seed}", "77"),
        ("{lr}", "1e-05"),
        ("{optimizer.lr}", "0.1"),
        ("{optimizer.betas.1}", "0.99"),
        ("{flag} {nothing}", "true null"),
        ("{name}", "a b"),
        ("{kebab-key}", "1"),
        ("{tricky}", "{output} {lr} $HOME"),
        ("{{output}}", "{output}"),
        ("{{unknown}}", "{unknown}"),
        ("${HOME}", "${HOME}"),
        ("${output}", "${output}"),
        ('{"a": 1}', '{"a": 1}'),
        ("{}", "{}"),
        ("{a b}", "{a b}"),
        ("{1}", "{1}"),
        ("{,}", "{,}"),
        ("a{b", "a{b"),
        ("", ""),
    ],
)
def test_what_a_word_becomes(word: str, filled: str) -> None:
    check([word], CONFIG)
    assert fill([word], VALUES, CONFIG) == [filled]


@pytest.mark.parametrize(
    "word", ["{unknown}", "{optimizer.rl}", "{lr.x}", "{optimizer.betas.2}", "{optimizer.betas.-1}", "{Seed}"]
)
def test_an_unknown_one_is_an_error_with_a_way_out(word: str) -> None:
    with pytest.raises(UsageError, match=r"unknown placeholder \{") as caught:
        check([word], CONFIG)
    assert "{" + word + "}" in caught.value.hint


def test_a_slip_of_the_pen_is_guessed() -> None:
    with pytest.raises(UsageError) as caught:
        check(["{ouput}"], None)
    assert "did you mean {output}?" in caught.value.hint


@pytest.mark.parametrize("word", ["{optimizer}", "{optimizer.betas}"])
def test_a_section_is_no_value(word: str) -> None:
    with pytest.raises(UsageError, match="section"):
        check([word], CONFIG)


def test_config_needs_a_config() -> None:
    with pytest.raises(UsageError, match="no config"):
        check(["--config", "{config}"], None)
    check(["{config}"], {})


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="{}"))))
def test_words_without_braces_stay_as_they_are(words: list[str]) -> None:
    check(words, None)
    assert fill(words, VALUES, None) == words
    assert names_in(words) == set()


@given(st.text())
def test_a_value_is_never_looked_at_again(value: str) -> None:
    assert fill(["{lr}", "{output}"], {**VALUES, "output": value}, {"lr": value}) == [value, value]
