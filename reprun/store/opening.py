"""Opening the index file: for a look, which changes nothing, or for writing, which mends what is damaged."""

from __future__ import annotations

import contextlib
import os
import sqlite3

from reprun.core.errors import ToolError
from reprun.store.index import HINT, Index, is_damaged, is_ours

BUSY_SECONDS = 5.0


def find_index(path: str) -> Index | None:
    """The index for reading, or None when there is none that can be read as it is; nothing is changed."""
    # A URI in which the path is spelled out: a folder's name may hold `?`, `#` or `%`.
    spelled = os.path.abspath(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
    try:
        db = sqlite3.connect(f"file://{spelled}?mode=ro", uri=True, timeout=BUSY_SECONDS, isolation_level=None)
    except sqlite3.Error:
        return None
    with contextlib.suppress(sqlite3.Error):
        if is_ours(db):
            return Index(db)
    db.close()
    return None


def ensure_index(path: str, *, anew: bool = False) -> Index:
    """The index for writing, made when missing, made anew when damaged or asked for; or `ToolError`."""
    before = _inode(path)
    try:
        if not anew:
            return _open_writer(path)
    except ToolError as error:
        if not is_damaged(error.__cause__):
            raise
    if _inode(path) == before:  # or else another process has replaced it meanwhile
        with contextlib.suppress(OSError):
            os.unlink(path)  # its journal, if any, goes with it: SQLite removes one that lies beside an empty file
    return _open_writer(path)


def memory_index() -> Index:
    """An index that lives in memory: for a folder that cannot be written to."""
    index = Index(sqlite3.connect(":memory:", isolation_level=None))
    index.set_up()
    return index


def _open_writer(path: str) -> Index:
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    except (sqlite3.Error, OSError) as error:
        raise ToolError(f"the run index cannot be written: {error}", hint=f"is {os.path.dirname(path)} yours?") from error
    try:
        db.execute("PRAGMA synchronous = OFF")
        index = Index(db)
        if not is_ours(db):
            index.set_up()
    except (sqlite3.Error, ToolError) as error:
        db.close()
        if isinstance(error, ToolError):
            raise
        raise ToolError(f"the run index cannot be written: {error}", hint=HINT) from error
    return index


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0
