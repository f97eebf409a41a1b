"""What the tasks of a sweep ask of the queue: GPUs, how many at once, how long they will take."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.commands.queue_entry import median_seconds
from reprun.commands.sweep_open import Opened
from reprun.sweeps.plan import Known

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LOOKED_AT = 9  # earlier runs of a stage


def place_in_queue(
    opened: Opened, target: str, tables: dict[str, dict[str, Any]], known: Sequence[Known]
) -> dict[str, dict[str, Any]]:
    """For each stage of the file what its runs ask of a target beyond what all runs do."""
    shared = _resources(opened, target)
    return {
        stage: {
            **shared,
            "stage": stage,
            "sweep": opened.file,
            "round": opened.time,
            "stop_after": opened.stop_after,
            "seconds": stage_seconds(opened, stage, tables, known),
        }
        for stage in opened.sweep.stages
    }


def _resources(opened: Opened, target: str) -> dict[str, Any]:
    """As many at once as there are resources, each with as many GPUs as the largest of them, on a host that has GPUs."""
    resources = opened.options.resources or opened.sweep.resources
    if not resources:
        return {}
    host = opened.workspace.target(target).host
    slots = host.ask({"op": "queue", "do": "ls"}).get("slots", [])
    limit = {"limit": len(resources), "needs": {"resources": list(resources)}}
    if not any(slot.get("gpus") for slot in slots):
        return limit
    return {**limit, "gpus": max(len([part for part in one.split(",") if part.strip()]) for one in resources)}


def stage_seconds(opened: Opened, stage: str, tables: dict[str, dict[str, Any]], known: Sequence[Known]) -> float:
    """The median of the newest runs of that stage."""
    ended = [run.run_id for run in known if run.stage == stage and run.state == "finished"]
    ended = [run_id for run_id in sorted(ended, reverse=True) if tables[run_id]["file"] == opened.file][:_LOOKED_AT]
    return median_seconds([state.record for state in opened.workspace.shared_outcomes(ended).values()]) if ended else 0.0
