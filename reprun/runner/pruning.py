"""`git gc --prune=now` beside us: it may remove objects that were written after it had looked for what is in use."""

from __future__ import annotations

import os
import time

from reprun.runner.errors import RunnerError
from reprun.runner.files import find_bytes
from reprun.runner.git import Git
from reprun.runner.identity import start_time
from reprun.runner.refs import create_ref

_PATIENCE = 3000  # hundredths of a second


def await_gc(common_dir: str) -> bool:
    """True when a `git gc` was at work there; it is over then, or is a very long one."""
    path = os.path.join(common_dir, "gc.pid")
    for waited in range(_PATIENCE):
        said = (find_bytes(path) or b"").split()
        if not said or not said[0].isdigit() or start_time(int(said[0])) is None:
            return waited > 0
        time.sleep(0.01)
    return True


def keep_blob(git: Git, common_dir: str, ref: str, data: bytes) -> str:
    """Stores `data` under the new ref `ref`; again when a gc took the object, or the folder for it, away in between.

    Answers with what git said when the ref cannot be created: empty is good. Raises `RunnerError` when git fails otherwise.
    """
    said = ""
    for left in (2, 1, 0):
        try:
            said = create_ref(git, common_dir, ref, git.text("hash-object", "-w", "--stdin", stdin=data))
            if not said and (not await_gc(common_dir) or git.run("cat-file", "-e", ref, check=False).returncode == 0):
                return ""
        except RunnerError:
            if not left:
                raise
    return said
