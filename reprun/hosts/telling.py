"""What a host is busy with, in words for the one who waits."""

from __future__ import annotations

from collections.abc import Callable

from reprun.core.text import human_bytes, show

Tell = Callable[[str], None]


def words_of(step: object, where: str) -> str:
    """`writing the worktree on gpu1: 120 of 1000 files`; empty for what is none. It may come from a hostile host."""
    if not (isinstance(step, list | tuple) and len(step) == 4):
        return ""
    name, done, total, unit = step
    if not (isinstance(name, str) and isinstance(done, int) and isinstance(total, int)) or not name:
        return ""
    text = f"{show(name[:200])} on {where}"
    if not done:
        return text
    if unit == "bytes":
        return f"{text}: {human_bytes(done)}" + (f" of {human_bytes(total)}" if total else "")
    return f"{text}: {done}" + (f" of {total} files" if total else " files")
