"""How busy a slot was and why it was not, from events as the worker writes them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reprun.runner.paths import Home
from reprun.runner.queue_db import Table, opened
from reprun.runner.queue_idle import DRAINS, EMPTY, HELD, NO_WORKER, PAUSED, STARTING, idle
from reprun.runner.queue_slots import set_slots

WORKER = (0, "worker begins")
AT = time.time() - 1000.0  # everything is seconds after that


class Past:
    """A table whose only slots are cpu0 and cpu1, with events."""

    def __init__(self, home: Home, table: Table) -> None:
        self.home = home
        self.table = table

    def put(self, *events: tuple[Any, ...]) -> None:
        """Each is `(seconds, what, run, slot, why)`; what is left out is empty."""
        for event in events:
            when, what, run, slot, why = (*event, *("", "", "")[len(event) - 2 :])
            values = (AT + when, run, slot, what, why)
            self.table.db.execute("INSERT INTO events (time, run_id, slot, what, why) VALUES (?, ?, ?, ?, ?)", values)

    def look(self, slot: int = 0, since: float = -1000) -> dict[str, Any]:
        """What is told of one slot; spans as `(from, to, why)`, to None: until now."""
        answer = idle(self.home, self.table, {"since": AT + since})
        found: dict[str, Any] = answer["slots"][slot]
        spans = [(one["from"], one["to"], one["why"]) for one in found["spans"]]
        found["spans"] = [(round(a - AT, 3), None if b == answer["until"] else round(b - AT, 3), why) for a, b, why in spans]
        begin = AT + max(since, 0)
        found["busy"] = round(found["busy_share"] * (answer["until"] - begin), 3)
        return found


@pytest.fixture
def past(tmp_path: Path) -> Iterator[Past]:
    """See `Past`."""
    home = Home(str(tmp_path / "home"))
    with opened(home, durable=False) as table:
        set_slots(table, None, 2)
        table.db.execute("DELETE FROM slots WHERE name NOT IN ('cpu0', 'cpu1')")  # on a host with GPUs
        yield Past(home, table)


def test_what_was_before_the_first_event_is_not_idle_time(past: Past) -> None:
    past.put(WORKER, (1, "began", "a", "cpu0"), (101, "over", "a", "cpu0"), (101.2, "done", "a", "cpu0"), (102, "worker ends"))
    found = past.look()
    assert found["spans"] == [(0, 1, STARTING), (101, None, EMPTY)] and found["busy"] == 100
    assert found["idle_since"] == AT + 101 and found["why"] == EMPTY


def test_a_queue_without_events_has_no_idle_time(past: Past) -> None:
    found = past.look()
    assert found["spans"] == [] and found["busy_share"] == 0 and found["why"] == NO_WORKER


def test_the_end_of_the_wrap_up_is_not_the_end_of_the_next_run(past: Past) -> None:
    past.put(
        WORKER, (1, "began", "a", "cpu0"), (10, "over", "a", "cpu0"), (10.5, "began", "b", "cpu0"), (12, "done", "a", "cpu0")
    )
    found = past.look()
    assert found["spans"] == [(0, 1, STARTING), (10, 10.5, STARTING)]
    assert found["idle_since"] == 0 and found["why"] == "" and found["busy_share"] > 0.99


def test_reasons_reach_back_to_the_end_of_the_run(past: Past) -> None:
    past.put(
        WORKER, (0, "began", "a", "cpu0"), (10, "over", "a", "cpu0"), (10.4, "done", "a", "cpu0"),
        (11, "idle", "", "cpu0", "all runs wait for others"), (50, "idle", "", "cpu0", "the queue is paused"),
        (51, "worker ends"),
    )  # fmt: skip
    found = past.look()
    assert found["spans"] == [(10, 50, "all runs wait for others"), (50, None, "the queue is paused")]
    assert found["idle_since"] == AT + 10 and found["why"] == "the queue is paused"


def test_a_run_that_ended_without_a_worker_holds_its_slot_no_longer(past: Past) -> None:
    past.put(WORKER, (0, "began", "a", "cpu0"), (30, "done", "a"), (30, "worker begins"))
    assert past.look()["spans"] == [(30, None, NO_WORKER)]
    past.put((40, "began", "b", "cpu0"))
    assert past.look()["spans"] == [(30, 40, STARTING)]


def test_a_worker_that_was_killed_was_not_running(past: Past) -> None:
    past.put(WORKER, (0, "began", "a", "cpu0"), (5, "over", "a", "cpu0"), (65, "worker begins"), (66, "began", "b", "cpu0"))
    assert past.look()["spans"] == [(5, 65, NO_WORKER), (65, 66, STARTING)]


def test_slots_are_told_apart_and_a_wide_run_holds_both(past: Past) -> None:
    past.put(
        WORKER, (0, "began", "a", "cpu1"), (10, "over", "a", "cpu1"), (20, "began", "b", "cpu0+cpu1"),
        (50, "over", "b", "cpu0+cpu1"), (51, "worker ends"),
    )  # fmt: skip
    assert (past.look(0)["busy"], past.look(1)["busy"]) == (30, 40)
    assert past.look(0)["spans"] == [(0, 20, STARTING), (50, None, EMPTY)]


def test_only_what_was_since_then_is_told(past: Past) -> None:
    past.put(WORKER, (0, "began", "a", "cpu0"), (10, "over", "a", "cpu0"), (11, "worker ends"))
    found = past.look(since=5)
    assert found["spans"] == [(10, None, EMPTY)] and found["busy"] == 5
    found = past.look(since=20)
    assert found["spans"] == [(20, None, EMPTY)] and found["busy"] == 0 and found["idle_since"] == AT + 10


def test_a_clock_that_was_set_back_makes_no_time(past: Past) -> None:
    past.put(WORKER, (10, "began", "a", "cpu0"), (5, "over", "a", "cpu0"), (20, "worker ends"))
    found = past.look()
    assert found["busy"] == 0 and found["spans"][-1] == (10, None, EMPTY)


def test_nobody_gives_a_reason_when_the_worker_was_killed(past: Past) -> None:
    past.put(WORKER, (1, "idle", "", "cpu0", "nothing is queued"), (2, "began", "a", "cpu0"), (3, "over", "a", "cpu0"))
    found = past.look()
    assert found["spans"] == [(0, 2, "nothing is queued"), (3, None, NO_WORKER)] and found["why"] == NO_WORKER


@pytest.mark.parametrize("why", [PAUSED, DRAINS, HELD])
def test_what_keeps_runs_from_starting_goes_on_without_a_worker(past: Past, why: str) -> None:
    past.put(WORKER, (0, "began", "a", "cpu0"), (10, "over", "a", "cpu0"), (11, "idle", "", "cpu0", why), (12, "worker ends"))
    found = past.look()
    assert found["spans"] == [(10, None, why)] and found["why"] == why
