"""The commands around the repository: `init`, `snapshot`, `doctor`, `gc`."""

from __future__ import annotations

from typing import Annotated

import typer

from reprun.cli.complete import complete_target
from reprun.cli.envelope import answer, say
from reprun.cli.notes import say_troubles
from reprun.cli.options import As_json
from reprun.core.errors import UsageError
from reprun.core.text import human_bytes, show
from reprun.workspace import current_folder, open_workspace


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(init)
    app.command()(snapshot)
    app.command()(doctor)
    app.command()(gc)


def init(
    force: Annotated[bool, typer.Option("--force", help="Replace a reprun.toml that is there.")] = False, json: As_json = False
) -> int:
    """Write a commented reprun.toml that fits what is in the project.

    Example:

        reprun init
    """
    from reprun.commands.init import plan_init, write_init
    from reprun.repo.discover import find_repository

    top = find_repository(current_folder()).top  # not the settings: an old reprun.toml may be what has to be replaced
    plan = plan_init(top)
    path = write_init(top, force)

    def human() -> None:
        print(f"wrote {path}")
        for name in plan.found:
            print(f"  found {show(name)}")
        say("reprun launch -- COMMAND starts a first run")

    return answer({"path": path, "detected": plan.found}, human)


def snapshot(
    explain: Annotated[bool, typer.Option("--explain", help="Say for every path what would happen to it.")] = True,
    json: As_json = False,
) -> int:
    """Show what a launch would commit now, what it would leave out, and why. Commits nothing.

    Example:

        reprun snapshot --explain
    """
    from reprun.cli.explaining import explanation_data, print_explanation
    from reprun.repo.carried import declared_carried
    from reprun.repo.explain import explain_snapshot

    workspace = open_workspace()
    found = explain_snapshot(workspace.repository, workspace.settings.rules())
    carried = declared_carried(workspace.repository, workspace.settings.carry)
    return answer(explanation_data(found, carried), lambda: print_explanation(found, carried))


def doctor(
    mend: Annotated[bool, typer.Option("--mend", help="Put back manifests of which another copy is whole.")] = False,
    on: Annotated[str, typer.Option("--on", metavar="TARGET", help="Check a host instead.", autocompletion=complete_target)] = "",
    json: As_json = False,
) -> int:
    """Check tools, places and records, or a host; explain what is half done. Exit status 3 when something must be mended.

    Examples:

        reprun doctor

        reprun doctor --mend

        reprun doctor --on gpu1
    """
    is_known = True
    if on and mend:
        raise UsageError("records are mended on this machine: --mend does not go with --on", hint="reprun doctor --mend")
    if on:
        from reprun.commands.examining import examine_host

        found, is_known = examine_host(open_workspace(), on)
    else:
        from reprun.commands.doctor import diagnose, diagnose_outside

        try:
            found = diagnose(open_workspace(), mend)
        except UsageError as error:
            if mend:
                raise
            found = diagnose_outside(error)
    bad = 3 if any(item.status == "fail" for item in found) else 0

    def human() -> None:
        for item in found:
            mark = {"ok": "ok  ", "warn": "look", "fail": "FAIL"}[item.status]
            print(f"{mark}  {show(item.subject).ljust(12)}  {show(item.detail)}")
            for line in item.hint.splitlines() if item.status != "ok" else ():
                print(f"      {' ' * 12}  {show(line)}")

    return answer([vars(item) for item in found], human, bad if is_known else 4)


def gc(
    yes: Annotated[bool, typer.Option("--yes", help="Remove what is listed.")] = False,
    keep: Annotated[
        int,
        typer.Option(
            "--keep", min=0, help="How many unused worktrees, and environments, to keep: the next launch builds on them."
        ),
    ] = 3,
    packages: Annotated[
        bool, typer.Option("--packages", help="Also archives of packages that no run here and no lock of this repository has.")
    ] = False,
    on: Annotated[str, typer.Option("--on", metavar="TARGET", help="What lies on that host.")] = "local",
    json: As_json = False,
) -> int:
    """List what nothing needs any more; remove it with --yes. Runs, their commits and their outputs always stay.

    Example:

        reprun gc --yes
    """
    from reprun.commands.gc import collect_garbage_of

    workspace = open_workspace()
    result = collect_garbage_of(workspace, on, keep, yes, packages)
    say_troubles(workspace)

    def human() -> None:
        for item in result.found:
            size = f"  {human_bytes(item.bytes)}" if item.bytes else ""
            print(f"{'removed' if yes else 'can go'}  {item.kind}  {show(item.what)}{size}")
        if not result.found:
            print("nothing to remove")
        elif not yes:
            more = "".join([f"--on {show(on)} " if on != "local" else "", "--packages " if packages else ""])
            say(f"reprun gc {more}--yes removes these")

    return answer({"found": [vars(item) for item in result.found], "removed": result.removed}, human)
