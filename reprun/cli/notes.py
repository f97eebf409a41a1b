"""What a command came upon that its answer does not say: one line each, on standard error."""

from __future__ import annotations

from collections.abc import Mapping

from reprun.cli.envelope import say
from reprun.core.text import show
from reprun.workspace import Workspace


def say_notes(workspace: Workspace) -> None:
    """Says the notes once. Those on damaged manifests end in the command that puts things right, where nothing was changed."""
    for note in workspace.notes:
        is_open = note.startswith("the manifest ") and " and put back: " not in note
        said = "; reprun doctor --mend puts it back" if is_open else ""
        say(f"note: {show(note)}{said}")
    workspace.notes.clear()


def say_unseeded(run_id: str, outcome: Mapping[str, object]) -> None:
    """Says that a job whose randomness was watched drew numbers without a seed."""
    if outcome.get("unseeded"):
        from reprun.core.randomness import unseeded_warning

        say(f"note: {show(unseeded_warning(run_id, outcome))}; reprun show {run_id}")


def say_backup(workspace: Workspace) -> None:
    """Says that runs did not get to the remote of `[git] push`."""
    if workspace.settings.push:
        from reprun.commands.backup import find_trouble

        text, hint = find_trouble(workspace)
        if text:
            say(f"note: {text}\nhint: {hint}")


def say_troubles(workspace: Workspace) -> None:
    """Says once for each target why it could not be asked. Its runs read `unreachable`: that is no error of the command."""
    for error in workspace.troubles:
        say(f"note: {show(error.message)}" + (f"; {show(error.hint)}" if error.hint else ""))
    workspace.troubles.clear()
