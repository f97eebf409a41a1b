"""Answering `reprun sweep FILE --gone HOST`, `reprun sweep stop` and `reprun sweep log`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from reprun.cli.envelope import answer, say
from reprun.cli.progress import progress
from reprun.cli.sweep_answer import offer_to_stop
from reprun.commands.sweep_care import declare_gone, read_log, stop_keeping
from reprun.core.text import show, show_some
from reprun.workspace import open_workspace

_MOST = 20  # runs that are named one by one


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
    with progress() as tell:
        found = stop_keeping(workspace, file, tell)
    if found.stands:
        say(f"{show(file)} is {found.stands}" if found.stands != "stopped" else f"{show(file)}: nothing more is started")
    if not found.under_way:
        say(f"{show(file)}: none of its runs is under way")
    for run in found.under_way[:_MOST]:
        say(f"{run.run_id} is {show(run.words)} on {show(run.target)}")
    if len(found.under_way) > _MOST:
        say(f"… and {len(found.under_way) - _MOST} more")
    stopped = offer_to_stop(
        workspace, found.under_way, yes, f"reprun sweep stop {shlex.quote(show(file))} --yes", "its sweep was stopped"
    )
    under_way = [run.run_id for run in found.under_way]
    return answer({"file": found.file, "under_way": under_way, "stopped": stopped}, lambda: None)


def answer_log(file: str) -> int:
    """What the keeper has done."""
    kept, lines = read_log(open_workspace(), file)
    state = "at work" if kept.is_alive else f"over: {kept.pin.ended}" if kept.pin.ended else "killed"

    def human() -> None:
        for line in lines:
            print(show(line))
        say(f"it is {state}" + ("; to go on: reprun queue resume" if state == "killed" else ""))

    return answer({"file": kept.pin.file, "state": state, "lines": lines}, human)
