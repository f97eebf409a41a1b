"""New run ids: of now, or after those that there are when the clock was set back."""

from __future__ import annotations

import pytest

from reprun.core.ids import is_run_id, make_run_id
from reprun.system.clock import new_run_id, now


def test_an_id_sorts_after_those_that_there_are() -> None:
    ahead = make_run_id(f"{now():%Y%m%d}-235959", 999, b"zzzz")  # later today
    first = new_run_id(ahead)
    assert is_run_id(first) and first > ahead
    assert new_run_id(first) > first
    assert int(new_run_id("20200101-000000-000000")[:4]) >= 2025


@pytest.mark.parametrize("text", ["", "x", "20261340-000000-000000", "99991231-235959-zzzzzz", "20261122-061006-!!aaaa"])
def test_what_is_no_id_of_these_days_moves_nothing(text: str) -> None:
    assert abs(int(new_run_id(text)[:4]) - now().year) < 2
