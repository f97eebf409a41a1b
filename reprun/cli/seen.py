"""What is done after an answer, because of what it has shown: files of runs that are over are brought, where that is wished, and
the post-run hook hears of them."""

from __future__ import annotations

from reprun.cli.envelope import say
from reprun.workspace import Workspace


def after_seeing(workspace: Workspace) -> None:
    """Brings what `[results] auto_pull` names, says so, and runs the hook. The answer was given, and nothing here changes it."""
    _bring(workspace)
    if workspace.repository.has_hooks():
        from reprun.cli.progress import progress
        from reprun.commands.end_hooks import run_end_hooks

        with progress() as tell:
            run_end_hooks(workspace, tell)


def _bring(workspace: Workspace) -> None:
    if not workspace.seen or not workspace.settings.auto_pull:
        return
    from reprun.cli.progress import progress
    from reprun.commands.auto_pulling import pull_seen

    with progress() as tell:
        said = pull_seen(workspace, tell)
    for sentence in said:
        say(sentence)
