"""What the hooks that reprun brings do. They are called by git or by reprun, where nobody can be asked anything."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable, Mapping, Sequence

from reprun.commands.backup import back_up
from reprun.core.errors import UsageError
from reprun.system.process import become
from reprun.workspace import open_workspace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Say = Callable[[str], None]
_PATIENCE = 60.0  # seconds


def pre_push(words: Sequence[str], say: Say) -> int:
    """`pre-push REMOTE ADDRESS`, with the refs on standard input. The records of runs go along, where `[git] push` says so."""
    from reprun.commands.cited import check_push, pushed_by_pre_commit
    from reprun.repo.messages import parse_pushed

    pushed = pushed_by_pre_commit(os.environ)
    if pushed is None:
        _require_lines()
        said = _standard_input()
        if not said:  # nothing to push, or a tool between git and us that keeps the lines to itself
            say("git names nothing that is pushed: no run was checked")
        pushed = parse_pushed(said)
    if _is_bare():
        say("this is a bare repository: the runs that are cited were not checked")
        return 0
    remote = words[0] if words else os.environ.get("PRE_COMMIT_REMOTE_NAME", "")
    workspace = open_workspace()
    count = check_push(workspace, pushed, remote)
    if count:
        say(f"{count} cited run{'s' * (count != 1)} checked")
    if workspace.settings.push and workspace.settings.push == remote:
        back_up(workspace)
    return 0


def commit_msg(words: Sequence[str], say: Say) -> int:
    """`commit-msg FILE`."""
    from reprun.commands.cited import write_trailers

    if len(words) != 1:
        raise UsageError("commit-msg takes the file with the message", hint='reprun hooks exec commit-msg "$@"')
    write_trailers(open_workspace(), words[0], os.environ)
    return 0


def post_run(words: Sequence[str], say: Say) -> int:
    """Notifies, of what is on standard input."""
    from reprun.commands.notifying import notify

    for way in notify(open_workspace(), _context()):
        say(f"told {way}")
    return 0


def pre_launch(words: Sequence[str], say: Say) -> int:
    """Becomes `reprun preflight` for the command that is going to be launched."""
    from reprun.hooks.running import executable

    run = _context()["run"]
    command = run.get("command", {})
    top = os.getcwd()
    os.chdir(os.path.join(top, str(command.get("cwd", ""))))
    become([executable(), "preflight", *_options(run, top), "--", *(str(word) for word in command.get("argv", ()))])


def _options(run: Mapping[str, Any], top: str) -> list[str]:
    """The options of the launch, as far as they matter before it."""
    config, seeds = run.get("config", {}), run.get("seeds", {})
    source = os.path.join(top, config["source"]) if config.get("source") else ""
    given = [("--on", run.get("target")), ("--gpus", run.get("gpus")), ("--config", source)]
    given += [("--set", value) for value in config.get("sets", ())]
    given += [("--seed", seeds.get("root"))] if seeds.get("origin") == "option" else []
    return [f"{name}={value}" for name, value in given if value not in ("", None)]


def _is_bare() -> bool:
    """Whether git has started this in a repository without a worktree, of which reprun knows nothing."""
    return os.path.isfile("HEAD") and os.path.isdir("objects") and not os.path.lexists(".git")


def _context() -> dict[str, Any]:
    try:
        found = json.loads(_standard_input())
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not isinstance(found.get("run"), dict):
        raise UsageError("standard input does not hold what a hook is told", hint="reprun hooks run post-run @last")
    return found


def _require_lines() -> None:
    """Git gives a pipe to its pre-push hook. Nothing at all comes from a tool between git and us that keeps the lines to itself:
    to look at none of the commits and say nothing would be to let them pass."""
    try:
        mode = os.fstat(0).st_mode
    except OSError:
        mode = 0
    if not mode or stat.S_ISCHR(mode):
        raise UsageError(
            "nobody says on standard input what is pushed, so the runs that are cited cannot be checked",
            hint="lefthook: use_stdin: true\nby hand: git push --dry-run\ngit push --no-verify   # goes without",
        )


def _standard_input() -> str:
    """What git or reprun has written; a person at a terminal has nothing to say here. Who writes nothing for long, and does not
    end either, is neither."""
    import select

    if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
        return ""
    said, fd = b"", sys.stdin.fileno()
    while True:
        if not select.select([fd], [], [], _PATIENCE)[0]:
            raise UsageError("standard input neither says anything nor ends", hint="reprun hooks exec … < /dev/null")
        piece = os.read(fd, 1 << 16)
        if not piece:
            return said.decode("utf-8", "surrogateescape")
        said += piece


EXECUTED: dict[str, Callable[[Sequence[str], Say], int]] = {
    "pre-launch": pre_launch, "post-run": post_run, "commit-msg": commit_msg, "pre-push": pre_push,
}  # fmt: skip
