"""`reprun queue slots` and `reprun queue install`: what a host has to give, and going on after a reboot."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reprun.cli.complete import complete_target
from reprun.cli.envelope import answer, say
from reprun.cli.options import As_json
from reprun.cli.progress import progress
from reprun.commands.queue_care import Queues
from reprun.config.fields import slot
from reprun.core.errors import UsageError
from reprun.core.text import show

On = Annotated[
    str, typer.Option("--on", metavar="TARGET", help="On this target. Default: this machine.", autocompletion=complete_target)
]


def register(group: typer.Typer) -> None:
    """Adds the commands of this module."""
    group.command()(slots)
    group.command()(install)


def slots(
    names: Annotated[
        list[str], typer.Argument(metavar="[SLOT…]", help="GPUs by number or UUID; several with commas are one slot.")
    ] = [],  # noqa: B006
    cpu: Annotated[int | None, typer.Option("--cpu", metavar="N", min=0, max=1024, help="So many slots without a GPU.")] = None,
    default: Annotated[bool, typer.Option("--default", help="One slot for each GPU again; without GPUs one slot.")] = False,
    on: On = "local",
    json: As_json = False,
) -> int:
    """Show the slots of a queue, or say what they are. The same GPU may stand in several: then so many runs share it.

    Examples:

        reprun queue slots

        reprun queue slots 0 1 2,3

        reprun queue slots 0 0 --cpu 4 --on gpu1
    """
    from reprun.cli.queue_tables import SLOTS, slot_rows
    from reprun.cli.table import print_fitted
    from reprun.system.clock import now_seconds

    if default and (names or cpu is not None):
        raise UsageError("--default says what the slots are, and so do the others", hint="reprun queue slots --default")
    checked = [_checked(name) for name in names]
    queues = Queues()
    targets = queues.names(on)
    wanted: dict[str, Any] = {"slots": None, "cpu_slots": None} if default else {"slots": checked, "cpu_slots": cpu or 0}
    with progress() as tell:
        tell("asking the queue")
        for target in targets if default or names or cpu is not None else ():
            queues.ask(target, "slots", **wanted)
        looked = queues.look(targets)
    for one in looked:
        if one.trouble is not None:
            raise one.trouble

    def human() -> None:
        for one in looked:
            if len(looked) > 1:
                print(show(one.target))
            print_fitted(SLOTS, slot_rows(one, now_seconds()))

    return answer([{"target": one.target, "slots": one.slots} for one in looked], human)


def install(
    undo: Annotated[bool, typer.Option("--undo", help="Take it away again.")] = False, on: On = "local", json: As_json = False
) -> int:
    """Let the queue go on by itself after a reboot: by a systemd user unit, or without systemd by a line of cron.

    Not needed otherwise: any queued launch and `reprun queue resume` go on too.

    Examples:

        reprun queue install --on gpu1

        reprun queue install --undo
    """
    queues = Queues()
    done = []
    for name in queues.names(on):
        host = queues.target(name).host
        done.append({"target": name, **host.ask({"op": "queue_install", "undo": undo, "python": host.python()})})

    def human() -> None:
        for one in done:
            what = str(one.get("path") or one.get("line") or "the line of cron")
            words = ("removed" if one.get("removed") else "there was no") if undo else "wrote"
            print(f"{words}  {show(what)}")
            for note in one.get("notes", ()):
                say(f"note: {show(str(note))}")
            if one.get("undo"):
                on_target = "" if one["target"] == "local" else f" --on {show(str(one['target']))}"
                there = "" if one["target"] == "local" else "there "
                say(f"to undo: reprun queue install --undo{on_target}\nby hand: {there}{show(str(one['undo']))}")

    return answer(done, human)


def _checked(name: str) -> str:
    try:
        return str(slot("SLOT", name))
    except UsageError:
        raise UsageError(f"{show(name)!r} is no slot", hint="reprun queue slots 0 1 2,3") from None
