"""The one way in which reprun starts git: plumbing with a scrubbed environment and fixed settings.

Nothing of the user's Git environment leaks in (`GIT_*` of an outer hook), no hook, pager, prompt, file system monitor or
automatic gc runs, and messages are in English. GitPython's index code is not used: it writes wrong trees in states that people
have (intent to add, conflicts, index version 4).
"""

from __future__ import annotations

import os
import re
import subprocess

from reprun.runner.errors import RunnerError
from reprun.runner.process import Completed, finish, how_it_ended, spawn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List, Mapping, Optional, Sequence, Tuple

_SETTINGS = {
    "core.hooksPath": "/dev/null",
    # Hooks in the settings of a git since 2.55, which the line above does not switch off: those that our calls would run.
    "hook.reference-transaction.enabled": "false",
    "hook.post-index-change.enabled": "false",
    "hook.post-checkout.enabled": "false",
    "hook.pre-push.enabled": "false",
    "hook.pre-auto-gc.enabled": "false",
    "core.fsmonitor": "",  # which means no to git 2.25 as well, where it is the name of a program
    "core.splitIndex": "false",
    "core.quotePath": "false",
    "core.safecrlf": "false",
    "core.fsync": "loose-object,pack,reference",
    "core.fsyncMethod": "batch",
    "gc.auto": "0",
    "maintenance.auto": "false",
    "color.ui": "false",
    "log.showSignature": "false",
    "i18n.commitEncoding": "UTF-8",
    "submodule.recurse": "false",
    "advice.detachedHead": "false",
}
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "XDG_CONFIG_HOME", "LD_LIBRARY_PATH", "SSH_AUTH_SOCK")


def environment(extra: Optional[Mapping[str, str]] = None) -> Dict[str, str]:
    """The environment of our Git processes: a few variables of the user, none of `GIT_*`, and `extra`."""
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env.update(LC_ALL="C.UTF-8", GIT_OPTIONAL_LOCKS="0", GIT_TERMINAL_PROMPT="0", GIT_PAGER="cat", GIT_LFS_SKIP_SMUDGE="1")
    env["GIT_NO_REPLACE_OBJECTS"] = "1"  # `git replace` shows one object for another here, but not where the worktree is
    env.update(extra or {})
    return env


def command(args: Sequence[str], settings: Optional[Mapping[str, str]] = None) -> List[str]:
    """`git` with the fixed settings (and further ones) in front of `args`."""
    argv = ["git"] if args[0] == "check-ignore" else ["git", "--literal-pathspecs"]  # the one that knows no such paths
    for key, value in {**_SETTINGS, **(settings or {})}.items():
        argv += ["-c", "%s=%s" % (key, value)]
    return argv + list(args)


_version: List[Tuple[int, ...]] = []


def is_old() -> bool:
    """True for a git before 2.32, which does not know all variables that stand for files of settings."""
    if not _version:
        said = finish(spawn(["git", "version"], env=environment()), ["git"]).stdout.decode("ascii", "replace")
        _version.append(tuple(int(part) for part in re.findall(r"[0-9]+", said)[:2]))
    return _version[0] < (2, 32)


def trust_git() -> None:
    """Says that git is known to be of this decade: nobody has to ask it."""
    _version[:] = [(2, 32)]


class Git:
    """Git at one place: `where` are the variables that name it (`GIT_DIR`, `GIT_INDEX_FILE`, …), `cwd` the folder."""

    def __init__(self, cwd: str, where: Optional[Mapping[str, str]] = None, settings: Optional[Mapping[str, str]] = None) -> None:
        self.cwd = cwd
        self.where = dict(where or {})
        self.settings = dict(settings or {})

    def at(self, **where: str) -> "Git":
        """The same with further variables, as in `git.at(GIT_INDEX_FILE=path)`."""
        return Git(self.cwd, {**self.where, **where}, self.settings)

    def spawn(self, *args: str) -> "subprocess.Popen[bytes]":
        """Starts git without waiting for it."""
        return spawn(command(args, self.settings), cwd=self.cwd, env=environment(self.where))

    def run(self, *args: str, stdin: bytes = b"", check: bool = True) -> Completed:
        """Runs git to its end. Raises `RunnerError` (kind `tool`) that names the subcommand when `check` is set."""
        return self.finish(self.spawn(*args), *args, stdin=stdin, check=check)

    def finish(self, process: "subprocess.Popen[bytes]", *args: str, stdin: bytes = b"", check: bool = True) -> Completed:
        """Collects a process of `spawn`."""
        done = finish(process, ["git"], stdin, check=False)
        if check and done.returncode:
            said = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
            tell = [line for line in said if line.startswith(("fatal:", "error:"))] or said or [how_it_ended(done.returncode)]
            raise RunnerError("tool", "git %s failed: %s" % (args[0], tell[0]))
        return done

    def text(self, *args: str, stdin: bytes = b"") -> str:
        """The trimmed output of git, names decoded as the file system does."""
        return os.fsdecode(self.run(*args, stdin=stdin).stdout.rstrip(b"\n"))
