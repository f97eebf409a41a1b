"""Which host gets which tasks, and what is taken back."""

from __future__ import annotations

import pytest

from reprun.core.frozen import replace
from reprun.sweeps.plan import GIVEN_AWAY, TAKEN_BACK, Known, Rules, Runs, Wanted, decide, superseded
from reprun.sweeps.sharing import ALL, Place, runs_of, share, surplus

TASKS = [(f"t{number}", "") for number in range(20)]


def counts(hosts: dict[str, str]) -> dict[str, int]:
    return {name: list(hosts.values()).count(name) for name in sorted(set(hosts.values()))}


@pytest.mark.parametrize(
    ("places", "ahead", "expected"),
    [
        ([Place("a", 4, 4), Place("b", 1, 1)], 0, {"a": 4, "b": 1}),
        ([Place("a", 4, 4), Place("b", 1, 1)], 2, {"a": 12, "b": 3}),
        ([Place("a", 4, 0, 8), Place("b", 1, 0, 1)], 2, {"b": 1}),
        ([Place("a", 3, 3), Place("b", 1, 1)], ALL, {"a": 15, "b": 5}),
        ([Place("a", 3, 3, trouble="silent"), Place("b", 1, 1)], ALL, {"b": 20}),
        ([Place("a", 3, 3, trouble="silent")], 2, {}),
    ],
)
def test_tasks_go_where_there_is_room(places: list[Place], ahead: int, expected: dict[str, int]) -> None:
    assert counts(share(TASKS, places, ahead)) == expected


def test_free_slots_come_first_and_bound_tasks_stay() -> None:
    busy, idle = Place("busy", 8, 0), Place("idle", 1, 1)
    assert share(TASKS[:1], [busy, idle], 2) == {"t0": "idle"}
    assert share([("t", "busy"), ("u", "gone")], [Place("busy", 1, 0, 9), idle], 2) == {"t": "busy"}


def waiting(*tasks: str) -> tuple[tuple[str, str], ...]:
    return tuple((f"run-{task}", task) for task in tasks)


def test_the_last_that_wait_are_taken_back_for_idle_slots() -> None:
    crowded, idle = Place("a", 1, 0, 3, waiting("x", "y", "z")), Place("b", 2, 2)
    assert surplus([crowded, idle]) == {"a": ["z", "y"]}
    assert surplus([crowded, Place("b", 2, 2, 2)]) == {}
    assert surplus([Place("a", 1, 1, 1, waiting("x")), idle]) == {}  # it begins there at once
    assert surplus([Place("a", 1, 1, 1, waiting("x"), trouble="paused"), idle]) == {"a": ["x"]}


def test_a_task_is_taken_back_from_its_end() -> None:
    place = Place("a", ours=(("train-x", "x"), ("train-y", "y"), ("test-x", "x")))
    assert runs_of(place, ["x"]) == ["test-x", "train-x"]


def known(run_id: str, state: str, words: str = "", heard: bool = True) -> Known:
    return Known(run_id, "t", "train", "i", "l", state, words or state, heard, target="a")


def test_what_waits_and_is_done_elsewhere_is_superseded() -> None:
    old, new = known("1", "queued"), known("2", "running")
    assert superseded([old, new]) == {"1"} and superseded([known("1", "finished"), known("2", "queued")]) == set()
    assert superseded([known("1", "queued", heard=False), new]) == set()
    # Further attempts have ids before that of the run that they are for, and go with it.
    spares = [replace(known(run_id, "queued"), parent="4") for run_id in ("2", "3")]
    assert superseded([known("4", "running"), *spares]) == set()
    assert superseded([known("4", "failed"), replace(spares[1], state="running"), spares[0]]) == set()
    assert superseded([known("4", "queued"), *spares, known("5", "running")]) == {"2", "3", "4"}


@pytest.mark.parametrize(
    ("runs", "action"),
    [
        ([known("1", "failed")], "start"),  # before somebody asked for it again
        ([known("5", "failed")], "leave"),
        ([known("5", "canceled", "canceled (removed)")], "leave"),
        ([known("5", "canceled", f"canceled ({TAKEN_BACK})")], "start"),
        ([known("5", "canceled", f"canceled ({GIVEN_AWAY})")], "start"),
        ([known("5", "lost")], "start"),
        ([known("5", "lost"), known("6", "lost"), known("7", "lost")], "leave"),
        ([known("5", "unreachable", heard=False)], "keep"),
        ([known("1", "finished")], "start"),  # --force
        ([known("5", "finished")], "skip"),
    ],
)
def test_what_a_pass_does_with_what_there_is(runs: list[Known], action: str) -> None:
    wanted = Wanted("t", "t", "train", "i", "l")
    rules = Rules(("train",), force=True, since="5")
    assert [step.action for step in decide([wanted], Runs(runs, "same code"), rules, lambda one, _: one, ["9"])] == [action]


def test_a_later_stage_that_fell_with_an_earlier_one_is_started_with_it() -> None:
    train = known("5", "lost")
    test = Known("6", "t", "test", "j", "m", "canceled", "canceled (5 was lost)", target="a")
    wanted = [Wanted("t", "t", "train", "i", "l"), Wanted("t", "t", "test", "j", "m")]
    steps = decide(
        wanted, Runs([train, test], "same code"), Rules(("train", "test"), since="5"), lambda one, _: wanted[0], ["8", "9"]
    )
    assert [(step.action, step.run_id, step.builds_on) for step in steps] == [("start", "8", ""), ("start", "9", "8")]
