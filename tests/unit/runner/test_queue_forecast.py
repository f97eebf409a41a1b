"""The queue played through: what is said fits the slots, who fills a gap delays nobody, nothing is said of what is unknown."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.runner.queue_forecast import expected_end, forecast
from reprun.runner.queue_policy import Machine, Running, Slot, Task, order

NOW = 1000.0
CPUS = tuple(Slot(f"cpu{number}") for number in range(4))
_TASK = st.builds(
    Task,
    run_id=st.just(""),
    priority=st.integers(0, 3).map(float),
    gpus=st.integers(0, 4),
    cpus=st.integers(0, 3),
    seconds=st.integers(1, 30).map(float),
)
TASKS = st.lists(_TASK, max_size=10).map(
    lambda tasks: sorted((task._replace(run_id=f"t{at}", rank=float(at)) for at, task in enumerate(tasks)), key=order)
)
GPUS = tuple(Slot(str(number), (f"GPU-{number}",)) for number in range(4))
RUNNING = st.lists(st.integers(1, 40), max_size=4).map(
    lambda ends: [Running(f"r{at}", (str(at),), NOW + end, cpus=1) for at, end in enumerate(ends)]
)


def test_one_after_the_other_and_what_is_behind_the_unknown_is_left_out() -> None:
    tasks = [Task("a", seconds=60), Task("b", seconds=10), Task("c"), Task("d", seconds=5)]
    running = [Running("r", ("cpu0",), NOW + 60)]
    assert forecast(tasks, running, Machine(CPUS[:1]), NOW) == {
        "a": (NOW + 60, NOW + 120), "b": (NOW + 120, NOW + 130), "c": (NOW + 130, 0.0),
    }  # fmt: skip
    assert forecast(tasks, [Running("r", ("cpu0",), 0.0)], Machine(CPUS[:1]), NOW) == {}


def test_the_clock_and_limits_are_kept() -> None:
    tasks = [Task("late", seconds=5, not_before=NOW + 500), *(Task(name, 0, 1, "p", 1, seconds=7) for name in "xy")]
    found = forecast(tasks, [], Machine(CPUS), NOW)
    assert {name: begin for name, (begin, _) in found.items()} == {"late": NOW + 500, "x": NOW, "y": NOW + 7}


def test_two_gpus_are_waited_for_and_a_short_one_fills_the_gap() -> None:
    running = [Running("r", ("0",), NOW + 100)]
    tasks = [Task("wide", 9, gpus=2, seconds=50), Task("short", 1, gpus=1, seconds=99), Task("long", 1, 1, gpus=1, seconds=101)]
    found = forecast(tasks, running, Machine(GPUS[:2]), NOW)
    assert {name: begin for name, (begin, _) in found.items()} == {"short": NOW, "wide": NOW + 100, "long": NOW + 150}


@settings(deadline=None)
@given(TASKS, RUNNING)
def test_who_fills_a_gap_delays_nobody_that_comes_first(tasks: list[Task], running: list[Running]) -> None:
    machine = Machine(GPUS, cpus=4)
    found = forecast(tasks, running, machine, NOW)
    if tasks and tasks[0].run_id in found:
        first = tasks[0].run_id
        assert found[first] == forecast(tasks[:1], running, machine, NOW)[first]


@settings(deadline=None)
@given(TASKS, RUNNING)
def test_no_gpu_does_two_things_at_once_and_all_that_fits_comes(tasks: list[Task], running: list[Running]) -> None:
    machine = Machine(GPUS, cpus=4)
    found = forecast(tasks, running, machine, NOW)
    assert set(found) == {task.run_id for task in tasks}
    for moment, _ in found.values():
        at_once = [task for task in tasks if found[task.run_id][0] <= moment < found[task.run_id][1]]
        held = [one for one in running if moment < one.ends]
        assert sum(max(1, task.gpus) for task in at_once) + len(held) <= len(GPUS)
        assert sum(task.cpus for task in at_once) + len(held) <= machine.cpus


def test_the_end_of_what_goes_on() -> None:
    assert expected_end(NOW - 40, 100, None, NOW) == NOW + 60
    assert expected_end(NOW - 40, 100, 0.8, NOW) == NOW + 10  # the job knows better
    assert expected_end(NOW - 40, 0, 0.5, NOW) == NOW + 40
    assert expected_end(NOW - 40, 0, None, NOW) == 0.0 and expected_end(NOW - 40, 0, 0.0, NOW) == 0.0
    assert expected_end(NOW - 130, 100, None, NOW) == NOW + 30  # late: as long again as it is late
    assert expected_end(NOW - 101, 100, None, NOW) == NOW + 5
    assert expected_end(NOW + 5, 100, 0.5, NOW) == NOW + 105  # a clock that was set back
