"""Estimated starts: nothing is said where nobody knows, and what is said fits the slots."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.core.queue_plan import estimate_starts, free_slots

NOW = 1000.0


def entry(run_id: str, seconds: float = 0, state: str = "queued", **more: Any) -> dict[str, Any]:
    return {"run_id": run_id, "state": state, "seconds": seconds, **more}


def slot(run_id: str = "", since: float = NOW, gpus: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"name": "x", "run_id": run_id, "since": since, "gpus": list(gpus)}


def test_one_after_the_other() -> None:
    entries = [entry("r", 100, "running"), entry("a", 60), entry("b", 10), entry("c", 5)]
    starts = estimate_starts(entries, [slot("r", NOW - 40)], NOW)
    assert starts == {"a": NOW + 60, "b": NOW + 120, "c": NOW + 130}


def test_what_takes_nobody_knows_how_long_hides_what_comes_behind_it() -> None:
    assert estimate_starts([entry("r", 0, "running"), entry("a", 1)], [slot("r")], NOW) == {}
    assert estimate_starts([entry("a"), entry("b", 1)], [slot()], NOW) == {"a": NOW}


def test_it_is_over_when_it_takes_longer_than_it_did() -> None:
    assert estimate_starts([entry("r", 10, "running"), entry("a", 1)], [slot("r", NOW - 50)], NOW) == {"a": NOW}


def test_a_run_that_waits_for_something_else_is_left_out_and_stands_in_nobodys_way() -> None:
    entries = [entry("a", 60, reason="waits for x"), entry("b", 60, "held"), entry("c", 60)]
    assert estimate_starts(entries, [slot()], NOW) == {"c": NOW}


def test_gpus_and_the_clock() -> None:
    entries = [entry("two", 10, gpus=2), entry("late", 10, not_before=NOW + 500), entry("four", 10, gpus=4)]
    found = estimate_starts(entries, [slot(gpus=("g0",)), slot(gpus=("g1", "g2"))], NOW)
    assert found == {"two": NOW, "late": NOW + 500}


@settings(deadline=None)
@given(st.lists(st.floats(0.5, 1e4), max_size=12), st.integers(1, 4))
def test_no_slot_does_two_things_at_once(lengths: list[float], count: int) -> None:
    entries = [entry(str(at), length) for at, length in enumerate(lengths)]
    starts = estimate_starts(entries, [slot() for _ in range(count)], NOW)
    assert set(starts) == {item["run_id"] for item in entries}
    for moment in starts.values():
        running = [at for at, length in enumerate(lengths) if starts[str(at)] <= moment < starts[str(at)] + length]
        assert len(running) <= count
    assert list(starts.values()) == sorted(starts.values())


def test_free_slots_are_what_is_left_for_one_more() -> None:
    answer = {"slots": [slot(), slot("r"), slot()], "entries": [entry("r", 0, "running"), entry("a"), entry("h", 0, "held")]}
    assert free_slots(answer) == 1 and free_slots({}) == 1 and free_slots({"slots": None, "entries": 3}) == 1
