"""`reprun preflight`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reprun.cli.envelope import answer, say
from reprun.cli.launching import Command, Config, During, Gpus, On, Seed, Sets, Time
from reprun.cli.mistakes import BehindDashes
from reprun.cli.options import As_json
from reprun.core.text import human_seconds, show
from reprun.workspace import open_workspace

Level = Annotated[str, typer.Option("--level", metavar="LEVEL", help="quick, full or off. Default: as in reprun.toml.")]

if TYPE_CHECKING:
    from reprun.commands.preflighting import Examined


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command(cls=BehindDashes)(preflight)


def preflight(
    command: Command,
    on: On = "local",
    level: Level = "",
    config: Config = "",
    sets: Sets = [],  # noqa: B006  # Typer's way of a repeatable option
    seed: Seed = None,
    gpus: Gpus = "",
    during_operation: During = False,
    time: Time = "",
    json: As_json = False,
) -> int:
    """Look at all that a launch of the command needs, on the target; start nothing. Exit status 3 where it would be refused.

    Looked at is what [preflight], [[data]] and [sanity] of reprun.toml say, and preflight/*.py; checks of installed packages are
    those that `plugins` names there. At --level full the sanity experiments with a `before` are run.

    Examples:

        reprun preflight -- python train.py

        reprun preflight --on gpu1 --level full --config conf/base.yaml -- python train.py --config {config}
    """
    from reprun.cli.progress import progress
    from reprun.commands.build_spec import LaunchOptions, build_launch
    from reprun.commands.preflighting import preflight as examine
    from reprun.commands.preflighting import told

    workspace = open_workspace()
    options = LaunchOptions(tuple(command), "", "", config, tuple(sets), seed, on, gpus, during_operation, level, False, time)
    spec = build_launch(workspace, options)
    with progress() as tell:
        found = examine(workspace, spec, tell)
    for note in workspace.notes:
        say(f"note: {show(note)}")
    data = {
        "cleared": found.is_cleared, "level": found.report.level, "target": found.target,
        "commit": found.snapshot.commit, "tree": found.snapshot.tree, "checks": _checks(found),
        "findings": [told(finding) for finding in found.report.findings],
        "imports": found.measured.get("imports", {}).get("times", []),
    }  # fmt: skip
    return answer(data, lambda: _print(found), 0 if found.is_cleared else 3)


def _checks(found: Examined) -> list[dict[str, Any]]:
    """Each check with its verdict; the seconds are those of the probe on the target, null where it cost nothing."""
    worst = {finding.check: finding.severity for finding in found.report.findings if finding.severity == "warn"}
    worst |= {finding.check: "refuse" for finding in found.report.findings if finding.severity != "warn"}
    result = []
    for name in found.report.checks:
        measured = found.measured.get(name, {})
        seconds = measured.get("seconds") if isinstance(measured, dict) else None
        result.append({"check": name, "status": worst.get(name, "ok"), "seconds": seconds})
    return result


def _print(found: Examined) -> None:
    marks = {"ok": "ok  ", "warn": "look", "refuse": "FAIL"}
    for check in _checks(found):
        time = "" if check["seconds"] is None else human_seconds(check["seconds"])
        cached = "  as seen before" if (found.measured.get(check["check"]) or {}).get("cached") else ""
        print(f"{marks[check['status']]}  {show(check['check']).ljust(12)}  {time}{cached}".rstrip())
        for finding in found.report.findings:
            if finding.check == check["check"]:
                print(f"      {' ' * 12}  {show(finding.message)}")
                print(f"      {' ' * 12}    {show(finding.hint)}")
    slow = [(name, seconds) for name, seconds in found.measured.get("imports", {}).get("times", []) if seconds >= 0.1]
    for name, seconds in sorted(slow, key=lambda item: -item[1])[:10]:
        print(f"importing {show(str(name))} takes {human_seconds(seconds)}")
    if found.report.level == "off":
        say("the level is off: nothing was looked at")
