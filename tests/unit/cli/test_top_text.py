"""What `reprun top` shows of a look, at any width and whatever a host says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.cli.top_text import bar, frame, how_far, running_rows, spark, waiting_rows
from reprun.commands.queue_care import Queued
from reprun.commands.topping import Look

NOW = 1_800_000_000.0
RUN = "20261121-080000-aaaaaa"


def look(entries: list[dict[str, Any]], slots: list[dict[str, Any]], **more: Any) -> Look:
    answer = {"entries": entries, "slots": slots, "worker": {"pid": 1, "state": "running"}}
    return Look(Queued("gpu1", answer, {"b": NOW + 90}), answer, NOW, **more)


BUSY = look(
    [
        {"run_id": RUN, "state": "running", "name": "base\x1b[2J", "seconds": 100, "label": "project"},
        {"run_id": "b", "state": "queued", "position": 1, "kind": "tune", "priority": 20.0},
        {"run_id": "c", "state": "held", "position": 2, "name": "c"},
    ],
    [
        {"name": "0", "gpus": ["GPU-1"], "run_id": RUN, "since": NOW - 25},
        {"name": "1", "gpus": ["GPU-2"], "run_id": "", "idle_since": NOW - 60, "why": "somebody computes on it"},
    ],
    runs={RUN: {"seconds": 25, "metrics": {"loss": [4, 3, 2, 1]}}},
    gpus={"GPU-1": {"use": 93, "used": 2048}},
)


def test_what_runs() -> None:
    (first, cells), (second, idle) = running_rows(BUSY)
    assert (first, second) == (RUN, "")
    assert cells[3:] == ("██░░░░░░░░  25%", "25 s", "~1 min 15 s", "93% 2.0 GiB", "loss 1 █▆▃▁")
    assert "\x1b" not in cells[2] and idle[1] == "idle" and idle[4] == "1 min 00 s" and idle[7] == "somebody computes on it"


def test_what_waits() -> None:
    rows = dict(waiting_rows(BUSY))
    assert rows["b"] == ("1", "b", "-", "tune", "20", "in ~1 min 30 s", "a slot")
    assert rows["c"][6] == "held" and RUN not in rows


@pytest.mark.parametrize("width", [20, 80, 200])
def test_a_frame_fits(width: int) -> None:
    lines = frame(BUSY, width, 50)
    assert all(len(line) <= width for line in lines) and lines[0].startswith("gpu1: 1 of 2 slots busy, 2 queued"[:width])
    assert len(frame(BUSY, width, 3)) == 3


def test_how_far_it_is() -> None:
    assert how_far({"seconds": 100}, {"progress": 0.5}, 60) == (0.5, "~1 min 00 s")  # the job knows best
    assert how_far({"seconds": 100}, {}, 150) == (0.99, "+50 s")
    assert how_far({}, {}, 150) == (None, "-") and bar(None) == "-"


@settings(deadline=None)
@given(st.lists(st.one_of(st.floats(), st.integers(), st.sampled_from(["NaN", "Infinity", "x", None, True]))))
def test_sparks_of_anything(values: list[Any]) -> None:
    assert len(spark(values)) <= 12


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)
FIELDS = st.sampled_from(
    ["run_id", "state", "seconds", "since", "idle_since", "gpus", "name", "position", "priority", "reason", "why", "kind"]
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(FIELDS, ANYTHING)), st.lists(st.dictionaries(FIELDS, ANYTHING)), ANYTHING)
def test_a_host_may_say_anything(entries: list[Any], slots: list[Any], other: Any) -> None:
    assert frame(look(entries, slots, runs={str(slot.get("run_id")): other for slot in slots}), 80, 50)
