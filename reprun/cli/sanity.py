"""`reprun sanity`: the experiments that show whether the code learns at all."""

from __future__ import annotations

from typing import Annotated

import typer

from reprun.cli.envelope import answer, say
from reprun.cli.launching import On
from reprun.cli.notes import say_notes
from reprun.cli.options import As_json
from reprun.cli.progress import progress
from reprun.cli.table import print_table
from reprun.core.errors import RefusedError
from reprun.workspace import open_workspace

Names = Annotated[list[str], typer.Argument(metavar="[NAME…]", help="Experiments of [sanity] in reprun.toml. Default: all.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(sanity)


def sanity(names: Names = [], on: On = "local", json: As_json = False) -> int:  # noqa: B006
    """Run the sanity experiments of reprun.toml, one after the other, and say which came out as they must.

    Exit status 3 when one did not.

    Examples:

        reprun sanity

        reprun sanity overfit --on gpu1
    """
    from reprun.commands.sanity import run_sanity

    workspace = open_workspace()
    with progress() as tell:
        found = run_sanity(workspace, names, on, tell)
    say_notes(workspace)
    data = [
        {"name": item.name, "run_id": item.run_id, "wanted": item.wanted, "passed": item.judged.passed, "why": item.judged.why}
        for item in found
    ]
    failed = [item for item in found if not item.judged.passed]

    def human() -> None:
        rows = [
            (item.name, "passed" if item.judged.passed else "FAILED", item.wanted, item.judged.why, item.run_id) for item in found
        ]
        print_table(("EXPERIMENT", "", "WANTED", "FOUND", "RUN"), rows, flexible=3)
        for item in failed:
            if item.run_id:
                say(f"reprun logs {item.run_id}")

    return answer(data, human, RefusedError.exit_code if failed else 0)
