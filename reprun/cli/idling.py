"""`reprun idle` and `reprun top`: what the slots of a queue do."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from reprun.cli.complete import complete_target
from reprun.cli.envelope import answer, say
from reprun.cli.fitting import Column, Row
from reprun.cli.options import As_json
from reprun.cli.progress import progress
from reprun.commands.queue_care import Queues
from reprun.core.idle import Idle, idle_of, total_busy
from reprun.core.text import show

_DAY = 86400.0
OnSeveral = Annotated[
    str,
    typer.Option("--on", metavar="TARGET", help="Of these targets: gpu1, gpu1,gpu2 or all.", autocompletion=complete_target),
]


IDLE = (
    Column("slot", ("SLOT",), 4, 0),
    Column("now", ("NOW",), 8, 1),
    Column("why", ("WHY",), 12, 4),
    Column("busy", ("BUSY 24 H", "BUSY"), 4, 2),
    Column("rest", ("IDLE IN THE LAST DAY",), 24, 5),
)


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(idle)
    app.command()(top)


def idle(on: OnSeveral = "", json: As_json = False) -> int:
    """Say since when and why each slot of the queue is idle, and how busy it was in the last day.

    Examples:

        reprun idle

        reprun idle --on all
    """
    from reprun.cli.table import print_fitted
    from reprun.core.measured import items, mapping
    from reprun.system.clock import now_seconds

    queues = Queues()
    names = queues.names(on)
    with progress() as tell:
        tell("asking the queue")
        looked = queues.look(names, "idle", since=now_seconds() - _DAY)
    until = now_seconds()
    for one in looked:
        if one.trouble is not None:
            if len(looked) == 1:
                raise one.trouble
            say(f"note: {show(one.trouble.message)}")
    asked = [one for one in looked if one.trouble is None]
    found = {one.target: [idle_of(mapping(slot), until) for slot in items(one.answer.get("slots"))] for one in asked}

    def human() -> None:
        for target, slots in found.items():
            if slots and (len(found) > 1 or target != "local"):
                print(f"{show(target)}: {total_busy(slots):.0%} busy in the last day")
            if not slots:
                where = "here" if target == "local" else f"on {show(target)}"
                print(f"nothing was queued {where} yet, so there are no slots that could be idle")
                say("reprun launch --queue -- COMMAND lets a run wait for a slot")
                continue
            print_fitted(IDLE, [_idle_row(target, slot) for slot in slots])

    data = [
        {
            "target": target,
            "link": "ok",
            "busy": total_busy(slots),
            "slots": [
                {**vars(slot), "reasons": [{"why": why, "seconds": seconds} for why, seconds in slot.reasons]} for slot in slots
            ],
        }
        for target, slots in found.items()
    ]
    silent = [(one.target, one.trouble) for one in looked if one.trouble is not None]
    data += [{"target": target, "link": "unreachable", "problem": trouble.message} for target, trouble in silent]
    return answer(data, human)


def _idle_row(target: str, slot: Idle) -> Row:
    from reprun.core.text import human_seconds

    ways = [", ".join(f"{human_seconds(seconds)} {show(why)}" for why, seconds in slot.reasons[:most]) for most in (4, 3, 2, 1)]
    cells = {
        "slot": (show(slot.slot),), "now": ("busy" if slot.seconds is None else f"idle {human_seconds(slot.seconds)}",),
        "why": (show(slot.why) or "-",), "busy": (f"{slot.busy:.0%}",), "rest": tuple(way or "-" for way in ways),
    }  # fmt: skip
    return Row(slot.slot, target, "", cells, {})


def top(
    on: OnSeveral = "",
    once: Annotated[bool, typer.Option("--once", help="Print one look as text, and end.")] = False,
    every: Annotated[float, typer.Option("--every", metavar="SECONDS", min=0.2, help="How often it looks.")] = 2.0,
    json: As_json = False,
) -> int:
    """Watch a queue live: slots, what runs, progress and time left, GPU use, last metrics, what waits.

    Keys: o or enter opens a run, f follows its log, s stops it, r raises it, h holds it; p pauses the queue, t sorts, tab goes
    to the other table, q leaves. Without a terminal, and with --once or --json, it looks once.

    Examples:

        reprun top --on gpu1,gpu2

        reprun top --once
    """
    import shutil
    import sys

    from reprun.commands.topping import Source

    queues = Queues()
    sources = [Source(queues, name) for name in queues.names(on)]
    is_live = sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    if is_live and not once and not json:
        from reprun.cli.top_app import watch

        return watch(sources, every)
    from reprun.cli.top_text import frame
    from reprun.commands.topping import look_at_all

    looks = []
    for source, look, trouble in look_at_all(sources):
        if trouble is not None and len(sources) == 1:
            raise trouble
        if look is None:
            say(f"note: {show(source.on)}: {show(trouble.message if trouble else 'it did not answer')}")
        else:
            looks.append(look)
    width = shutil.get_terminal_size((160, 40)).columns
    data = [{"target": look.queue.target, **look.answer} for look in looks]
    return answer(data, lambda: print("\n\n".join("\n".join(frame(look, width, 10_000)) for look in looks)))
