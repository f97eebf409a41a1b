"""A solver that waits for a channel which does not answer: py-rattler waits for ever, or limits a whole download.

So what counts is whether anything moves: a byte that arrives, a connection that comes or goes, or work of the processor.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import time
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

T = TypeVar("T")
_SOCKETS = "/proc/self/fd"  # Linux; elsewhere the time limit of the whole solve is the only one
_TCP_INFO, _SIZE, _RECEIVED = 11, 232, 128  # of `struct tcp_info`: the option, room for it, where the bytes received stand
_CALLING, _NOBODY = 2, "a server that takes no connection"
_WORK = 0.25  # seconds of the processor that are more than looking costs
_TICK = 1.0


class SilentError(Exception):
    """Nothing has moved for too long."""


async def unless_silent(work: Awaitable[T], seconds: float) -> T:
    """The result of `work`. Raises `SilentError` when nothing moves for so long; time in which we are stopped is none."""
    task = asyncio.ensure_future(work)
    still, before, busy = 0.0, dict[str, int](), 0.0
    while True:
        done, _ = await asyncio.wait([task], timeout=min(_TICK, seconds))
        if done:
            return task.result()
        now, used = _received(), time.process_time()
        still = 0.0 if now != before or used - busy > _WORK else still + min(_TICK, seconds)
        if now != before or used - busy > _WORK:
            before, busy = now, used
        if still >= seconds and now:
            raise SilentError(f"nothing has come from {', '.join(sorted(now))} for {seconds:g} s")


def _received() -> dict[str, int]:
    """By its address how many bytes each server has sent on the connections that are open."""
    found = dict[str, int]()
    try:
        names = os.listdir(_SOCKETS)
    except OSError:
        return found
    for name in names:
        with suppress(OSError, ValueError, struct.error):
            with socket.socket(fileno=os.dup(int(name))) as one:
                info = one.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _SIZE)
                place = _NOBODY if info[0] == _CALLING else ":".join(map(str, one.getpeername()[:2]))
            found[place] = found.get(place, 0) + int(struct.unpack_from("Q", info, _RECEIVED)[0]) + 1
    return found
