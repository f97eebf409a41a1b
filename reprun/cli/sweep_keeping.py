"""Answering `reprun sweep FILE --gone HOST`, `reprun sweep stop` and `reprun sweep log`."""

from __future__ import annotations

from collections.abc import Sequence

from reprun.cli.envelope import answer, say
from reprun.cli.progress import progress
from reprun.cli.sweep_answer import offer_to_stop
from reprun.commands.sweep_care import declare_gone, get_kept, read_log, stop_keeping
from reprun.core.text import show, show_some
from reprun.workspace import open_workspace


def answer_gone(file: str, names: Sequence[str]) -> int:
    """Says which runs are lost with the hosts."""
    with progress() as tell:
        kept = declare_gone(open_workspace(), file, names, tell)
    lost = [run.run_id for run in kept.runs]

    def human() -> None:
        for run in kept.runs:
            print(f"{run.run_id}  lost ({show(run.target)} is gone)")
        print(f"{show_some(names)}: gone; {len(lost)} unfinished {'task goes' if len(lost) == 1 else 'tasks go'} to others")
        say(f"reprun sweep log {show(file)}")

    return answer({"file": kept.pin.file, "gone": sorted(kept.pin.gone), "lost": lost}, human)


def answer_stop(file: str, yes: bool) -> int:
    """Ends the passes, and asks about the runs under way."""
    workspace = open_workspace()
    was = get_kept(workspace, file).pin.ended
    kept = stop_keeping(workspace, file)
    say(f"{show(file)}: nothing more is started" if not was else f"{show(file)} is over: {was}")
    for run in kept.under_way:
        say(f"{run.run_id} is {show(run.words)} on {show(run.target)}")
    stopped = offer_to_stop(workspace, kept.under_way, yes, f"reprun sweep stop {show(file)} --yes")
    under_way = [run.run_id for run in kept.under_way]
    return answer({"file": kept.pin.file, "under_way": under_way, "stopped": stopped}, lambda: None)


def answer_log(file: str) -> int:
    """What the keeper has done."""
    kept, lines = read_log(open_workspace(), file)
    state = "at work" if kept.is_alive else f"over: {kept.pin.ended}" if kept.pin.ended else "killed"

    def human() -> None:
        for line in lines:
            print(show(line))
        say(f"it is {state}" + ("; to go on: reprun queue resume" if state == "killed" else ""))

    return answer({"file": kept.pin.file, "state": state, "lines": lines}, human)
