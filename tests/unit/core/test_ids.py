"""Run ids: they sort by time and are safe in refs, paths and session names."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.core.ids import ALPHABET, is_commit, is_run_id, make_run_id

milliseconds = st.integers(0, 999)
entropy = st.binary(min_size=4, max_size=4)


@given(milliseconds, entropy)
def test_every_id_has_the_form(ms: int, chance: bytes) -> None:
    run_id = make_run_id("20261121-031622", ms, chance)
    assert is_run_id(run_id)
    assert re.fullmatch("[a-z0-9-]+", run_id)


@given(milliseconds, milliseconds, entropy, entropy)
def test_they_sort_by_time(one: int, two: int, first: bytes, second: bytes) -> None:
    ids = [make_run_id("20261121-031622", one, first), make_run_id("20261121-031622", two, second)]
    assert one == two or (ids[0] < ids[1]) == (one < two)
    assert make_run_id("20261121-031621", 999, first) < make_run_id("20261121-031622", 0, second)


def test_the_form_is_pinned() -> None:
    assert make_run_id("20261121-031622", 0, bytes(4)) == "20261121-031622-000000"
    assert make_run_id("20261121-031622", 999, b"\xff\x1f\x20\x0a") == "20261121-031622-z7zz0a"
    assert len(set(ALPHABET)) == 32 and not set("ilou") & set(ALPHABET)


@pytest.mark.parametrize(
    "text",
    [
        "", "20261121-031622-m4k7q", "20261121-031622-m4k7qxx", "20261121-031622-M4K7QX", "20261121-031622-m4k7qi",
        "20261121-031622-m4k7qx\n", "٢0261121-031622-m4k7qx", "../20261121-031622-m4k7qx", "20261121_031622_m4k7qx",
    ],
)  # fmt: skip
def test_what_is_no_run_id(text: str) -> None:
    assert not is_run_id(text)


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("a" * 40, True), ("0" * 64, True), ("a" * 39, False), ("a" * 41, False), ("A" * 40, False), ("a" * 40 + "\n", False),
        ("--upload-pack=x".ljust(40, "a"), False), ("HEAD", False), ("", False),
    ],
)  # fmt: skip
def test_commits_are_full_ids(text: str, fine: bool) -> None:
    assert is_commit(text) == fine
