"""One conversation with the runner on a host, through one ssh process: requests go in, frames come out."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Callable, Collection, Iterable, Mapping

from reprun.hosts.shipping import pack_runner
from reprun.hosts.ssh_words import environment
from reprun.runner.bootstrap import MARK
from reprun.system.clock import ticks
from reprun.system.process import Conversation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Frame = tuple[dict[str, Any], memoryview]  # what it says, and contents, which are there until the next frame is read


_BEAT = 0.2  # the part of its patience after which the host gives a sign of life


class LinkError(Exception):
    """The conversation ended before its time: what ssh `said`, its exit `status` (None: silence), and had anybody `answered`."""

    def __init__(self, said: str, status: int | None, answered: bool) -> None:
        super().__init__(said)
        self.said = said
        self.status = status
        self.answered = answered


class OldPythonError(Exception):
    """The interpreter of the host is too old for the runner; the text is its version."""


class NoRunnerError(Exception):
    """The host has lost the runner since it was last asked; what was sent is lost too."""


class Session:
    """`limits`: how many seconds of silence mean that the host hangs, and the same until it has first answered, which are fewer
    where a connection is used that stood before: the network may be another one since."""

    def __init__(self, words: list[str], home: str, limits: tuple[float, float]) -> None:
        self.conversation = Conversation(words, environment())
        self.shipment = pack_runner()  # while ssh is on its way
        self.patience, self.doubt = limits
        self.until: float | None = None  # when the host must have answered: what shell files print is no sign of life
        self.nonce = os.urandom(12).hex()
        self.buffer = bytearray()
        self.body = bytearray()
        self.answered = False
        self.is_settled = False  # the host is known to have the runner
        self.pending = 0  # requests that are half sent, or whose answers have not come: what is read next would be another's
        self.home = home

    def greet(self, is_settled: bool) -> None:
        """The first words. Without `is_settled` the host is sent the runner if it says that it has none, see `settle`."""
        self.is_settled = is_settled
        hello = {
            "nonce": self.nonce, "digest": self.shipment.digest, "home": self.home, "waits": is_settled,
            "beat": self.patience * _BEAT,
        }  # fmt: skip
        self._write(json.dumps(hello).encode() + b"\n")

    def send(self, request: Mapping[str, Any], attached: Iterable[bytes] | None = None) -> None:
        """Sends a request without waiting for anything."""
        self.pending += 1
        text = json.dumps({**request, "attached": True} if attached is not None else dict(request)).encode()
        self._write(b"%d\n%s" % (len(text), text))
        if attached is not None:
            for piece in attached:
                if piece:
                    self._write(b"%d\n" % len(piece))
                    self._write(piece)
            self._write(b"0\n")

    def hint(self, request: Mapping[str, Any]) -> None:
        """Sends a request that is not answered."""
        self.send(request)
        self.pending -= 1

    def settle(self) -> None:
        """Before the first request to a host that may not have the runner: waits for what it says of that, and sends it."""
        self.pending += 1
        message, _ = self._listen()
        if message.get("has") is False:
            archive = self.shipment.archive()
            self._write(b"%d\n" % len(archive))
            self._write(archive)
        self.is_settled = True
        self.pending -= 1

    def receive(self, hear: Callable[[object], object]) -> Frame:
        """The next frame that says something; `hear` is given the steps in between. Raises `LinkError`, `OldPythonError` or
        `NoRunnerError`."""
        while True:
            message, body = self._listen()
            if message.get("has") is False:
                raise NoRunnerError
            if "step" in message:
                hear(message["step"])
            elif "alive" not in message and "has" not in message:
                self.pending -= "part" not in message
                return message, body

    def close(self) -> None:
        """Ends the conversation; the runner finishes what it does and goes."""
        if self.pending:
            self.conversation.kill()
        else:
            self.conversation.end()

    def _listen(self) -> Frame:
        message, body = self._read_frame()
        if "old" in message:
            raise OldPythonError(str(message["old"]))
        return message, body

    def _read_frame(self) -> Frame:
        self.until = self.until or ticks() + self.doubt
        head = f"{MARK} {self.nonce} ".encode()
        while True:
            at = self.buffer.find(head)
            end = self.buffer.find(b"\n", at) if at >= 0 else -1
            if end >= 0:
                sizes = [int(size) for size in self.buffer[at + len(head) : end].split()]
                del self.buffer[: end + 1]
                return self._parse(sizes)
            if at < 0:
                del self.buffer[: -len(head)]  # what shell files print, however much
            self._wait(sending=False)

    def _parse(self, sizes: list[int]) -> Frame:
        """A JSON object, and the bytes that come with it."""
        found: dict[str, Any] = json.loads(self._take(sizes[0]))
        self.answered = True
        return found, self._take_body(sum(sizes[1:]))

    def _take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            self._wait(sending=False)
        data = bytes(memoryview(self.buffer)[:size])
        del self.buffer[:size]
        return data

    def _take_body(self, size: int) -> memoryview:
        """Read to where it stays, into memory that is used again: new memory for each block takes longer than the reading."""
        if size > len(self.body):
            self.conversation.widen()
            self.body = bytearray(size)
        view = memoryview(self.body)[:size]
        got = min(size, len(self.buffer))
        view[:got] = memoryview(self.buffer)[:got]
        del self.buffer[:got]
        while got < size:
            self._await(sending=False)
            come = os.readv(self.conversation.output, [view[got:]])
            if not come:
                raise self.broken()
            got += come
        return view

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            if self._wait(sending=True):
                try:
                    left = left[self.conversation.write(left) :]
                except OSError:
                    raise self.broken() from None

    def _wait(self, sending: bool) -> bool:
        """Until something was heard, or, for one who is `sending`, can be said: True. Raises `LinkError` after silence.

        Who is sending listens too: a host that is slow to take a pack gives signs of life meanwhile.
        """
        ready = self._await(sending)
        if self.conversation.output in ready:
            data = os.read(self.conversation.output, 1 << 16)
            if not data:
                raise self.broken()
            self.buffer += data
        return self.conversation.input in ready

    def _await(self, sending: bool) -> Collection[int]:
        poll = select.poll()
        poll.register(self.conversation.output, select.POLLIN)
        if sending:
            poll.register(self.conversation.input, select.POLLOUT)
        left = self.patience if self.answered or self.until is None else self.until - ticks()
        ready = dict(poll.poll(left * 1000)) if left > 0 else {}
        if not ready:
            self.conversation.kill()
            raise LinkError(self.conversation.said(), None, self.answered)
        return ready

    def broken(self) -> LinkError:
        """The error for a link that is gone. Raises `NoRunnerError` where the host, still spoken to, had said that and left."""
        status = self.conversation.end()
        if self.is_settled and not self.answered and self._lacks_runner():
            raise NoRunnerError
        return LinkError(self.conversation.said(), status, self.answered)

    def _lacks_runner(self) -> bool:
        poll = select.poll()
        poll.register(self.conversation.output, select.POLLIN)
        while poll.poll(0) and (data := os.read(self.conversation.output, 1 << 18)):
            self.buffer += data
        _, _, last = self.buffer.partition(f"{MARK} {self.nonce} ".encode())
        return last.partition(b"\n")[2].startswith(b'{"has": false}')
