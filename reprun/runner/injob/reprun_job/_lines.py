"""Appending lines of JSON to the files of a run, from any thread and process, without ever ending the job."""

from __future__ import annotations

import json
import os

TYPE_CHECKING = False  # typing takes 4 ms to import
if TYPE_CHECKING:
    from typing import Any, Dict, Set

MAX_LINE = 1 << 20  # what the reader takes as one line
_warned: "Set[str]" = set()


def append(variable: str, record: Dict[str, Any]) -> None:
    """Appends the record to the file that the environment variable names; does nothing without one.

    The file is opened each time: a job may close all descriptors, fork, or remove the file. One write to the end of a file is
    not torn by another one.
    """
    path = os.environ.get(variable)
    if not path:
        return
    try:
        line = json.dumps(record, ensure_ascii=True, default=text).encode() + b"\n"
    except (ValueError, RecursionError) as error:  # a circle
        warn("%s was not written: %s" % (record.get("event", "a line of metrics"), error))
        return
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        try:
            if os.write(fd, line) < len(line):  # a full disk: the next line begins anew
                os.write(fd, b"\n")
        finally:
            os.close(fd)
    except OSError as error:
        warn("%s cannot be written: %s" % (path, error.strerror))


def text(value: Any) -> str:
    """What JSON has no form for, as a short text."""
    try:
        return str(value)[:1000]
    except Exception:  # whatever somebody's class does
        return "<%s>" % type(value).__name__


def warn(message: str) -> None:
    """Says it once for each message. A job is never ended because its records cannot be written."""
    if message in _warned:
        return
    _warned.add(message)
    import sys

    try:
        sys.stderr.write("reprun_job: %s\n" % message)
    except (OSError, ValueError, AttributeError):
        pass  # there is nobody to tell
