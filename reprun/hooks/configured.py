"""A hook of git's settings as one that can be judged and run. The settings are the user's own, unless a file of the repository is
included in them; and what the command runs may lie in the repository."""

from __future__ import annotations

import os
import re
import shlex

from reprun.core.digests import sha256
from reprun.core.errors import ToolError
from reprun.core.hook_settings import Configured
from reprun.core.text import show
from reprun.hooks.finding import MAX_SIZE, Ground, Hook, is_in_a_worktree, why_distrusted
from reprun.system.files import find_bytes

_INTERPRETER = re.compile(r"env|(ba|da|z|k|fi)?sh|python[0-9.]*|perl|ruby|node|Rscript")


def configured_hook(ground: Ground, one: Configured) -> Hook:
    """The hook. What has to be trusted is the command, and the program of the repository that it runs."""
    key, origin = f"hook.{one.name}.command", _path(ground, one.origins[-1])
    if not one.command:
        return Hook(one.event, origin, trouble="no command is set", key=key)
    why = next((said for path in one.origins if path and (said := _why(ground, _path(ground, path)))), "")
    program = _program_inside(ground, one.command)
    if program:
        why = why or f"runs {show(os.path.relpath(program, ground.top))}, which is part of this repository"
    try:
        digest = sha256(_text(one.command, program)).hexdigest()
    except ToolError as error:
        return Hook(one.event, origin, trouble=error.message, key=key)
    return Hook(one.event, origin, digest, why, key=key, command=one.command)


def text_of(ground: Ground, hook: Hook) -> bytes:
    """What a person reads who is asked whether to trust it; its digest is that of the hook."""
    return _text(hook.command, _program_inside(ground, hook.command))


def _text(command: str, program: str) -> bytes:
    said = command.encode("utf-8", "surrogateescape")
    if not program:
        return said
    if os.path.getsize(program) > MAX_SIZE:
        raise ToolError(f"{show(program)} is larger than 16 MiB")
    return said + b"\n\n# " + os.fsencode(program) + b":\n\n" + (find_bytes(program) or b"")


def _program_inside(ground: Ground, command: str) -> str:
    program = find_program(ground.top, command)
    return program if program and is_in_a_worktree(ground, program) else ""


def find_program(top: str, command: str) -> str:
    """The file that a command runs, as far as its words say: its first one, or what that gives to an interpreter. Empty when
    there is none, or it is found by `PATH`."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = command.split()
    for word in words:
        path = os.path.join(top, os.path.expanduser(word))
        is_first = word is words[0]
        is_interpreter = _INTERPRETER.fullmatch(os.path.basename(word)) is not None
        if not is_interpreter and os.path.isfile(path) and ("/" in word or not is_first):
            return path
        if is_first and not is_interpreter:
            return ""
    return ""


def _path(ground: Ground, origin: str) -> str:
    return os.path.join(ground.top, origin) if origin else ""


def _why(ground: Ground, path: str) -> str:
    try:
        return why_distrusted(ground, path, os.stat(path))
    except OSError:
        return "is said in a file that cannot be read"
