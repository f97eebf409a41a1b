"""One conversation with the runner on a host, through one ssh process: requests go in, frames come out."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Iterable, Mapping
from typing import Any

from reprun.hosts.shipping import Shipment
from reprun.runner.bootstrap import MARK
from reprun.system.clock import ticks
from reprun.system.process import Conversation


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
    """`patience` is how many seconds of silence mean that the host hangs."""

    def __init__(self, words: list[str], shipment: Shipment, home: str, patience: float) -> None:
        self.conversation = Conversation(words)
        self.shipment = shipment
        self.patience = patience
        self.nonce = os.urandom(12).hex()
        self.buffer = b""
        self.answered = False
        self.is_settled = False  # the host is known to have the runner
        hello = {"nonce": self.nonce, "digest": shipment.digest, "home": home}
        self._write(json.dumps(hello).encode() + b"\n")

    def send(self, request: Mapping[str, Any], attached: Iterable[bytes] | None = None) -> None:
        """Sends a request without waiting for anything."""
        text = json.dumps({**request, "attached": True} if attached is not None else dict(request)).encode()
        self._write(b"%d\n%s" % (len(text), text))
        if attached is not None:
            for piece in attached:
                if piece:
                    self._write(b"%d\n" % len(piece))
                    self._write(piece)
            self._write(b"0\n")

    def settle(self) -> None:
        """Before the first request to a host that may not have the runner: waits for what it says of that, and sends it."""
        message = self._listen()
        if message.get("has") is False:
            archive = self.shipment.archive()
            self._write(b"%d\n" % len(archive))
            self._write(archive)
        self.is_settled = True

    def receive(self) -> dict[str, Any]:
        """The next frame that says something. Raises `LinkError`, `OldPythonError` or `NoRunnerError`."""
        while True:
            message = self._listen()
            if message.get("has") is False:
                raise NoRunnerError
            if "alive" not in message and "has" not in message:
                return message

    def _listen(self) -> dict[str, Any]:
        message = self._read_frame()
        if "old" in message:
            raise OldPythonError(str(message["old"]))
        return message

    def close(self) -> None:
        """Ends the conversation; the runner finishes what it does and goes."""
        self.conversation.end()

    def _read_frame(self) -> dict[str, Any]:
        head = f"{MARK} {self.nonce} ".encode()
        while True:
            at = self.buffer.find(head)
            end = self.buffer.find(b"\n", at) if at >= 0 else -1
            if end >= 0:
                size = int(self.buffer[at + len(head) : end])
                while len(self.buffer) < end + 1 + size:
                    self._fill()
                text, self.buffer = self.buffer[end + 1 : end + 1 + size], self.buffer[end + 1 + size :]
                self.answered = True
                found: dict[str, Any] = json.loads(text)
                return found
            if at < 0:
                self.buffer = self.buffer[-len(head) :]  # what shell files print, however much
            self._fill()

    def _fill(self) -> None:
        data = self._wait_and_read()
        if not data:
            raise self.broken()
        self.buffer += data

    def _wait_and_read(self) -> bytes:
        until = ticks() + self.patience
        poll = select.poll()
        poll.register(self.conversation.output, select.POLLIN | select.POLLHUP)
        while not poll.poll(max(0.0, until - ticks()) * 1000):
            if ticks() >= until:
                self.conversation.kill()
                raise LinkError(self.conversation.said(), None, self.answered)
        return os.read(self.conversation.output, 1 << 16)

    def _write(self, data: bytes) -> None:
        try:
            self.conversation.write(data)
        except OSError:
            raise self.broken() from None

    def broken(self) -> LinkError:
        """The error for a link that is gone."""
        status = self.conversation.end()
        return LinkError(self.conversation.said(), status, self.answered)
