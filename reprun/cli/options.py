"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from reprun.cli.complete import complete_run

Run = Annotated[
    str,
    typer.Argument(metavar="RUN", help="A run id, the beginning of one, a name, @last or @last~2.", autocompletion=complete_run),
]
Runs = Annotated[
    list[str], typer.Argument(metavar="RUN…", help="Run ids, beginnings, names, @last.", autocompletion=complete_run)
]
Offline = Annotated[bool, typer.Option("--offline", help="Ask no other machine: say what was seen last.")]
As_json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on standard output.")]
