"""The commands `reprun hooks …`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reprun.cli.envelope import answer, say
from reprun.cli.options import As_json
from reprun.commands.hook_care import Changed, check_names, get_hooks, install_hooks, list_hooks, trust_hook, uninstall_hooks
from reprun.core.hooking import OURS, SHIPPED, USUAL
from reprun.core.text import show, show_block
from reprun.workspace import open_workspace

Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME…]", help="commit-msg, pre-push, post-run, pre-launch.", show_default=False)
]

_SAID = {"edited": "kept, for it was edited since:", "chained by another": "kept, for another tool calls it:"}


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    group = typer.Typer(help="Hooks before and after runs, and git hooks that know of runs.", no_args_is_help=True)
    group.command()(install)
    group.command()(uninstall)
    group.command("ls")(list_all)
    group.command()(trust)
    group.command()(run)
    group.command("exec", hidden=True)(execute)
    app.add_typer(group, name="hooks")


def install(names: Names = None, json: As_json = False) -> int:
    """Install hooks that reprun brings: commit-msg, post-run and pre-push, or those that are named.

    A hook that is there already stays, and is called first.

    Examples:

        reprun hooks install

        reprun hooks install pre-launch
    """
    return _answer(install_hooks(open_workspace(), check_names(names or USUAL, SHIPPED)))


def uninstall(names: Names = None, json: As_json = False) -> int:
    """Take hooks of reprun out, and put back what was there before, as it was. One that was edited since stays.

    Example:

        reprun hooks uninstall
    """
    return _answer(uninstall_hooks(open_workspace(), check_names(names or SHIPPED, SHIPPED)))


def list_all(json: As_json = False) -> int:
    """List the hooks that are here, whose they are, and whether they run.

    Example:

        reprun hooks ls
    """
    listed = list_hooks(open_workspace())

    def human() -> None:
        from reprun.cli.table import print_table

        rows = [(item.name, item.state, item.by or "-", item.detail or "-", show(item.path)) for item in listed]
        print_table(("HOOK", "STATE", "BY", "", "PATH"), rows, flexible=4)

    return answer([vars(item) for item in listed], human)


def trust(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME…]", help="pre-launch, post-launch, post-run, or notify.", show_default=False),
    ] = None,
    json: As_json = False,
) -> int:
    """Let hooks run that came with the repository, as they are now; one that changes has to be trusted again. Read them first.

    Examples:

        reprun hooks trust pre-launch

        reprun hooks trust notify
    """
    from reprun.commands.hook_care import untrusted
    from reprun.commands.notifying import NOTIFY, trust_notify

    workspace = open_workspace()
    wanted = check_names(names or [hook.name for hook in untrusted(workspace)], (*OURS, NOTIFY))
    found = []
    for name in wanted:
        if name == NOTIFY:
            found.append(Changed(name, "reprun.toml", "trusted" if trust_notify(workspace) else "nothing to trust"))
            continue
        for hook in get_hooks(workspace, name):
            found.append(Changed(name, hook.path, "trusted" if trust_hook(workspace, hook) else "nothing to trust"))
    return _answer(found)


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="pre-launch, post-launch or post-run.")],
    run: Annotated[str, typer.Argument(metavar="[RUN]", help="The run that it hears of.")] = "@last",
    json: As_json = False,
) -> int:
    """Run a hook by hand, about a run that is there, and exit with its status.

    Example:

        reprun hooks run post-run @last
    """
    from reprun.commands.end_hooks import run_by_hand

    workspace = open_workspace()
    hooks = get_hooks(workspace, check_names([name], OURS)[0])
    row = workspace.find_run(run)
    ended = run_by_hand(workspace, hooks, row)
    status = 5 if ended.status is None else 128 - ended.status if ended.status < 0 else ended.status
    said = ended.said.decode("utf-8", "replace")

    def human() -> None:
        print(show_block(said) if sys.stdout.isatty() else said, end="")
        if ended.status is None:
            say(f"{name} did not end in time, and was ended")

    return answer({"run_id": row.run_id, "hook": name, "status": ended.status, "output": said}, human, status)


def execute(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORD…]")] = None,
) -> int:
    """What the hooks that reprun brings do: called by them, with what git or reprun has told them."""
    from reprun.cli.app import COMMANDS
    from reprun.commands.hook_exec import EXECUTED

    if name == "pre-launch" and "preflight" not in COMMANDS:
        say("this reprun has no preflight: nothing was checked")
        return 0
    return EXECUTED[check_names([name], tuple(EXECUTED))[0]](words or [], say)


def _answer(changed: list[Changed]) -> int:
    def human() -> None:
        for item in changed:
            print(f"{_SAID.get(item.done, item.done)}  {item.name}  {show(item.path)}")
        if not changed:
            print("nothing to do")

    return answer([vars(item) for item in changed], human)
