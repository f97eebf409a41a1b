"""The commands `reprun queue …`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reprun.cli.complete import complete_target, complete_waiting
from reprun.cli.envelope import answer, say
from reprun.cli.idling import top
from reprun.cli.options import As_json
from reprun.cli.progress import progress
from reprun.cli.queueing_slots import register as register_slots
from reprun.commands.queue_care import Queued, Queues, keep_canceled
from reprun.core.errors import NotFoundError, RefusedError, UsageError
from reprun.core.measured import items, mapping
from reprun.core.text import show

On = Annotated[
    str,
    typer.Option(
        "--on", metavar="TARGET", help="The queue of this target. Default: of this machine.", autocompletion=complete_target
    ),
]
OnOf = Annotated[
    str,
    typer.Option("--on", metavar="TARGET", help="The target. Default: where the run was sent.", autocompletion=complete_target),
]
Waiting = Annotated[
    list[str],
    typer.Argument(metavar="RUN…", help="Queued runs: ids, beginnings, names, @last.", autocompletion=complete_waiting),
]
OnSeveral = Annotated[
    str,
    typer.Option("--on", metavar="TARGET", help="Of these targets: gpu1, gpu1,gpu2 or all.", autocompletion=complete_target),
]


_HELP = """Look at the queue of this machine or of a target, and change it. Without a further word: ls.

Examples:

    reprun queue

    reprun queue move baseline --top

    reprun queue slots 0 1 2,3 --on gpu1

    reprun queue pause
"""


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    group = typer.Typer(help=_HELP, invoke_without_command=True)
    group.callback()(look_first)
    group.command("ls")(list_queue)
    group.command()(top)
    group.command()(pause)
    group.command()(resume)
    group.command()(drain)
    group.command()(move)
    group.command()(hold)
    group.command()(release)
    group.command("rm")(remove)
    register_slots(group)
    app.add_typer(group, name="queue")


def look_first(ctx: typer.Context, on: OnSeveral = "", json: As_json = False) -> int:
    """Look at the queue of this machine or of a target, and change it. Without a further word: `ls`.

    Examples:

        reprun queue

        reprun queue --on gpu1 pause
    """
    if ctx.invoked_subcommand is None:
        return list_queue(on, json)
    if on:
        raise UsageError("--on stands behind the word", hint=f"reprun queue {ctx.invoked_subcommand} --on {show(on)}")
    return 0


def list_queue(on: OnSeveral = "", json: As_json = False) -> int:
    """List the slots with what runs in them, and the runs that wait, in their order.

    Examples:

        reprun queue ls --on gpu1

        reprun queue ls --on all --json
    """
    from reprun.cli.queue_tables import print_queue, say_where

    queues = Queues()
    names = queues.names(on)
    with progress() as tell:
        tell("asking the queue")
        looked = queues.look(names)
    for one in looked:
        if one.trouble is not None:
            if len(looked) == 1:
                raise one.trouble
            say(f"note: {show(one.trouble.message)}" + (f"; {show(one.trouble.hint)}" if one.trouble.hint else ""))

    def human() -> None:
        shown = [one for one in looked if one.trouble is None]
        for at, one in enumerate(shown):
            if at:
                print()
            print_queue(one, len(names) > 1)
        if shown and not any(one.entries for one in shown):
            say("reprun launch --queue -- COMMAND lets a run wait for a slot")
        say_where([name for name in queues.settings.targets if not queues.target(name).host.is_here], on)

    return answer([_data(one) for one in looked], human)


def pause(on: On = "local", json: As_json = False) -> int:
    """Start nothing new. What runs goes on; runs can still be queued.

    Example:

        reprun queue pause
    """
    return _whole("pause", on, "is paused: nothing new starts", "reprun queue resume")


def resume(on: On = "local", json: As_json = False) -> int:
    """Go on after a pause, a drain, a kill or a reboot: starts the worker if there is none, and what shares sweeps among hosts.

    Example:

        reprun queue resume
    """
    workspace = Queues().workspace
    if on == "local" and workspace is not None:
        from reprun.commands.sweep_keep import resume_keepers

        for file in resume_keepers(workspace):
            say(f"the sweep {show(file)} goes on: reprun sweep log {show(file)}")
    return _whole("resume", on, "goes on", "reprun queue")


def drain(on: On = "local", json: As_json = False) -> int:
    """Start nothing new, and end the worker when what runs has ended. Nothing is taken out of the queue.

    Example:

        reprun queue drain --on gpu1
    """
    return _whole("drain", on, "drains: nothing new starts, and the worker ends with the last run", "reprun queue resume")


def move(
    runs: Waiting,
    top: Annotated[bool, typer.Option("--top", help="Before all others.")] = False,
    bottom: Annotated[bool, typer.Option("--bottom", help="Behind all others.")] = False,
    to: Annotated[int | None, typer.Option("--to", metavar="POSITION", min=1, help="To this position.")] = None,
    priority: Annotated[str, typer.Option("--priority", metavar="P", help="Another priority; higher comes first.")] = "",
    on: OnOf = "",
    json: As_json = False,
) -> int:
    """Let queued runs come earlier or later.

    Examples:

        reprun queue move baseline --top

        reprun queue move @last --priority 60
    """
    from reprun.core.queued import parse_priority

    if [top, bottom, to is not None, bool(priority)].count(True) != 1:
        raise UsageError("say where to: one of --top, --bottom, --to and --priority", hint="reprun queue move RUN --top")
    how: dict[str, Any] = (
        {"priority": parse_priority(priority)} if priority else {"to": "top" if top else "bottom" if bottom else to}
    )
    return _change("move", runs, on, "moved", **how)


def hold(runs: Waiting, on: OnOf = "", json: As_json = False) -> int:
    """Keep queued runs from starting until they are released.

    Example:

        reprun queue hold baseline
    """
    return _change("hold", runs, on, "held: reprun queue release lets it go")


def release(runs: Waiting, on: OnOf = "", json: As_json = False) -> int:
    """Let held runs start when their turn comes.

    Example:

        reprun queue release baseline
    """
    return _change("release", runs, on, "released")


def remove(runs: Waiting, on: OnOf = "", json: As_json = False) -> int:
    """Take runs out of the queue: they read canceled, and never start. What runs is stopped with `reprun stop`.

    Example:

        reprun queue rm @last
    """
    queues = Queues()
    removed: list[str] = []
    kept: dict[str, str] = {}
    with progress() as tell:
        tell("asking the queue")
        for name, run_ids in queues.find(runs, on).items():
            tell(f"taking {len(run_ids)} runs out of the queue")
            said = queues.ask(name, "rm", runs=run_ids)
            removed += [str(run_id) for run_id in items(said.get("removed"))]
            kept |= {str(run_id): str(why) for run_id, why in mapping(said.get("kept")).items()}
        if queues.workspace is not None:
            keep_canceled(queues.workspace, removed)
    if kept:
        run_id, why = next(iter(kept.items()))
        rest = f", and {len(kept) - 1} more" if len(kept) > 1 else ""
        done = f" ({len(removed)} removed)" if removed else ""
        raise RefusedError(f"{run_id} stays: {show(why)}{rest}{done}", hint=f"reprun stop {run_id}")
    return answer({"removed": removed}, lambda: print("\n".join(f"{run_id}  canceled" for run_id in removed)))


def _whole(do: str, on: str, words: str, hint: str) -> int:
    queues = Queues()
    names = queues.names(on)
    with progress() as tell:
        tell("asking the queue")
        for name in names:
            queues.ask(name, do)
        looked = queues.look(names)

    def human() -> None:
        for name in names:
            print(f"the queue of {'this machine' if name == 'local' else show(name)} {words}")
        say(hint if names == ["local"] else f"{hint} --on {show(on)}")

    return answer([_data(one) for one in looked], human)


def _change(do: str, runs: list[str], on: str, words: str, **how: Any) -> int:
    queues = Queues()
    changed: list[str] = []
    with progress() as tell:
        tell("asking the queue")
        for name, run_ids in queues.find(runs, on).items():
            changed += _changed(queues.ask(name, do, runs=run_ids, **how), run_ids)
    return answer({"changed": changed}, lambda: print("\n".join(f"{run_id}  {words}" for run_id in changed)))


def _changed(said: dict[str, Any], run_ids: list[str]) -> list[str]:
    done = {str(run_id) for run_id in items(said.get("changed"))}
    missed = next((one for one in run_ids if one not in done), "")
    if missed:
        raise NotFoundError(f"{missed} does not wait in the queue any more", hint=f"reprun show {missed}")
    return run_ids


def _data(queue: Queued) -> dict[str, Any]:
    if queue.trouble is not None:
        return {"target": queue.target, "link": "unreachable", "problem": queue.trouble.message}
    return {"target": queue.target, "link": "ok", **queue.answer}
