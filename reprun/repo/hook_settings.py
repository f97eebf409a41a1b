"""Asking git for the hooks in its settings, and for their folder where variables name it: only where a word says that there may
be some."""

from __future__ import annotations

import os
from collections.abc import Mapping

from reprun.core.errors import ToolError
from reprun.core.hook_settings import HookSettings, parse_hook_settings
from reprun.runner.git import environment
from reprun.runner.process import Completed, spawn
from reprun.system.files import find_bytes
from reprun.system.process import Git

_SECTION = b"[hook"  # as a file of settings begins what it says of them
_ELSEWHERE = b"include"  # a file that we do not read here
_FILES = ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM")
_BY_VARIABLE = (*_FILES, "GIT_CONFIG_NOSYSTEM", "GIT_CONFIG_COUNT", "GIT_CONFIG_PARAMETERS")


def look_closer(git: Git, texts: bytes, hooks_dir: str) -> tuple[str, list[HookSettings]]:
    """The folder of hooks, and what is known of those in the settings already. Hooks that a file names are switched off for
    `git`: an empty `core.hooksPath` does not, and 2.54 knows no other way."""
    if may_move_hooks(texts):
        hooks_dir = ask_hooks_dir(git, hooks_dir)
    if _SECTION not in texts:
        return hooks_dir, []
    known = ask_hook_settings(git)
    git.settings.update((f"hook.{name}.enabled", "false") for name in known.names if "=" not in name)
    return hooks_dir, [known]


def read_hook_settings(git: Git, texts: bytes) -> HookSettings:
    """What the settings say of hooks; git is only asked where they may say something."""
    return ask_hook_settings(git) if may_set_hooks(texts) else HookSettings()


def may_set_hooks(texts: bytes, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether settings may name hooks; `texts` are the files of settings, in lower case."""
    if _SECTION in texts or _ELSEWHERE in texts:
        return True
    if not any(environ.get(name) for name in _BY_VARIABLE):
        return False
    said = said_in_variables(environ)
    return b"hook." in said or _SECTION in said or _ELSEWHERE in said


def may_move_hooks(texts: bytes, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether variables may lead git to another folder of hooks than the files that it usually reads."""
    if not any(environ.get(name) for name in _BY_VARIABLE):
        return False
    said = texts + said_in_variables(environ)
    return b"hookspath" in said or _ELSEWHERE in said


def said_in_variables(environ: Mapping[str, str]) -> bytes:
    """What git takes from variables as settings, and from files that they name, in lower case."""
    said = [environ.get("GIT_CONFIG_PARAMETERS", "")]
    said += [value for name, value in environ.items() if name.startswith(("GIT_CONFIG_KEY_", "GIT_CONFIG_VALUE_"))]
    texts = ["\n".join(said).encode("utf-8", "surrogateescape")]
    texts += [_read(path) for name in _FILES if (path := environ.get(name, ""))]
    return b"\n".join(texts).lower()


def ask_hooks_dir(git: Git, otherwise: str) -> str:
    """The folder where git looks for hooks, variables and all; absolute."""
    done = _ask(git, "rev-parse", "--path-format=absolute", "--git-path", "hooks")
    if done.returncode:
        return "" if b"empty string" in done.stderr else otherwise
    return os.fsdecode(done.stdout.removesuffix(b"\n"))


def ask_hook_settings(git: Git) -> HookSettings:
    """What the settings say of hooks, wherever it is said. Where git cannot read them it says so elsewhere."""
    return parse_hook_settings(os.fsdecode(_ask(git, "config", "-z", "--show-origin", "--get-regexp", r"^hook\.").stdout))


def _ask(git: Git, *words: str) -> Completed:
    """With the settings of variables, which our other questions do not have; and without ours, which switch hooks off."""
    given = {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG_")}
    process = spawn(["git", *words], cwd=git.cwd, env=environment({**given, **git.where}))
    return git.finish(process, *words, check=False)


def _read(path: str) -> bytes:
    try:
        return find_bytes(path) or b""
    except ToolError:
        return _ELSEWHERE
