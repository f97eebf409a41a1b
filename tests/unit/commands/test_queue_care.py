"""Which queued run is meant, and which host gets the next one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reprun.commands.queue_care import choose_target, pick
from reprun.commands.queue_entry import median_seconds
from reprun.core.errors import UnreachableError, UsageError
from reprun.schedulers.tmux import TmuxScheduler
from reprun.targets import Target

IDS = ["20261121-080000-aaaaaa", "20261121-090000-bbbbbb", "20261122-080000-cccccc"]
ENTRIES = [{"run_id": run_id, "name": name} for run_id, name in zip(IDS, ["base", "base", "other"], strict=True)]


def test_a_run_by_its_id_its_beginning_or_its_name() -> None:
    assert pick(ENTRIES, IDS[0]) == IDS[0]
    assert pick(ENTRIES, "20261122") == IDS[2]
    assert pick(ENTRIES, "base") == IDS[1]  # the newest
    assert pick(ENTRIES, "nobody") == "" and pick([], "base") == ""


def test_the_beginning_of_several() -> None:
    with pytest.raises(UsageError) as error:
        pick(ENTRIES, "20261121")
    assert IDS[0] in error.value.message and "type more" in error.value.hint


class Host:
    """A host whose queue says one thing."""

    name = place = "x"
    is_here = False

    def __init__(self, says: Mapping[str, Any] | None) -> None:
        self.says = says

    def ask(self, request: Mapping[str, Any], *_: Any) -> dict[str, Any]:
        assert request["op"] == "queue" and request["do"] == "ls"
        if self.says is None:
            raise UnreachableError("nobody there")
        return dict(self.says)


def targets(**says: Mapping[str, Any] | None) -> dict[str, Target]:
    return {name: Target(name, Host(said), TmuxScheduler(), 60.0) for name, said in says.items()}  # type: ignore[arg-type]


def queue(free: int, waiting: int = 0, **more: Any) -> dict[str, Any]:
    return {"slots": [{"name": str(at), "run_id": ""} for at in range(free)], "entries": [{"state": "queued"}] * waiting, **more}


def test_the_host_with_the_most_free_slots() -> None:
    assert choose_target(targets(a=queue(1), b=queue(3), c=queue(4, 2)))[0] == "b"
    assert choose_target(targets(a=queue(1), b=queue(3, paused=True)))[0] == "a"
    assert choose_target(targets(a=queue(1, 5), b=queue(0, 2)))[0] == "b"  # the shortest line, where nothing is free


def test_one_that_does_not_answer_is_left_out() -> None:
    chosen, troubles = choose_target(targets(a=None, b=queue(0)))
    assert chosen == "b" and [trouble.message for trouble in troubles] == ["nobody there"]
    with pytest.raises(UnreachableError):
        choose_target(targets(a=None, b=None))


def test_the_usual_duration() -> None:
    assert median_seconds([{"seconds": 3}, {"seconds": 100.0}, {"seconds": 5}, {}, {"seconds": "x"}, {"seconds": -1}]) == 5
    assert median_seconds([]) == 0
