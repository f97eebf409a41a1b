"""One connection of a relay: what each side says is kept for a while and then handed over to the other side."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, field

from relay_packets import Packets

End = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Count:
    """What one side said and the other one has, over all connections."""

    octets: int = 0
    packets: int = 0


@dataclass
class Trigger:
    """Calls `do` when so many more packets, or bytes, of a side have been handed over."""

    do: Callable[[], object]
    side: str
    packets: int
    octets: int

    def room(self, packets: Packets, data: bytes) -> int:
        """How many of the data may go before it is time."""
        if self.octets:
            return min(self.octets, len(data))
        return [*packets.peek(data), *[len(data)] * self.packets][self.packets - 1]

    def is_met(self, packets: int, octets: int) -> bool:
        """Counts what was handed over."""
        if self.octets:
            self.octets -= octets
            return self.octets == 0
        self.packets -= packets
        return self.packets == 0


@dataclass
class Line:
    """What all connections of a relay have in common. Only the thread of the relay touches it."""

    open: asyncio.Event = field(default_factory=asyncio.Event)
    heard: asyncio.Event = field(default_factory=asyncio.Event)  # what the server says is handed over
    delay: float = 0.0  # seconds, one way
    trigger: Trigger | None = None
    turns: int = 0  # how often the client spoke after the server had
    speaker: str = ""
    counts: dict[str, Count] = field(default_factory=lambda: {"client": Count(), "server": Count()})


class Connection:
    """Both directions. `lost`: what is said is thrown away from now on, the ends of it too."""

    def __init__(self, line: Line, near: End) -> None:
        self.line, self.lost = line, False
        self._near, self._ends = near, [near]
        self._task = asyncio.current_task()

    def abort(self) -> None:
        """Closes both ends hard, so that they see a reset."""
        for _, writer in self._ends:
            end: socket.socket = writer.get_extra_info("socket")
            if not writer.is_closing():
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()

    async def run(self, target: tuple[str, int]) -> None:
        """Until both sides have said all."""
        await self.line.open.wait()
        try:
            far = await asyncio.open_connection(*target)
            self._ends.append(far)
            await asyncio.gather(self._carry("client", self._near, far), self._carry("server", far, self._near))
        except OSError:
            self.abort()
        for _, writer in self._ends:
            writer.close()

    async def _carry(self, side: str, source: End, sink: End) -> None:
        """One direction: reads here, while another task hands over what is due."""
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()
        handing = asyncio.create_task(self._hand_over(side, queue, sink[1]))
        try:
            while True:
                await self.line.open.wait()  # or else a sender would never notice that nobody takes anything
                data = await source[0].read(65536)
                queue.put_nowait((loop.time() + self.line.delay, data))
                if not data:
                    return await handing
        finally:
            handing.cancel()

    async def _hand_over(self, side: str, queue: asyncio.Queue[tuple[float, bytes]], sink: asyncio.StreamWriter) -> None:
        packets = Packets()
        sink.transport.set_write_buffer_limits(0)
        while True:
            due, data = await queue.get()
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            if not data:
                await self.line.open.wait()
                if not self.lost and not sink.is_closing():
                    sink.write_eof()
                return
            while data:
                await self.line.open.wait()
                if side == "server":
                    await self.line.heard.wait()
                data = data[await self._send(side, packets, data, sink) :]

    async def _send(self, side: str, packets: Packets, data: bytes, sink: asyncio.StreamWriter) -> int:
        """Hands over all, or as much as the trigger wants before it is called; returns how much."""
        trigger = self.line.trigger
        if trigger is None or trigger.side != side:
            trigger = None
        else:
            data = data[: trigger.room(packets, data)]
        ended = len(packets.feed(data))
        if not self.lost:
            sink.write(data)
            await sink.drain()
            self.line.counts[side].octets += len(data)
            self.line.counts[side].packets += ended
            self.line.turns += side == "client" != self.line.speaker
            self.line.speaker = side
            if trigger is not None and trigger is self.line.trigger and trigger.is_met(ended, len(data)):
                self.line.trigger = None
                trigger.do()
        return len(data)
