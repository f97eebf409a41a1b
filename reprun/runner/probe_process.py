"""Running somebody's program for a probe: with a time limit, in a process group of its own, and however much it prints."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from typing import Dict, List, NamedTuple, Optional, Sequence

from reprun.runner.probe import Context
from reprun.runner.processes import find_status, signal_group

_MOST, _RESULT = 1 << 20, 1 << 24  # bytes of a stream that are kept; what comes after them is read and dropped
_TICK = 0.05
_PAUSE = 1.0  # seconds in which a stream of a program that is over is read to its end, if others hold it


class Done(NamedTuple):
    """`status` is None for a program that was ended because its time was over, negative for the signal that ended it."""

    status: Optional[int]
    out: bytes
    err: bytes
    result: bytes

    def last_line(self) -> str:
        """The last words on standard error, or else on standard output."""
        for stream in (self.err, self.out):
            lines = stream.decode("utf-8", "replace").strip().splitlines()
            if lines:
                return lines[-1].strip()[:500]
        return ""


class Ways(NamedTuple):
    """`stdin` is what it gets to read, in a file of `context.scratch`; `result`: it is told, as its last word, the number of a
    descriptor for what it has to say."""

    stdin: bytes = b""
    result: bool = False
    seconds: float = 0.0
    cwd: str = ""


def run_probe(argv: Sequence[str], context: Context, ways: Ways = Ways()) -> Done:
    """Runs it to its end. Nothing of it is left then. Raises `OSError` when it cannot be started."""
    streams: Dict[int, bytearray] = {}
    reading = writing = -1
    words = list(argv)
    if ways.result:
        reading, writing = os.pipe()
        words.append(str(writing))
    given = _given(context.scratch, ways.stdin)
    try:
        process = subprocess.Popen(
            words, cwd=ways.cwd or context.cwd, env=context.env, stdin=given, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            pass_fds=[writing] * ways.result, start_new_session=True,
        )  # fmt: skip
    except BaseException:
        _close([given, writing, reading])
        raise
    context.started.append(process.pid)
    _close([given, writing])
    assert process.stdout is not None and process.stderr is not None
    numbers = [process.stdout.fileno(), process.stderr.fileno(), *([reading] * ways.result)]
    streams = {number: bytearray() for number in numbers}
    try:
        status = _read(process, streams, time.monotonic() + (ways.seconds or float(context.ask["seconds"])), reading)
    finally:
        signal_group(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
        process.stderr.close()
        _close([reading])
    kept = [bytes(streams[number]) for number in numbers]
    return Done(status, kept[0], kept[1], kept[2] if ways.result else b"")


def _read(process: "subprocess.Popen[bytes]", streams: Dict[int, bytearray], until: float, result: int) -> Optional[int]:
    """Reads until the program is over and has said everything, or until the time is over."""
    poll, left = select.poll(), set(streams)
    for number in left:
        poll.register(number, select.POLLIN)
    status: Optional[int] = None
    while True:
        ready = poll.poll(_TICK * 1000 if status is None and left else 0)
        for number, _ in ready:
            data = os.read(number, 1 << 16)
            if not data:
                poll.unregister(number)
                left.discard(number)
            room = (_RESULT if number == result else _MOST) - len(streams[number])
            streams[number] += data[: max(0, room)]
        if status is not None:
            if not ready or not left or time.monotonic() > until:
                return status
            continue
        status = find_status(process.pid)
        if status is not None:
            until = time.monotonic() + _PAUSE
        elif time.monotonic() > until:
            return None
        elif not left:
            time.sleep(_TICK / 10)


def _given(scratch: str, data: bytes) -> int:
    if not data:
        return os.open(os.devnull, os.O_RDONLY)
    path = os.path.join(scratch, "stdin")
    number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    os.unlink(path)
    with os.fdopen(os.dup(number), "wb") as file:
        file.write(data)
    os.lseek(number, 0, os.SEEK_SET)
    return number


def _close(numbers: List[int]) -> None:
    for number in numbers:
        if number >= 0:
            os.close(number)
