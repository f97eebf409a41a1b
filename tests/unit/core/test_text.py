"""Text from outside is shown, not obeyed."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.text import human_bytes, human_seconds, is_recordable, show, show_block

anything = st.text(alphabet=st.characters())


@given(anything)
def test_what_is_shown_moves_no_cursor(text: str) -> None:
    shown = show(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in shown)
    shown.encode("utf-8")


@given(anything)
def test_a_block_keeps_lines_and_tabs_only(text: str) -> None:
    kept = show_block(text)
    assert not any(unicodedata.category(char) in ("Cc", "Cs") and char not in "\n\t" for char in kept)
    assert kept.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï", "plain ünï"),
        ("a\nb\tc\rd", "a\\nb\\tc\\rd"),
        ("\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"),
        ("\x9b2J", "\\x9b2J"),
        ("\u202eexe.txt", "\\u202eexe.txt"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("bad\udcff", "bad\\udcff"),
        ("nul\x00", "nul\\x00"),
    ],
)
def test_how_it_looks(text: str, shown: str) -> None:
    assert show(text) == shown


@given(anything)
def test_what_is_recordable_is_utf8_without_nul(text: str) -> None:
    try:
        fine = b"\0" not in text.encode("utf-8")
    except UnicodeEncodeError:
        fine = False
    assert is_recordable(text) == fine


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (1 << 20, "1.0 MiB"), (5 << 30, "5.0 GiB"), (3 << 50, "3072.0 TiB")],
)
def test_bytes(count: int, text: str) -> None:
    assert human_bytes(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (12.4, "12 s"),
        (59.4, "59 s"),
        (60, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_seconds(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


@pytest.mark.parametrize("seconds", [9.96, 59.6, 3599.6])
def test_seconds_at_the_edges_are_no_odd_sums(seconds: float) -> None:
    assert human_seconds(seconds) in ("10 s", "10.0 s", "1 min 00 s", "60 s", "1 h 00 min")
