"""The network of netlab.py: a switch in this process, with a cable to each host that can be long, or cut.

Each end of a cable is a TUN device: what its host sends comes out of a file here as whole IP packets. Nothing else is needed
from the kernel, and a packet that is dropped here is lost in the middle of nowhere: neither end is told.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import selectors
import socket
import struct
import threading
import time
from dataclasses import dataclass

_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 1, 0x1000


@dataclass(eq=False)
class Cable:
    """Leads to the host with this address, whose TUN device is open as `fd`. `to` and `of` it packets pass, after `delay`."""

    address: str
    fd: int
    to: bool = True
    of: bool = True
    delay: float = 0.0  # seconds, one way


def open_tun(name: str) -> int:
    """Makes a device in the network of this thread. It is gone when the file is closed."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(fd, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return fd


class Switch(threading.Thread):
    """Hands over packets between cables until `close`."""

    def __init__(self) -> None:
        super().__init__(name="switch", daemon=True)
        self._cables: dict[bytes, Cable] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()  # for the two above, and for what is done with a file of a cable
        self._ended = False
        self._due: list[tuple[float, int, bytes, Cable]] = []
        self._count = 0

    def plug(self, cable: Cable) -> None:
        """Adds a cable, in the place of one with the same address."""
        with self._lock:
            self._cables[socket.inet_aton(cable.address)] = cable
            self._selector.register(cable.fd, selectors.EVENT_READ, cable)

    def unplug(self, cable: Cable) -> None:
        """Takes it out and closes its file; what was on its way is lost."""
        with self._lock:
            self._unplug(cable)

    def _unplug(self, cable: Cable) -> None:
        if self._cables.get(socket.inet_aton(cable.address)) is cable:
            del self._cables[socket.inet_aton(cable.address)]
            self._selector.unregister(cable.fd)
            os.close(cable.fd)

    def has(self, cable: Cable) -> bool:
        """Whether it is plugged in, and its host alive."""
        return cable in self._cables.values()

    def rename(self, cable: Cable, address: str) -> None:
        """The host at its end has another address now."""
        with self._lock:
            del self._cables[socket.inet_aton(cable.address)]
            cable.address = address
            self._cables[socket.inet_aton(address)] = cable

    def close(self) -> None:
        """Ends it, and with it every device."""
        self._ended = True
        self.join()
        for cable in list(self._cables.values()):
            self.unplug(cable)
        self._selector.close()

    def run(self) -> None:
        """A cable that is plugged in while it waits is seen at once; only `close` waits for it."""
        while not self._ended:
            wait = min(0.1, max(0.0, self._due[0][0] - time.monotonic())) if self._due else 0.1
            for key, _ in self._selector.select(wait):
                self._take(key.data)
            self._hand_over()

    def _take(self, cable: Cable) -> None:
        """Reads what the host at its end has sent."""
        with self._lock:
            while self.has(cable):
                try:
                    packet = os.read(cable.fd, 65536)
                except BlockingIOError:
                    return
                except OSError:
                    self._unplug(cable)  # its host has died
                    return
                self._send(packet, cable)

    def _send(self, packet: bytes, cable: Cable) -> None:
        target = self._cables.get(packet[16:20]) if packet[0] >> 4 == 4 else None
        if target is not None and cable.of:
            self._count += 1
            heapq.heappush(self._due, (time.monotonic() + cable.delay + target.delay, self._count, packet, target))

    def _hand_over(self) -> None:
        """Writes what is due; a cable that is cut loses it."""
        with self._lock:
            while self._due and self._due[0][0] <= time.monotonic() + 0.0002:
                packet, cable = heapq.heappop(self._due)[2:]
                if cable.to and self.has(cable):
                    try:
                        os.write(cable.fd, packet)
                    except OSError:
                        pass  # the host is down: the packet is lost
