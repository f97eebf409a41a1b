"""The hooks that reprun brings, as they are installed: with a mark by which they are known again, and the path of
the program that installed them."""

from __future__ import annotations

import os
import re

from reprun import __file__ as package_file
from reprun.core.digests import sha256
from reprun.core.errors import ToolError
from reprun.core.text import show

_MARK = re.compile(rb"(?m)^# reprun-hook ([a-z-]+) sha256=([0-9a-f]{64})\n")
_PROGRAM = "reprun=${REPRUN_EXECUTABLE:-reprun}\n"


def shipped_text(name: str) -> str:
    """The hook as it is in `hooks/` of the project: beside the package in a checkout, in it where it is installed."""
    package = os.path.dirname(package_file)
    for folder in (os.path.join(package, "ready_hooks"), os.path.join(os.path.dirname(package), "hooks")):
        try:
            with open(os.path.join(folder, name), encoding="utf-8") as file:
                return file.read()
        except OSError:
            continue
    raise ToolError(f"the hook {name} is missing in this installation of reprun", hint="pip install --force-reinstall reprun")


def render_hook(text: str, name: str, program: str) -> bytes:
    """The hook with the path of the program, for a git that is started where it is not on PATH, and its mark."""
    found = f'[ -n "$REPRUN_EXECUTABLE" ] || [ ! -x {_quoted(program)} ] || REPRUN_EXECUTABLE={_quoted(program)}\n'
    first, rest = text.replace(_PROGRAM, found + _PROGRAM, 1).encode().split(b"\n", 1)
    return first + b"\n" + _mark(name, first + b"\n" + rest) + rest


def is_ours(content: bytes) -> bool:
    """Whether reprun has installed this, whoever has edited it since."""
    return _MARK.search(content) is not None


def is_untouched(content: bytes) -> bool:
    """Whether this is exactly what reprun has installed, in whichever version."""
    found = _MARK.search(content)
    return found is not None and _mark(found[1].decode(), content.replace(found[0], b"", 1)) == found[0]


def _mark(name: str, content: bytes) -> bytes:
    return f"# reprun-hook {name} sha256={sha256(content).hexdigest()}\n".encode()


def _quoted(word: str) -> str:
    if "\n" in word or "\0" in word:
        raise ToolError(f"the path of reprun {show(word)} cannot stand in a script")
    return "'" + word.replace("'", "'\\''") + "'"
