"""What is next for a free slot: examples of each rule, and what must hold for any queue."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reprun.runner.queue_policy import (
    ANY,
    NONE,
    Choice,
    Machine,
    Room,
    Running,
    Slot,
    Start,
    Task,
    choose,
    obstacle,
    order,
    pick_slots,
)

NOW = 1000.0


def gpus(*names: str) -> tuple[Slot, ...]:
    """Slots such as "0" or "2,3"."""
    return tuple(Slot(name, tuple(f"GPU-{part}" for part in name.split(","))) for name in names)


CPUS = tuple(Slot(f"cpu{number}") for number in range(2))


def started(choice: Choice) -> dict[str, tuple[str, ...]]:
    return {start.run_id: start.slots for start in choice.starts}


def pick(tasks: list[Task], slots: tuple[Slot, ...], running: list[Running] | None = None, **more: Any) -> Choice:
    return choose(sorted(tasks, key=order), running or [], Machine(slots, **more), NOW)


def test_priority_then_age() -> None:
    tasks = [Task("old", 10, 1), Task("new", 10, 2), Task("urgent", 50, 3)]
    assert started(pick(tasks, CPUS)) == {"urgent": ("cpu0",), "old": ("cpu1",)}


def test_what_may_not_start_yet_holds_nobody_up() -> None:
    choice = pick([Task("later", 90, 1, not_before=NOW + 60), Task("now", 10, 2)], CPUS[:1])
    assert started(choice) == {"now": ("cpu0",)} and choice.again == NOW + 60


def test_no_more_runs_of_a_project_than_it_wants() -> None:
    tasks = [Task("a1", 9, 1, "a", 1), Task("a2", 8, 2, "a", 1), Task("b", 1, 3, "b")]
    assert set(started(pick(tasks, CPUS))) == {"a1", "b"}
    running = [Running("a0", ("cpu0",), NOW + 5, "a")]
    assert started(pick(tasks[:2], CPUS, running)) == {}
    assert pick(tasks[:2], CPUS, running).why == {"cpu1": "no more than 1 runs of its project at once"}


def test_claims_on_processors_and_memory() -> None:
    running = [Running("r", ("cpu0",), NOW + 5, cpus=3, memory=6)]
    for task, why in [
        (Task("t", cpus=2), "needs 2 processors, 1 of 4 are free"),
        (Task("t", memory=3), "needs 3e-09 GB of memory, 2e-09 of 8e-09 are free"),
    ]:
        assert started(pick([task], CPUS, running, cpus=4, memory=8)) == {}
        assert obstacle(task, Room(Machine(CPUS, 4, 8), running), NOW) == why
    assert started(pick([Task("t", cpus=1, memory=2)], CPUS, running, cpus=4, memory=8)) == {"t": ("cpu1",)}


@pytest.mark.parametrize(
    ("wanted", "free", "taken"),
    [
        (ANY, ("0", "2,3"), ("0",)),
        (1, ("2,3", "0"), ("0",)),
        (2, ("0", "1", "2,3"), ("2,3",)),
        (2, ("0", "1"), ("0", "1")),
        (3, ("0", "1", "2,3"), ("2,3", "0")),
        (2, ("0", "0#2"), ()),
        (5, ("0", "1", "2,3"), ()),
    ],
)
def test_several_gpus_for_one_run(wanted: int, free: tuple[str, ...], taken: tuple[str, ...]) -> None:
    slots = tuple(slot._replace(gpus=tuple(gpu.split("#")[0] for gpu in slot.gpus)) for slot in gpus(*free))
    assert pick_slots(wanted, slots, slots) == taken


def test_who_asks_for_no_gpu_gets_a_slot_without_one_and_who_says_nothing_one_with() -> None:
    both = gpus("0") + CPUS
    assert pick_slots(NONE, both, both) == ("cpu0",) and pick_slots(ANY, both, both) == ("0",)
    assert pick_slots(ANY, CPUS, both) == () and pick_slots(ANY, CPUS, CPUS) == ("cpu0",)
    assert pick_slots(NONE, gpus("0"), gpus("0")) == ("0",)


def test_a_wide_run_is_kept_a_place_and_short_ones_fill_the_gap() -> None:
    running = [Running("long", ("0",), NOW + 100)]
    wide, short, endless = Task("wide", 9, 1, gpus=2), Task("short", 1, 2, seconds=90), Task("endless", 1, 3)
    assert started(pick([wide, short], gpus("0", "1"), running)) == {"short": ("1",)}
    choice = pick([wide, endless], gpus("0", "1"), running)
    assert started(choice) == {} and choice.kept_for == "wide" and choice.why == {"1": "kept for wide"}
    assert started(pick([wide, short._replace(seconds=110)], gpus("0", "1"), running)) == {}
    assert started(pick([wide, endless], gpus("0", "1", "2"), running)) == {"wide": ("1", "2")}


def test_a_run_that_needs_nothing_of_what_is_kept_starts() -> None:
    running = [Running("long", ("0",), NOW + 100)]
    tasks = [Task("wide", 9, 1, gpus=2), Task("plain", 1, 2, gpus=NONE)]
    assert started(pick(tasks, gpus("0", "1") + CPUS[:1], running)) == {"plain": ("cpu0",)}


def test_what_can_never_fit_holds_nobody_up() -> None:
    tasks = [Task("giant", 9, 1, gpus=8), Task("small", 1, 2)]
    assert started(pick(tasks, gpus("0"))) == {"small": ("0",)}
    blocked = (Slot("0", ("GPU-0",)), Slot("1", ("GPU-1",), "another process"))
    choice = pick([Task("pair", 9, 1, gpus=2), Task("small", 1, 2)], blocked)
    assert started(choice) == {"small": ("0",)} and choice.why["1"] == "another process"


SLOTS = st.lists(st.sampled_from([(), ("a",), ("b",), ("c",), ("a", "b"), ("c", "d")]), min_size=1, max_size=5).map(
    lambda many: tuple(Slot(str(number), held) for number, held in enumerate(many))
)
TASKS = st.lists(
    st.builds(
        Task,
        run_id=st.uuids().map(str),
        priority=st.sampled_from([1.0, 2.0]),
        rank=st.integers(0, 99).map(float),
        project=st.sampled_from(["p", "q"]),
        limit=st.integers(0, 2),
        gpus=st.integers(-1, 4),
        cpus=st.integers(0, 5),
        memory=st.integers(0, 5),
        seconds=st.sampled_from([0.0, 5.0, 50.0]),
        not_before=st.sampled_from([0.0, NOW + 10]),
    ),
    max_size=8,
)


def check(choice: Choice, tasks: list[Task], running: list[Running], machine: Machine) -> None:
    by_id = {task.run_id: task for task in tasks}
    names = [name for start in choice.starts for name in start.slots] + [name for one in running for name in one.slots]
    assert len(names) == len(set(names))
    assert set(names) <= {slot.name for slot in machine.slots}
    assert not any(
        slot.blocked and slot.name in {name for start in choice.starts for name in start.slots} for slot in machine.slots
    )
    for start in choice.starts:
        task, held = by_id[start.run_id], [slot for slot in machine.slots if slot.name in start.slots]
        every = [gpu for slot in held for gpu in slot.gpus]
        assert start.slots and len(every) == len(set(every)) and len(every) >= task.gpus and task.not_before <= NOW
    begun = [by_id[start.run_id] for start in choice.starts]
    for part in ("cpus", "memory"):
        claimed = sum(getattr(one, part) for one in [*running, *begun])
        assert claimed <= max(getattr(machine, part), sum(getattr(one, part) for one in running))
    for task in begun:
        of_project = [one for one in [*running, *begun] if one.project == task.project]
        assert not task.limit or len(of_project) <= max(
            task.limit, *(one.limit or 99 for one in begun if one.project == task.project)
        )


@given(SLOTS, TASKS, st.integers(0, 5))
def test_never_more_than_there_is(slots: tuple[Slot, ...], tasks: list[Task], blocked: int) -> None:
    slots = tuple(slot._replace(blocked="x") if number == blocked else slot for number, slot in enumerate(slots))
    machine, tasks = Machine(slots, 6, 6), sorted(tasks, key=order)
    running: list[Running] = []
    for _ in range(2):  # the second time beside what the first has started
        choice = choose(tasks, running, machine, NOW)
        check(choice, tasks, running, machine)
        by_id = {task.run_id: task for task in tasks}
        for start in choice.starts:
            task = by_id[start.run_id]
            running.append(Running(task.run_id, start.slots, NOW + 50, task.project, task.cpus, task.memory))
        tasks = [task for task in tasks if task.run_id not in started(choice)]


@given(SLOTS, TASKS)
def test_an_empty_machine_is_never_idle_beside_a_run_that_fits_it(slots: tuple[Slot, ...], tasks: list[Task]) -> None:
    machine = Machine(slots, 6, 6)
    choice = choose(sorted(tasks, key=order), [], machine, NOW)
    fits = [task for task in tasks if task.not_before <= NOW and choose([task], [], machine, NOW).starts]
    assert bool(choice.starts) == bool(fits)
    if fits:  # and the first in line is not passed over
        assert choice.starts[0].run_id == min(fits, key=order).run_id


@given(st.lists(st.sampled_from([("a",), ("b",), ("c", "d"), ("e", "f", "g")]), unique=True), st.integers(1, 7))
def test_gpus_are_found_whenever_there_are_enough(many: list[tuple[str, ...]], wanted: int) -> None:
    slots = tuple(Slot(str(number), held) for number, held in enumerate(many))
    sizes = [sum(len(slot.gpus) for slot in some) for count in range(1, 5) for some in itertools.combinations(slots, count)]
    assert bool(pick_slots(wanted, slots, slots)) == any(size >= wanted for size in sizes)


@given(st.integers(1, 40))
def test_everything_ends_in_order_on_one_slot(count: int) -> None:
    tasks = [Task(f"t{number:02}", 0, number) for number in range(count)]
    done = []
    while tasks:
        (start,) = choose(tasks, [], Machine(CPUS[:1]), NOW).starts
        assert start == Start(tasks[0].run_id, ("cpu0",))
        done.append(tasks.pop(0).run_id)
    assert done == sorted(done)
