"""What `reprun top` shows of a look, at any width and whatever a host says."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.cli.fitting import fit
from reprun.cli.top_marks import bar, drawn, short_seconds, spark, sparks
from reprun.cli.top_text import RUNNING, WAITING, all_done, frame, how_far, running_rows, title, waiting_rows
from reprun.commands.queue_care import Queued
from reprun.commands.topping import Look
from reprun.core.text import cell_width

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
    first, idle = running_rows(BUSY)
    assert (first.run_id, idle.run_id) == (RUN, "")
    assert [first.cells[name][0] for name in ("progress", "time", "left", "gpu")] == [
        "━━━━━───────────────  25%", "25 s", "~1m15s", "93% 2.0 GiB",
    ]  # fmt: skip
    assert first.cells["metrics"][0] == "loss 1 █▆▃▁" and "\x1b" not in first.cells["name"][0]
    assert [idle.cells[name][0] for name in ("name", "time", "metrics")] == ["idle", "1m00s", "somebody computes on it"]


def test_what_waits() -> None:
    rows = {row.run_id: row.cells for row in waiting_rows(BUSY)}
    assert [rows["b"][name][0] for name in ("order", "kind", "priority", "starts", "waits")] == [
        "1", "tune", "20", "in ~1 min 30 s", "a slot",
    ]  # fmt: skip
    assert rows["c"]["waits"][0] == "held" and RUN not in rows
    waits = look([{"run_id": RUN, "name": "base"}, {"run_id": "d", "state": "queued", "reason": f"waits for {RUN}"}], [])
    assert waiting_rows(waits)[0].cells["waits"] == ("waits for base",)


def test_what_matters_stays_where_there_is_little_room() -> None:
    heads = {width: fit(RUNNING, running_rows(BUSY), width).head() for width in (200, 80, 40)}
    assert heads[200].split() == ["HOST", "SLOT", "NAME", "RUN", "PROGRESS", "TIME", "LEFT", "GPU", "METRICS"]
    assert {"SLOT", "NAME", "LEFT", "METRICS"} <= set(heads[80].split()) and {"SLOT", "NAME", "LEFT"} <= set(heads[40].split())


def test_when_all_is_done() -> None:
    known = look(
        [{"run_id": RUN, "state": "running", "seconds": 100}, {"run_id": "b", "state": "queued", "seconds": 60}],
        [{"name": "0", "run_id": RUN, "since": NOW - 40}],
    )
    assert all_done(known) == NOW + 150 and "all done in ~2m30s" in title(known)
    assert all_done(BUSY) is None and all_done(look([], [])) is None


@pytest.mark.parametrize("width", [1, 20, 80, 200])
def test_a_frame_fits(width: int) -> None:
    lines = frame(BUSY, width, 50)
    assert all(cell_width(line) <= width for line in lines) and lines[0].startswith(
        "gpu1: 1 of 2 slots busy, 2 queued"[: width - 1]
    )
    assert len(frame(BUSY, width, 3)) == 3


def test_wide_characters_are_counted_as_wide() -> None:
    wide = look([{"run_id": "b", "state": "queued", "name": "实验" * 40}, {"run_id": "c", "state": "queued", "name": "c"}], [])
    lines = frame(wide, 60, 9)[3:5]
    fitted = fit(WAITING, waiting_rows(wide), 60)
    assert "…" in lines[0] and {cell_width(fitted.cells(row)[2][1]) for row in waiting_rows(wide)} == {fitted.widths[2]}


def test_how_far_it_is() -> None:
    assert how_far({"seconds": 100}, {"progress": 0.5}, 60) == (0.5, 60)  # the job knows best
    assert how_far({"seconds": 100}, {}, 150) == (0.99, -50)
    assert how_far({}, {}, 150) == (None, None) and bar(None) == ("-",)


def test_only_what_is_done_is_a_full_bar() -> None:
    assert [drawn(share, 3) for share in (0.0, 0.5, 0.999, 1.0)] == ["───", "━╸─", "━━╸", "━━━"]


def test_times_are_short() -> None:
    assert [short_seconds(one) for one in (4, 59.6, 575, 7800, 273600, float("nan"), 1e300)] == [
        "4 s", "1m00s", "9m35s", "2h10m", "3d04h", "-", "-",
    ]  # fmt: skip
    assert sparks({}) == ("",) and sparks({"acc": [0.5]})[-1] == "acc 0.5"


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


@settings(deadline=None, max_examples=40)
@given(st.lists(st.dictionaries(FIELDS, ANYTHING)), st.lists(st.dictionaries(FIELDS, ANYTHING)), ANYTHING)
def test_a_host_may_say_anything(entries: list[Any], slots: list[Any], other: Any) -> None:
    assert frame(look(entries, slots, runs={str(slot.get("run_id")): other for slot in slots}), 80, 50)
