"""Environments by hand: `reprun env create`, `shell`, `pack`, `unpack`."""

from __future__ import annotations

import shlex
import sys
from typing import Annotated

import typer

from reprun.cli.complete import complete_run, complete_target
from reprun.cli.envelope import answer, say
from reprun.cli.notes import say_notes
from reprun.cli.options import As_json, Run
from reprun.core.text import human_bytes, show
from reprun.workspace import Workspace, open_workspace

On = Annotated[
    str, typer.Option("--on", metavar="TARGET", help="The machine where it is.", autocompletion=complete_target)
]  # fmt: skip
Where = Annotated[
    str,
    typer.Option(
        "--on", metavar="TARGET", help="Default: where a run of yours ran, else here.", autocompletion=complete_target
    ),
]  # fmt: skip
RunOrTree = Annotated[
    str, typer.Argument(metavar="RUN", help="A run, or . for the dev tree as it is now.", autocompletion=complete_run)
]
Pack = Annotated[str, typer.Argument(metavar="FILE", help="What reprun env pack has written.")]


def register(group: typer.Typer) -> None:
    """Adds the commands of this module."""
    group.command()(create)
    group.command()(shell)
    group.command()(pack)
    group.command()(unpack)


def create(
    files: Annotated[list[str], typer.Argument(metavar="[FILE]…", help="Other sources than those of the project.")] = [],  # noqa: B006
    on: On = "local",
    json: As_json = False,
) -> int:
    """Make the environment that a launch would get now, and say where it is. What is there already is not made again.

    Examples:

        reprun env create

        reprun env create --on gpu1

        reprun env create docs/environment.yml
    """
    from reprun.cli.progress import progress
    from reprun.commands.env_create import create_environment

    workspace = open_workspace()
    with progress() as tell:
        made = create_environment(workspace, files, on, tell)
    say_notes(workspace)

    def human() -> None:
        where = f"on {show(made.target)}" if made.target != "local" else ""
        print(f"{'made' if made.made else 'there'}  {show(made.prefix)}  {made.packages} packages {where}".rstrip())
        print(f"  lock  {made.lock[:12]} ({made.origin})")
        if not files:
            more = f"--on {shlex.quote(made.target)} " if where else ""
            say(f"reprun env shell . {more}opens a shell in it; reprun launch {more}-- COMMAND runs in it")

    return answer(vars(made), human)


def shell(
    run: RunOrTree,
    command: Annotated[list[str], typer.Argument(metavar="[-- COMMAND]", help="Run that, instead of a shell.")] = [],  # noqa: B006
    on: Where = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, also when the run comes from somebody else.")] = False,
) -> int:
    """Open a shell in exactly the environment of a run, or run a command in it; make it from the run's lock if it is gone.

    Here in the current folder, on a host in your home there. The exit status is that of the command.

    Examples:

        reprun env shell @last

        reprun env shell @last -- python -c "import numpy; print(numpy.__version__)"

        reprun env shell . -- pytest
    """
    from reprun.cli.progress import progress
    from reprun.commands.env_shell import enter_run, enter_tree
    from reprun.system.process import become

    workspace = open_workspace()
    if run == ".":
        with progress() as tell:
            target, words = enter_tree(workspace, on, command, tell)
    else:
        row = workspace.find_run(run)
        _ask(workspace, row.run_id, yes)
        with progress() as tell:
            target, words = enter_run(workspace, row, on, command, tell)
    say_notes(workspace)
    become(target.host.attach(words, terminal=sys.stdin.isatty() and sys.stdout.isatty()))


def _ask(workspace: Workspace, run_id: str, yes: bool) -> None:
    """The packages of a stranger may bring anything, and activating them runs it."""
    from reprun.commands.reproduce import ask_first

    stranger = ask_first(workspace, workspace.find_run(run_id))
    if stranger is not None and not yes:
        from reprun.cli.confirming import confirm_environment

        confirm_environment(workspace, stranger)


def pack(
    run: Run,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Default: in the repository, where it is used by itself.")
    ] = "",
    on: Annotated[
        str,
        typer.Option(
            "--on", metavar="TARGET", help="Also take packages from there. Default: where it ran.", autocompletion=complete_target
        ),
    ] = "",
    json: As_json = False,
) -> int:
    """Write the lock of a run with all its packages to one file, for the day on which the channels have lost them.

    Examples:

        reprun env pack @last

        reprun env pack baseline -o /archive/baseline-env.tar
    """
    from reprun.cli.progress import progress
    from reprun.commands.env_pack import pack_environment

    workspace = open_workspace()
    row = workspace.find_run(run)
    with progress() as tell:
        packed = pack_environment(workspace, row, output, on, tell)
    say_notes(workspace)

    def human() -> None:
        print(f"wrote {show(packed.path)}  {packed.packages} packages, {human_bytes(packed.bytes)}")
        if output:
            say(f"reprun reproduce {row.run_id} --pack {shlex.quote(show(packed.path))}   # anywhere, with the repository")
        else:
            say("it is used by itself when the environment has to be made; reprun env pack RUN -o FILE makes one to give away")

    return answer({"run_id": row.run_id, **vars(packed)}, human)


def unpack(file: Pack, json: As_json = False) -> int:
    """Take the packages out of a pack, each verified: reproduce, resume and launch find them then, without a network.

    Example:

        reprun env unpack /archive/baseline-env.tar
    """
    from reprun.cli.progress import progress
    from reprun.commands.env_unpack import unpack_environment

    workspace = open_workspace()
    with progress() as tell:
        found = unpack_environment(workspace, file, tell)
    data = {"lock": found.lock, "digest": found.plan.get("digest", ""), "packages": found.packages, "new": found.taken}
    return answer(data, lambda: print(f"{found.packages} packages, {found.taken} of them new here  lock {found.lock[:12]}"))
