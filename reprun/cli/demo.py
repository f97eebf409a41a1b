"""`reprun demo`: the main job in a practice project, told step by step, with the words that a person would type."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from reprun.cli.envelope import say

if TYPE_CHECKING:
    from reprun.commands.demo import DemoProject

Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="A new or empty folder; a temporary one by default.")]
Only = Annotated[bool, typer.Option("--project-only", help="Only make the practice project; launch nothing.")]


def register(app: typer.Typer) -> None:
    """Adds the command of this module."""
    app.command()(demo)


def demo(folder: Folder = "", project_only: Only = False) -> int:
    """Show the main job in a practice project: launch from a dirty tree, reproduce, change, reproduce again.

    Takes less than a minute. The project stays, to go on with.

    Examples:

        reprun demo

        reprun demo --project-only digits
    """
    import tempfile

    from reprun.commands.demo import find_python, prepare_demo

    project = prepare_demo(folder or tempfile.mkdtemp(prefix="reprun-demo-"))
    if project_only:
        print(f"a practice project is in {project.folder}")
        say(f"cd {shlex.quote(project.folder)}")
        return 0
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure:  # the story and what the commands print must come in one order, in a pipe too
        reconfigure(line_buffering=True)
    found = shutil.which("reprun")
    bin_folder, python = find_python()
    os.environ["PATH"] = os.pathsep.join([bin_folder, os.environ.get("PATH", os.defpath)])
    os.chdir(project.folder)
    _tell(project, python)
    print_next_steps(project, "" if found and os.path.dirname(found) == bin_folder else bin_folder, python)
    return 0


def _tell(project: DemoProject, python: str) -> None:
    """The story. A step that fails ends it with the exit status of that step."""
    from reprun.commands.demo import change_one_line

    command = [python, "train.py", "--config", "{config}", "--output", "{output}"]
    options = ["--config", "conf/base.yaml", "--set", "lr=0.05", "--seed", "7"]
    original = _launch(project, [*options, "--follow", "--", *command])

    _title("4", "Do it again, from the record alone")
    _reprun("reproduce", original)

    _title("5", "Go on working: change one line, and do the first run again")
    change = change_one_line(project)
    _shell(f"sed -i 's/{change.old}/{change.new}/' {change.path}")
    _reprun("reproduce", original)
    _note(f"Your tree says {change.new}. What ran says:")
    _shell("reprun logs @last | head -n 1")
    print(_first_line())

    _title("6", "And what does that line do?")
    _reprun("launch", "--name", "decay", *options, "--", *command)
    _reprun("wait", "decay")
    _reprun("diff", original, "decay")


def _launch(project: DemoProject, words: list[str]) -> str:
    """The first steps: the tree, the launch, the record. Returns the run id."""
    from reprun.commands.demo import sealed_head, tree_state
    from reprun.workspace import open_workspace

    _title("1", "A tree that is not clean")
    before = tree_state(project)
    _note(f"A practice project, with real training on handwritten digits, is in {project.folder}.")
    _note("Its tree holds two edits and a new module that no commit has:")
    _shell("git status --short")
    print("\n".join(line for line in before.splitlines() if line[:2] in (" M", "??")))

    _title("2", "Launch it as it is")
    _reprun("launch", "--name", "digits", *words)
    if tree_state(project) != before:
        raise AssertionError("the dev tree was touched")
    _note("Your files, index, branch and stash are as they were. What ran is a commit under refs/reprun/.")

    _title("3", "What was recorded, and sealed before the start")
    _reprun("show", "digits")
    run_id = open_workspace().find_run("digits").run_id
    _shell(f"git cat-file -p refs/reprun/manifests/{run_id} | head -n 3")
    print("\n".join(sealed_head(project, run_id)))
    return run_id


def print_next_steps(project: DemoProject, bin_folder: str, python: str) -> None:
    """The commands to try next; with `bin_folder` where this reprun is not the one that a shell would find."""
    _title("Now you", "")
    lines = [f"cd {shlex.quote(project.folder)}"]
    if bin_folder:
        lines.append(f"export PATH={shlex.quote(bin_folder)}:$PATH")
    command = f"{python} train.py --config {{config}} --output {{output}}"
    lines += [
        "reprun ls",
        "reprun reproduce digits --plan",
        f"reprun launch --config conf/base.yaml --set hidden=32 --follow -- {command}",
        "reprun snapshot --explain",
        "reprun --help",
    ]
    print("\n".join(f"  {line}" for line in lines))


def _reprun(*words: str) -> None:
    """Shows a command and runs it, as if it had been typed."""
    from reprun.cli.app import run

    _shell("reprun " + " ".join(word if word.startswith("{") else shlex.quote(word) for word in words))
    status = run(words)
    if status:
        raise typer.Exit(status)


def _first_line() -> str:
    from reprun.commands.following import read_log
    from reprun.workspace import open_workspace

    workspace = open_workspace()
    text = next(read_log(workspace, workspace.find_run("@last"), "stdout"), b"")
    return text.decode().partition("\n")[0]


def _title(number: str, text: str) -> None:
    _styled(f"\n{number}  {text}".rstrip(), "bold")


def _note(text: str) -> None:
    _styled(text, "dim")


def _shell(text: str) -> None:
    _styled(f"$ {text}", "bold cyan")


def _styled(text: str, style: str) -> None:
    """One line of the story, in order with what the commands print; not wrapped, to be copied."""
    from rich.console import Console
    from rich.text import Text

    Console(soft_wrap=True).print(Text(text, style=style))
