"""Why slots were idle, added up."""

from __future__ import annotations

from reprun.core.idle import UNKNOWN, idle_of, total_busy

UNTIL = 10_000.0


def test_reasons_are_added_up_and_the_longest_comes_first() -> None:
    spans = [
        {"from": 1000, "to": 1010, "why": "paused"},
        {"from": 2000, "to": 2500, "why": "nothing is queued"},
        {"from": 3000, "to": 3020, "why": "paused"},
    ]
    found = idle_of({"name": "0", "busy_share": 0.5, "spans": spans}, UNTIL)
    assert found.reasons == (("nothing is queued", 500.0), ("paused", 30.0))
    assert found.seconds is None and found.why == "" and found.busy == 0.5


def test_idle_now_counts_from_the_end_of_the_last_run() -> None:
    found = idle_of({"name": "0", "busy_share": 0, "idle_since": 8600, "why": "nothing is queued", "spans": []}, UNTIL)
    assert found.seconds == 1400.0 and found.why == "nothing is queued" and found.reasons == ()


def test_a_host_may_say_anything() -> None:
    for slot in ({}, {"spans": 3}, {"spans": [3, {}, {"from": "x", "why": None}]}, {"busy_share": "NaN"}, {"busy_share": 7}):
        found = idle_of(slot, UNTIL)
        assert 0 <= found.busy <= 1 and all(isinstance(why, str) for why, _ in found.reasons)
    assert idle_of({"spans": [{"from": 9000}]}, UNTIL).reasons == ((UNKNOWN, 1000.0),)
    assert total_busy([]) == 0
