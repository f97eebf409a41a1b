"""The commands `reprun env …`."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer

from reprun.cli.complete import complete_target
from reprun.cli.envelope import answer, say
from reprun.cli.environments_use import register as register_use
from reprun.cli.options import As_json
from reprun.core.errors import UsageError
from reprun.core.text import show, show_block
from reprun.workspace import open_workspace

_MOST = 30  # packages that are listed for people
On = Annotated[
    str, typer.Option("--on", metavar="TARGET", help="The machine that the lock is for.", autocompletion=complete_target)
]


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    group = typer.Typer(help="Lock the conda environment of the project, and see what became of it.", no_args_is_help=True)
    group.command()(lock)
    group.command()(check)
    group.command()(export)
    group.command("ls")(list_locks)
    register_use(group)
    app.add_typer(group, name="env")


def lock(
    update: Annotated[
        list[str], typer.Option("--update", metavar="PACKAGE", help="Move only this package to its newest version.")
    ] = [],  # noqa: B006
    platform: Annotated[
        list[str], typer.Option("--platform", metavar="P", help="Solve for linux-64, osx-arm64, … Default: the target's.")
    ] = [],  # noqa: B006
    force: Annotated[bool, typer.Option("--force", help="Solve anew although nothing has changed.")] = False,
    on: On = "local",
    json: As_json = False,
) -> int:
    """Write conda-lock.yml for environment.yml: every package with its address and hash. Solves only when something has changed.

    Examples:

        reprun env lock

        reprun env lock --update numpy

        reprun env lock --on gpu1
    """
    from reprun.cli.progress import progress
    from reprun.commands.env_lock import LockRequest, lock_environment

    workspace = open_workspace()
    with progress() as tell:
        result = lock_environment(workspace, LockRequest(on, tuple(platform), tuple(update), force), tell)
    data = {
        "path": result.path, "written": result.written, "platforms": list(result.platforms), "solver": result.solver,
        "packages": result.packages, "changes": [_change(item, "old", "new") for item in result.changes],
        "notes": list(result.notes),
    }  # fmt: skip

    def human() -> None:
        what = "wrote" if result.written else "unchanged:"
        by = f", solved by {result.solver}" if result.solver and result.written else ""
        print(f"{what} {show(result.path)}  {result.packages} packages for {', '.join(result.platforms)}{by}")
        for item in result.changes[:_MOST]:
            print(f"  {show(item.name)}  {show(item.locked)} → {show(item.installed)}")
        _print_rest(result.changes)
        for note in result.notes:
            say(f"note: {note}")
        if result.written:
            say("commit it with the code; reprun launch uses it from the next run on")

    return answer(data, human)


def check(
    prefix: Annotated[str, typer.Option("--prefix", metavar="FOLDER", help="Compare this environment, not the active one.")] = "",
    on: On = "local",
    json: As_json = False,
) -> int:
    """Say whether the lock fits environment.yml, the target, and the environment that is active. Exit status 3 when it does not.

    Examples:

        reprun env check

        reprun env check --prefix ~/miniforge3/envs/project
    """
    from reprun.cli.progress import progress
    from reprun.commands.env_check import check_environment
    from reprun.commands.env_wanted import active_prefix

    workspace = open_workspace()
    with progress() as tell:
        result = check_environment(workspace, on, os.path.abspath(prefix) if prefix else active_prefix(os.environ), tell)
    data = {
        "fine": result.is_fine, "lock": result.lock, "sources": list(result.sources), "why": result.why,
        "packages": result.packages, "prefix": result.prefix,
        "drift": [_change(item, "locked", "installed") for item in result.drift], "notes": list(result.notes),
        "solver": result.solver,
    }  # fmt: skip

    def human() -> None:
        names = ", ".join(show(path) for path in result.sources) or "no sources"
        by = f", solved by {show(result.solver)}" if result.solver else ""
        fine = f"fits {names}: {result.packages} packages{by}"
        print(f"{'look' if result.why else 'ok  '}  lock   {show_block(result.why) or fine}")
        if result.why:
            say(f"      {show_block(result.remedy)}")
        if result.prefix:
            state = f"{len(result.drift)} packages differ from the lock" if result.drift else "is what the lock says"
            print(f"{'look' if result.drift else 'ok  '}  drift  {show(result.prefix)}: {state}")
        for item in result.drift[:_MOST]:
            print(f"      {show(item.words)}")
        _print_rest(result.drift)
        for note in result.notes:
            say(f"note: {note}")

    return answer(data, human, 0 if result.is_fine else 3)


def export(
    prefix: Annotated[str, typer.Argument(metavar="[PREFIX]", help="The environment. Default: the active one.")] = "",
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Write the lock there, not to stdout.")] = "",
    explicit: Annotated[bool, typer.Option("--explicit", help="Print the list that conda create --file takes.")] = False,
    json: As_json = False,
) -> int:
    """Lock what is installed in a conda environment, as it is: no solver, no network.

    Examples:

        reprun env export -o conda-lock.yml

        reprun env export ~/miniforge3/envs/project --explicit
    """
    from reprun.commands.env_export import export_environment

    if explicit and output:
        raise UsageError("--explicit prints: it does not go with --output", hint="reprun env export --explicit > explicit.txt")
    result = export_environment(prefix, output, os.environ)
    text = result.explicit if explicit else result.exported.text.decode()
    data = {
        "prefix": result.prefix, "path": result.path, "packages": result.exported.count,
        "unknown": list(result.exported.unknown), "text": "" if output else text,
    }  # fmt: skip

    def human() -> None:
        if output:
            print(f"wrote {show(output)}  {result.exported.count} packages of {show(result.prefix)}")
        else:
            sys.stdout.write(text)
        for name in result.exported.unknown:
            say(f"note: {show(name)} is left out: nobody knows where it came from (pip, without an address)")

    return answer(data, human)


def list_locks(json: As_json = False) -> int:
    """List the locks that launches have used or made here.

    Example:

        reprun env ls
    """
    from reprun.commands.env_list import list_environments

    rows = list_environments(open_workspace())

    def human() -> None:
        for row in rows:
            print(f"{row.digest[:12]}  {row.packages:4} packages  {', '.join(row.platforms)}  {show(row.solver)}  {row.when}")
        if not rows:
            say("none yet: reprun env lock")

    return answer([vars(row) for row in rows], human)


def _change(item: Any, before: str, after: str) -> dict[str, str | None]:
    from reprun.env.drift import NONE

    old, new = (None if text == NONE else text for text in (item.locked, item.installed))
    return {"name": item.name, before: old, after: new}


def _print_rest(items: list[Any]) -> None:
    if len(items) > _MOST:
        print(f"  … and {len(items) - _MOST} more")
