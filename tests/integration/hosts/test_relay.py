"""The relay of relay.py is slow and breaks as it says."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from lab import until
from relay import Relay
from relay_packets import Packets
from ssh_lab import SshHost, SshLab

SHORT = 0.2  # as long as nothing is to come
LONG = 60


class Echo:
    """A server that says back what it hears; `heard` is all of it, `ends` how its `accepted` connections ended."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = ("127.0.0.1", int(self.listener.getsockname()[1]))
        self.heard, self.accepted, self.ends = b"", 0, list[str]()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                end, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self.serve, args=(end,), daemon=True).start()

    def serve(self, end: socket.socket) -> None:
        with end:
            try:
                while data := end.recv(65536):
                    self.heard += data
                    end.sendall(data)
                self.ends.append("closed")
            except OSError:
                self.ends.append("reset")


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.listener.close()


@pytest.fixture
def relay(echo: Echo) -> Iterator[Relay]:
    with Relay(echo.address) as relay:
        yield relay


def connect(relay: Relay) -> socket.socket:
    return socket.create_connection(("127.0.0.1", relay.port), LONG)


def read(end: socket.socket, size: int) -> bytes:
    """Exactly so many bytes, or what comes before the end."""
    pieces = list[bytes]()
    while size and (piece := end.recv(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)


def is_silent(end: socket.socket) -> bool:
    """True when nothing comes for a short time, not even an end."""
    end.settimeout(SHORT)
    try:
        end.recv(1)
    except TimeoutError:
        return True
    finally:
        end.settimeout(LONG)
    return False


def test_bytes_and_ends_pass(relay: Relay, echo: Echo) -> None:
    data = b"0123456789" * 500_000
    with connect(relay) as end:
        threading.Thread(target=end.sendall, args=(data,), daemon=True).start()
        assert read(end, len(data)) == data
        end.shutdown(socket.SHUT_WR)
        assert end.recv(1) == b""
    until(lambda: echo.ends == ["closed"])
    assert relay.count("client").octets == relay.count("server").octets == len(data)


def test_a_delay_is_no_limit_of_throughput(relay: Relay) -> None:
    """Every byte comes late; many are on their way at once, so that all of them are not later than one."""
    relay.delay_ms = 500
    data = bytes(10_000_000)
    with connect(relay) as end:
        begin = time.monotonic()
        threading.Thread(target=end.sendall, args=(data,), daemon=True).start()
        assert read(end, len(data)) == data
        assert 1 <= time.monotonic() - begin < LONG  # 150 pieces, one after the other, would take 75 s or more


def test_a_cut_line_hangs_and_loses_nothing(relay: Relay, echo: Echo) -> None:
    with connect(relay) as old:
        old.sendall(b"before")
        assert read(old, 6) == b"before"
        relay.cut()
        old.sendall(b"while")
        old.shutdown(socket.SHUT_WR)
        with connect(relay) as new:
            new.sendall(b"new")
            assert is_silent(old) and is_silent(new)
            assert echo.heard == b"before" and echo.accepted == 1 and not echo.ends
            relay.heal()
            assert read(old, 6) == b"while" and read(new, 3) == b"new" and echo.accepted == 2


def test_a_cut_line_takes_no_more_than_fits(relay: Relay) -> None:
    with connect(relay) as end:
        end.sendall(b"x")
        assert read(end, 1) == b"x"
        relay.cut()
        end.settimeout(SHORT)
        with pytest.raises(TimeoutError):
            end.sendall(bytes(100_000_000))


def test_a_lost_connection_stays_lost_and_new_ones_work(relay: Relay, echo: Echo) -> None:
    with connect(relay) as old:
        old.sendall(b"old")
        assert read(old, 3) == b"old"
        relay.lose()
        old.sendall(b"gone")
        relay.heal()
        with connect(relay) as new:
            new.sendall(b"new")
            assert read(new, 3) == b"new"
        assert is_silent(old)
    until(lambda: echo.ends)
    assert echo.ends == ["closed"] and b"gone" not in echo.heard


def test_reset_is_seen_by_both_ends(relay: Relay, echo: Echo) -> None:
    with connect(relay) as end:
        end.sendall(b"x")
        assert read(end, 1) == b"x"
        relay.reset()
        with pytest.raises(ConnectionResetError):
            end.recv(1)
    until(lambda: echo.ends == ["reset"])
    with connect(relay) as end:
        end.sendall(b"x")
        assert read(end, 1) == b"x"


def test_an_end_that_is_reset_resets_the_other(relay: Relay, echo: Echo) -> None:
    with connect(relay) as end:
        end.sendall(b"x")
        assert read(end, 1) == b"x"
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    until(lambda: echo.ends == ["reset"])


def test_refuse_and_hang_concern_new_connections(relay: Relay) -> None:
    with connect(relay) as old:
        old.sendall(b"x")
        assert read(old, 1) == b"x"
        relay.refuse()
        with pytest.raises(ConnectionRefusedError):
            connect(relay)
        relay.heal()
        relay.hang()
        with connect(relay) as new:
            new.sendall(b"new")
            assert is_silent(new)
            relay.heal()
            assert is_silent(new)
        old.sendall(b"old")
        assert read(old, 3) == b"old"
        assert connect(relay).send(b"x") == 1


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize("fault", ["cut", "reset", "lose"])
def test_a_fault_comes_after_so_many_bytes(relay: Relay, echo: Echo, side: str, fault: str) -> None:
    with connect(relay) as end:
        end.sendall(b"before")
        assert read(end, 6) == b"before"
        relay.when(getattr(relay, fault), side, octets=3)
        end.sendall(b"abcdef")
        assert relay.fired.wait(LONG)
        came = b""
        if side == "server":
            assert echo.heard == b"beforeabcdef"
            came = read(end, 3)
            assert came == b"abc"
        if fault == "reset":
            with pytest.raises(ConnectionResetError):
                end.recv(1)
            until(lambda: echo.ends == ["reset"])
        else:
            assert is_silent(end) and not echo.ends
        assert echo.heard == (b"beforeabc" if side == "client" else b"beforeabcdef")


def test_packets_are_found_wherever_the_pieces_end() -> None:
    """A greeting, two packets that are not encrypted, one that is."""
    plain, newkeys = b"\0\0\0\x0c\4\x14" + bytes(10), b"\0\0\0\x0c\x0a\x15" + bytes(10)
    secret = b"\0\0\0\x20" + bytes(range(32)) + bytes(16)
    said = [b"a line before\r\nSSH-2.0-x\r\n", plain, newkeys, secret, secret]
    ends = [sum(map(len, said[: count + 1])) for count in range(1, len(said))]
    whole = b"".join(said)
    assert Packets().feed(whole) == ends
    for size in (1, 3, 7, 30):
        packets, found = Packets(), list[int]()
        for start in range(0, len(whole), size):
            piece = whole[start : start + size]
            assert packets.peek(piece) == packets.peek(piece)
            found += [start + end for end in packets.feed(piece)]
        assert found == ends


@pytest.fixture
def far(ssh_lab: SshLab) -> tuple[SshHost, Relay]:
    host = ssh_lab.host()
    return host, ssh_lab.relay(host)


def test_ssh_goes_through(far: tuple[SshHost, Relay]) -> None:
    host, relay = far
    assert host.run("echo hello", name=relay.name).stdout == b"hello\n"
    assert relay.accepted == 1 and relay.count("client").packets > 8 and relay.count("server").packets > 8
    assert host.run("echo hello").stdout == b"hello\n" and relay.accepted == 1


def await_silence(relay: Relay) -> None:
    """Until nobody has said anything for a while."""

    def said() -> tuple[int, int]:
        return relay.count("client").packets, relay.count("server").packets

    def is_silent() -> bool:
        before = said()
        time.sleep(0.3)
        return said() == before

    until(is_silent)


def test_the_answer_of_a_command_that_ran_is_lost(far: tuple[SshHost, Relay]) -> None:
    """Over a connection that stands: the packets are the same each time, and the command is in the second of the client."""
    host, relay = far
    socket_path = host.lab.folder / "mux"
    mux = ["-o", "BatchMode=yes", "-o", f"ControlPath={socket_path}", relay.name]
    subprocess.run([*host.command, "-o", "ControlMaster=yes", "-o", "ControlPersist=600", "-f", "-N", *mux], check=True)
    for packets, ran in ((1, []), (2, ["ran2"])):
        await_silence(relay)  # the end of what went before has packets too
        relay.when(relay.cut, "client", packets=packets)
        with subprocess.Popen([*host.command, *mux, f"mkdir ran{packets}"], stdin=subprocess.DEVNULL) as client:
            assert relay.fired.wait(LONG)
            for name in ran:
                until((host.home / name).exists)
            assert client.poll() is None
            assert sorted(os.listdir(host.home)) == [*["ran1"][: packets - 1], *ran]
            relay.heal()
            assert client.wait(LONG) == 0


def test_a_host_that_dies_in_the_middle(far: tuple[SshHost, Relay]) -> None:
    host, relay = far
    relay.when(host.power_cut, "server", packets=6)
    assert host.run("echo hello", name=relay.name).returncode == 255 and relay.fired.is_set()
    host.start()
    assert host.run("echo hello", name=relay.name).stdout == b"hello\n"
