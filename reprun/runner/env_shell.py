"""A shell, or a command, in the environment of a run: with the variables that a job gets, and those of the terminal.

Start files of shells are left out: many of them activate another environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys

from reprun.runner.env_record import note_use
from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home
from reprun.runner.variables import surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn

_TERMINAL = (
    "TERM", "TERMINFO", "COLORTERM", "COLUMNS", "LINES", "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "XDG_RUNTIME_DIR",
    "NO_COLOR", "SSH_AUTH_SOCK", "SSH_CONNECTION", "SSH_TTY", "TMUX", "EDITOR", "VISUAL", "PAGER", "LESS",
)  # fmt: skip
_FISH = "function fish_prompt; printf '(%s) %%s> ' (prompt_pwd); end"


def shell_words(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """The `words` that enter the environment `digest`: what is to be run in it is in them as data."""
    kept = ("digest", "label", "worktree", "pass_env", "argv")
    wish = {"home": home.root, **{name: request[name] for name in kept}}
    folder = os.path.dirname(os.path.abspath(__file__))
    return {"words": [sys.executable, "-I", "-S", folder, "env-shell", json.dumps(wish)]}


def enter(text: str) -> NoReturn:
    """Becomes the command, or a shell. Ends with 127 where the environment has no such command, and 126 for one that cannot be
    started, as shells do."""
    wish = json.loads(text)
    home = Home(wish["home"])
    request = {"environment": wish["digest"], "pass_env": wish["pass_env"]}
    try:
        env = surroundings(home, request, wish["worktree"])[0]
    except RunnerError as error:
        sys.exit("error: %s" % error.message)
    with contextlib.suppress(OSError):
        note_use(home, wish["digest"])
    env.update({name: os.environ[name] for name in _TERMINAL if name in os.environ})
    words: List[str] = wish["argv"]
    if not words:
        words, prompt = _shell(env, wish["label"])
        env.update(prompt)
    try:
        os.execvpe(words[0], words, env)
    except OSError as error:
        sys.stderr.write("error: %s cannot be started: %s\n" % (words[0], error.strerror))
        sys.exit(127 if isinstance(error, FileNotFoundError) else 126)


def _shell(env: Dict[str, str], label: str) -> "tuple[List[str], Dict[str, str]]":
    """The user's shell as it is without start files, and the variables of its prompt, which says where one is."""
    path = env.get("SHELL", "")
    name = os.path.basename(path)
    if name not in ("bash", "zsh", "fish") or not os.access(path, os.X_OK):
        path = shutil.which("bash", path=env.get("PATH")) or "/bin/sh"
        name = os.path.basename(path)
    asks = ["-i"] if os.isatty(0) else []
    if name == "fish":
        return [path, "--no-config", *asks, "-C", _FISH % label], {}
    if name == "zsh":
        return [path, "-f", *asks], {"PS1": "(%s) %%~ %%# " % label}
    plain = ["--noprofile", "--norc"] if name == "bash" else []
    return [path, *plain, *asks], {"PS1": "(%s) %s " % (label, "\\w \\$" if name == "bash" else "$")}
