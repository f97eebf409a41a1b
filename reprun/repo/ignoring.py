"""The command that lets git ignore files, made to be pasted."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z0-9_./-]+")


def ignore_command(prefix: str, paths: Sequence[str]) -> str:
    """Adds exactly these paths (relative to the top) to the `.gitignore` at the top; to be typed in the folder `prefix`."""
    up = "../" * (prefix.count("/") + 1 if prefix else 0)
    if len(paths) == 1 and _PLAIN.fullmatch(paths[0]):
        return f"echo /{paths[0]} >> {up}.gitignore"
    # A line break cannot stand in a pattern, but ? matches one.
    lines = ("/" + re.sub(r"([\\*?\[]| $)", r"\\\1", path).replace("\n", "?") for path in paths)
    return f"printf '%s\\n' {' '.join(map(shlex.quote, lines))} >> {up}.gitignore"
