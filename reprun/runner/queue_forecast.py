"""When the runs in a queue will start and end, by what is known of how long they take: the queue is played through, with the
choice that the worker makes. Pure."""

from __future__ import annotations

from reprun.runner.queue_policy import Running, choose

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, Optional, Sequence, Tuple

    from reprun.runner.queue_policy import Machine, Task

MOST = 300  # runs that are looked at: nobody reads further, and each costs a choice
_LEAST = 0.05  # of a run that takes longer than it did so much is still to come, at the least


def expected_end(began: float, seconds: float, progress: "Optional[float]", now: float) -> float:
    """When a run that goes on will end; 0: nobody knows. What the job tells of its `progress` counts more than what earlier runs
    took. One that is late is taken to be half way through its delay."""
    elapsed = max(0.0, now - began)
    if progress is not None and 0 < progress <= 1 and elapsed > 0:
        return now + elapsed * (1 - progress) / progress
    if seconds <= 0:
        return 0.0
    return began + seconds if elapsed < seconds else now + max(elapsed - seconds, _LEAST * seconds)


def forecast(
    tasks: "Sequence[Task]", running: "Sequence[Running]", machine: Machine, now: float
) -> "Dict[str, Tuple[float, float]]":
    """Start and end by run, of the tasks in their order. `ends` of what runs is 0 where nobody knows it: then nothing is said of
    what waits for that, nor of the end of a task whose `seconds` are 0. What cannot be told is left out."""
    found: Dict[str, Tuple[float, float]] = {}
    left = list(tasks[:MOST])
    going = [(one, one.ends > 0) for one in running]
    moment = now
    while left:
        seen = [one if is_known else one._replace(ends=moment) for one, is_known in going]
        choice = choose(left, seen, machine, moment)
        by_id = {task.run_id: task for task in left}
        for start in choice.starts:
            task = by_id[start.run_id]
            end = moment + task.seconds if task.seconds > 0 else 0.0
            found[task.run_id] = (moment, end)
            going.append((Running(task.run_id, start.slots, end, task.project, task.cpus, task.memory), end > 0))
        left = [task for task in left if task.run_id not in found]
        ends = [one.ends for one, is_known in going if is_known]
        following = [when for when in (*ends, choice.again) if when > moment]
        if not following:
            break
        moment = min(following)
        going = [(one, is_known) for one, is_known in going if not (is_known and one.ends <= moment)]
    return found
