"""Reads a file of settings: its bytes as text, nothing translated, or one sentence that says why not."""

from __future__ import annotations

import os
import stat

from reprun.config.values import MAX_TEXT
from reprun.core.errors import UsageError
from reprun.core.text import is_recordable, show


def read_text(path: str, what: str) -> str:
    """The whole text of the file, line ends as they are. Raises `UsageError` naming the file as `what`."""
    what = show(what)
    try:
        # Without O_NONBLOCK a pipe that nobody writes to would hold us up before we can see what it is.
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(f"{what} is not a regular file")
            data = file.read(MAX_TEXT + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"there is no file {what}", hint=_similar(path, what)) from None
    except IsADirectoryError:
        raise UsageError(f"{what} is a directory", hint="name a file in it") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{what} cannot be read: {reason}") from None
    if len(data) > MAX_TEXT:
        hint = "settings go in here; put data in files of its own"
        raise UsageError(f"{what} is larger than {MAX_TEXT >> 20} MiB", hint=hint)
    return _decoded(data, what)


def _decoded(data: bytes, what: str) -> str:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{what} is not UTF-8 text (line {line})", hint="save it as UTF-8") from None
    if not is_recordable(text):
        raise UsageError(f"{what} holds a NUL character")
    return text


def _similar(path: str, what: str) -> str:
    folder, name = os.path.split(path)
    try:
        import difflib  # only on the way to an error

        close = difflib.get_close_matches(name, [one for one in os.listdir(folder or ".") if one != name], n=1)
    except (OSError, ValueError):
        return ""
    return f"did you mean {show(os.path.join(os.path.dirname(what), close[0]))}?" if close else ""
