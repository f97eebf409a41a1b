"""The commands that bring things from other machines: `pull`, `import`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from reprun.cli.complete import complete_target
from reprun.cli.envelope import answer, say
from reprun.cli.options import As_json, Run
from reprun.commands.importing import Found, Imported
from reprun.commands.pulling import Pulled
from reprun.core.text import human_bytes, show
from reprun.workspace import open_workspace


def register(app: typer.Typer) -> None:
    """Adds the commands of this module."""
    app.command()(pull)
    app.command("import")(import_runs)


def pull(
    run: Run,
    outputs: Annotated[
        list[str], typer.Option("--outputs", metavar="GLOB", help="Only such outputs, as in a .gitignore; repeatable.")
    ] = [],  # noqa: B006
    max_size: Annotated[str, typer.Option("--max-size", metavar="SIZE", help="Leave larger files: 500 MB, 1 GiB.")] = "",
    to: Annotated[str, typer.Option("--to", metavar="DIR", help="Another folder than REPRUN_HOME/pulled/RUN.")] = "",
    json: As_json = False,
) -> int:
    """Bring what a run has left to this machine: manifest, config, logs, metrics, outcome, outputs.

    Files that were brought before stay; an interrupted transfer goes on where it was; each file is verified.

    Examples:

        reprun pull @last

        reprun pull @last --outputs '*.json' --outputs 'plots/**' --max-size 100MB --to results/baseline
    """
    from reprun.cli.progress import progress
    from reprun.commands.pulling import pull as bring
    from reprun.config.fields import size
    from reprun.results.choosing import Wish

    largest = size("--max-size", max_size) if max_size else 0
    workspace = open_workspace()
    row = workspace.find_run(run)
    with progress() as tell:
        done = bring(workspace, row, Wish(tuple(outputs), largest), to, tell)
    return answer(_pulled_data(done), lambda: _print_pulled(done), 5 if done.problems else 0)


def _pulled_data(done: Pulled) -> dict[str, Any]:
    def told(pairs: list[Any]) -> list[dict[str, Any]]:
        return [{"path": item.path, "size": item.size, "reason": why} for item, why in pairs]

    return {
        "run_id": done.run_id, "state": done.state.state, "state_words": done.state.words, "folder": done.folder,
        "brought": [{"path": item.path, "size": item.size} for item in done.brought],
        "here": [{"path": item.path, "size": item.size} for item in done.here],
        "left": told(done.left), "problems": told(done.problems),
    }  # fmt: skip


def _print_pulled(done: Pulled) -> None:
    size = human_bytes(sum(item.size for item in done.brought))
    print(f"{done.run_id}  {show(done.state.words)}")
    print(f"  brought   {len(done.brought)} files, {size}" + (f"; {len(done.here)} were here" if done.here else ""))
    for label, pairs in (("left", done.left), ("problem", done.problems)):
        for item, why in pairs:
            print(f"  {label.ljust(10)}{show(item.output)}  {human_bytes(item.size)}  {show(why)}")
    print(f"  folder    {show(done.folder)}")
    if done.problems:
        say(f"reprun pull {done.run_id} tries again")


def import_runs(
    runs: Annotated[list[str] | None, typer.Argument(metavar="[RUN]…", help="Runs to take over: ids or beginnings.")] = None,
    source: Annotated[
        str, typer.Option("--from", metavar="TARGET", help="The host to look at.", autocompletion=complete_target)
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Take over all runs of this repository.")] = False,
    json: As_json = False,
) -> int:
    """List the runs that lie on a host, and take them over: from then on they are known here.

    For a fresh clone, when the machine that launched them is lost; and for a second laptop.

    Examples:

        reprun import --from gpu1

        reprun import --from gpu1 --all

        reprun import --from gpu1 20261121-0316
    """
    from reprun.cli.progress import progress
    from reprun.commands.importing import adopt, find_on
    from reprun.core.errors import UsageError

    if not source:
        raise UsageError("import needs to know where to look", hint="reprun import --from TARGET")
    workspace = open_workspace()
    with progress() as tell:
        tell(f"looking for runs on {source}")
        found = find_on(workspace, source)
        if not runs and not everything:
            return answer([_found_data(item) for item in found], lambda: _print_found(found, source))
        done = adopt(workspace, source, found, tuple(runs or ()), tell)
    workspace.record()
    return answer([vars(item) for item in done], lambda: _print_imported(done), 5 if any(item.problem for item in done) else 0)


def _found_data(item: Found) -> dict[str, Any]:
    return {
        "run_id": item.run_id, "name": item.name, "created": item.created, "commit": item.commit, "command": item.command,
        "state": item.state.state, "state_words": item.state.words, "repository": item.key, "ours": item.ours,
        "known": item.known, "run_dir": item.run_dir, "problem": item.problem,
    }  # fmt: skip


def _print_found(found: list[Found], source: str) -> None:
    from reprun.cli.table import print_table

    if not found:
        say(f"there are no runs on {show(source)}")
        return
    rows = []
    for item in found:
        whose = "known here" if item.known else "this repository" if item.ours else show(item.key) or "unknown"
        rows.append((item.run_id, item.name or "-", item.state.words, whose, item.problem or item.command))
    print_table(("RUN", "NAME", "STATE", "REPOSITORY", "COMMAND"), rows, flexible=4)
    if any(item.ours and not item.known and not item.problem for item in found):
        say(f"reprun import --from {show(source)} --all takes over those of this repository")


def _print_imported(done: list[Imported]) -> None:
    for item in done:
        print(f"{item.run_id}  {show(item.problem) if item.problem else f'taken over, {item.state_words}{item.note}'}")
    if not done:
        print("nothing to take over")
