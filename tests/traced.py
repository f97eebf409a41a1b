"""What is known of processes that are traced: their family, what they are called, and what is in their memory."""

from __future__ import annotations

import os
import re
import struct
from pathlib import Path

from reprun.runner import files

_HEX = re.compile(r"[0-9a-f]{12,64}")
_OBJECT = re.compile(r"objects/[0-9a-f]{2}(/|$)")
_NUMBER = re.compile(r"(?<=[.-])[0-9]{2,7}(?=$|[./])")
_RUN = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-z]{6}")
_TMP = re.compile(r"(tmp_obj|tmp_objdir-bulk-fsync|bulk_fsync)[_-]\w+(/[0-9a-f]{2}(?=/|$))?")
_PROBE = re.compile(r"\.tmp/t\w{6}$")  # git init tries out the file system


def family_of(process: int) -> list[int]:
    """The process and what descends from it, the eldest first. The server of tmux is a child of pid 1: it stays."""
    found = [process]
    try:
        threads = list(Path("/proc", str(process), "task").glob("*/children"))
    except ProcessLookupError:  # it ended meanwhile
        threads = []
    for children in threads:
        found += [each for child in files.read_text(str(children)).split() for each in family_of(int(child))]
    return found


def program_of(pid: int) -> str:
    """A short name of the program: reprun, supervisor, git-add, tmux, …"""
    return short_name(files.read_text(f"/proc/{pid}/cmdline").split("\0")[:-1])


def short_name(words: list[str]) -> str:
    """What to call a program by the words that it was started with."""
    name = os.path.basename(words[0]) if words else "?"
    if name.startswith("python"):
        return "supervisor" if "supervise" in words else "reprun" if any(word.endswith("/reprun") for word in words) else "python"
    if name == "git":
        rest = iter(words[1:])
        for word in rest:
            if word == "-c":
                next(rest, "")
            elif not word.startswith("-"):
                return f"git-{word}"
    return "tmux" if name.startswith("tmux") else name


def plain(path: str) -> str:
    """A path without what differs from launch to launch."""
    for pattern, text in (
        (_RUN, "RUN"),
        (_OBJECT, "objects/XX\\1"),
        (_HEX, "HASH"),
        (_TMP, "\\1"),
        (_PROBE, ".tmp/probe"),
        (_NUMBER, "PID"),
    ):
        path = pattern.sub(text, path)
    return path


def read_bytes(pid: int, address: int, size: int) -> bytes:
    """Memory of a tracee."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        memory.seek(address)
        return memory.read(size)


def read_text(pid: int, address: int) -> str:
    """A text of C in the memory of a tracee."""
    data = b""
    while b"\0" not in data and len(data) < 4096:
        step = 256 - (address + len(data)) % 256  # never over the end of a page
        data += read_bytes(pid, address + len(data), step)
    return os.fsdecode(data.split(b"\0")[0])


def read_words(pid: int, address: int) -> list[str]:
    """A list of texts in the memory of a tracee."""
    words = []
    for at in range(address, address + 8 * 64, 8):
        (pointer,) = struct.unpack("<Q", read_bytes(pid, at, 8))
        if not pointer:
            break
        words.append(read_text(pid, pointer))
    return words
