"""What a host says of its queue, as this machine understands it."""

from __future__ import annotations

from typing import Any

import pytest

from reprun.core.queue_plan import free_slots, on_our_clock, starts_of

NOW = 1000.0


def entry(run_id: str, state: str = "queued", **more: Any) -> dict[str, Any]:
    return {"run_id": run_id, "state": state, **more}


def slot(run_id: str = "") -> dict[str, Any]:
    return {"name": "x", "run_id": run_id}


def test_the_clock_of_a_host_may_be_another() -> None:
    told = {"time": NOW - 300, "entries": [entry("a", starts=NOW - 290, ends=NOW - 200), entry("b", starts=NOW, ends=0.0)]}
    found = on_our_clock(told, NOW)
    assert [(one["starts"], one["ends"]) for one in found["entries"]] == [(NOW + 10, NOW + 100), (NOW + 300, None)]
    assert starts_of(found) == {"a": NOW + 10, "b": NOW + 300}


@pytest.mark.parametrize("value", [None, "soon", 1e300, float("inf"), float("nan"), -5, True, [1], 10**400])
def test_what_is_no_time_is_none(value: Any) -> None:
    for told in ({"time": NOW, "entries": [entry("a", starts=value, ends=value)]}, {"time": value, "entries": [entry("a")]}):
        assert starts_of(on_our_clock(told, NOW)) == {}


def test_free_slots_are_what_is_left_for_one_more() -> None:
    answer = {"slots": [slot(), slot("r"), slot()], "entries": [entry("r", "running"), entry("a"), entry("h", "held")]}
    assert free_slots(answer) == 1 and free_slots({}) == 1 and free_slots({"slots": None, "entries": 3}) == 1
