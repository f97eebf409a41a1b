"""Asking before the command of somebody else is run. Everything shown is the stranger's text: shown, not obeyed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

from reprun.cli.envelope import is_json, say
from reprun.core.errors import RefusedError
from reprun.core.hooking import ACTIVE
from reprun.core.manifest import Manifest
from reprun.core.text import show
from reprun.workspace import Workspace

# Set by machines that build, and by git for what it runs. Of pre-push and of `rebase --exec` only GIT_PREFIX tells, often empty.
_NOBODY = ("CI", "JENKINS_URL", "TF_BUILD", "TEAMCITY_VERSION", "GIT_DIR", "GIT_INDEX_FILE", "PRE_COMMIT", ACTIVE)


def confirm(workspace: Workspace, manifest: Manifest, again: str = "") -> None:
    """Shows what would be run and asks. Raises `RefusedError` for a no, and where nobody is there, with the hint `again`."""
    from reprun.commands.strangers import what_would_run

    run_id = manifest.run_id
    say(f"{run_id} was not launched by you in this repository. To reproduce it is to run, with your rights:")
    for label, text in what_would_run(workspace, manifest):
        say(f"  {label.ljust(11)} {show(text)}")
    _require_yes(run_id, again or f"reprun reproduce {run_id} --yes", f"reprun reproduce {run_id} --plan")


def confirm_environment(workspace: Workspace, manifest: Manifest) -> None:
    """The same where only the packages of the run are wanted."""
    from reprun.commands.strangers import what_would_run

    run_id = manifest.run_id
    say(f"{run_id} was not launched by you in this repository. Its environment brings programs that run with your rights:")
    for label, text in what_would_run(workspace, manifest):
        if label == "installs":
            say(f"  {label.ljust(11)} {show(text)}")
    _require_yes(run_id, f"reprun env shell {run_id} --yes", f"reprun show {run_id}")


def _require_yes(run_id: str, again: str, look: str) -> None:
    if not can_ask():
        raise RefusedError(f"{run_id} comes from somebody else, and nobody can be asked here", hint=again)
    if not says_yes("run it?"):
        raise RefusedError(f"{run_id} was not started", hint=look)


def can_ask(environ: Mapping[str, str] = os.environ) -> bool:
    """True where a person sits at a terminal: not in a script, in CI, in cron, not in the background, and not in a hook, whose
    terminal is git's."""
    if is_json() or "GIT_PREFIX" in environ or any(environ.get(name) for name in _NOBODY):
        return False
    try:
        return bool(sys.stdin.isatty() and sys.stderr.isatty()) and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (AttributeError, OSError, ValueError):  # closed, or the terminal of another session
        return False


def says_yes(question: str) -> bool:
    """True for a yes. The end of the input and Ctrl-C are a no."""
    try:
        print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline()
    except KeyboardInterrupt:
        answer = ""
    if not answer.endswith("\n"):
        say("")
    return answer.strip().lower() in ("y", "yes")
