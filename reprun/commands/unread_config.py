"""A config that most likely never reaches the job: `--set lr=1 -- python train.py`, where nothing reads it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from reprun.core.placeholders import names_in

_OTHERS = {"output", "seed", "run_id", "worktree"}
_WORDS = (b"REPRUN_CONFIG", b"reprun_job")
_MOST = 1 << 20  # bytes of a script that are read


def find_unread(argv: Sequence[str], folder: str) -> str:
    """The script of the command in `folder` that does not read the config, where the command does not name it either; or empty.

    What a script imports may read it all the same, so this is no more than worth a word.
    """
    if names_in(argv) - _OTHERS or any("REPRUN_CONFIG" in word for word in argv):
        return ""
    for path in _scripts(argv):
        try:
            with open(os.path.join(folder, path), "rb") as file:
                text = file.read(_MOST)
        except (OSError, ValueError):
            continue
        return "" if any(word in text for word in _WORDS) else path
    return ""


def _scripts(argv: Sequence[str]) -> Iterator[str]:
    for word, before in zip(argv, ("", *argv), strict=False):
        module = word.replace(".", "/")
        yield from (f"{module}.py", f"{module}/__main__.py") if before == "-m" else (word,) * word.endswith((".py", ".sh"))
