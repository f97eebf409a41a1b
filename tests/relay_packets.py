"""Where the packets of SSH end in one direction of a connection.

They are encrypted, but with the ciphers `aes*-gcm@openssh.com` the length in front of each is not, and the mark behind it always
has 16 bytes. The ssh_config of ssh_lab.py asks for one of these.
"""

from __future__ import annotations

import copy

_NEWKEYS = 21  # the type of the last packet that is not encrypted
_MARK = 16


class Packets:
    """Follows the bytes of one direction from their beginning. What is not SSH has no packets."""

    def __init__(self) -> None:
        self._seen = b""  # the part of a greeting, or of the head of a packet, that has come
        self._left = 0  # bytes of the packet that are still to come
        self._mark = 0
        self._greeted = False

    def peek(self, data: bytes) -> list[int]:
        """As `feed` would say, if these data came next."""
        return copy.copy(self).feed(data)

    def feed(self, data: bytes) -> list[int]:
        """How far into the data each packet reaches that ends in them."""
        ends, place = [], 0
        while place < len(data):
            if not self._greeted:
                place = self._greet(data)
            elif self._left == 0:
                place = self._begin(data, place)
            else:
                step = min(self._left, len(data) - place)
                self._left -= step
                place += step
                if self._left == 0:
                    ends.append(place)
        return ends

    def _greet(self, data: bytes) -> int:
        """The greeting ends with the first line that begins with SSH-; returns where it does."""
        come = len(self._seen)
        self._seen += data
        start = 0
        while (end := self._seen.find(b"\n", start) + 1) > 0:
            if self._seen.startswith(b"SSH-", start):
                self._seen, self._greeted = b"", True
                return end - come
            start = end
        return len(data)

    def _begin(self, data: bytes, place: int) -> int:
        """The head of a packet: its length, and before encryption the number of filling bytes and the type."""
        size = 4 if self._mark else 6
        step = size - len(self._seen)
        self._seen += data[place : place + step]
        if len(self._seen) == size:
            self._left = int.from_bytes(self._seen[:4], "big") + 4 - size + self._mark
            if size == 6 and self._seen[5] == _NEWKEYS:
                self._mark = _MARK
            self._seen = b""
        return min(place + step, len(data))
