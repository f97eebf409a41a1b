"""A TCP relay between a client and a server that can be slow, hang and break, as the test says.

    with Relay(("127.0.0.1", host.port)) as relay:
        relay.delay_ms = 25                             # one way: a round trip of 50 ms, at any throughput
        relay.when(relay.cut, "client", packets=12)     # as soon as the server has the client's 12th packet from now on
        ...
        relay.heal()

| fault      | connections that stand                  | new connections             | after `heal()`                        |
|------------|-----------------------------------------|-----------------------------|---------------------------------------|
| `cut()`    | hang; nothing arrives, nothing is lost  | hang                        | all go on, as TCP does when it repeats |
| `mute()`   | what the server says is kept, what the client says arrives | the same | all go on             |
| `lose()`   | hang for ever, as in another network    | as ever                     |                                       |
| `reset()`  | both ends see a reset                   | as ever                     |                                       |
| `refuse()` | go on                                   | are refused                 | new ones are served                   |
| `hang()`   | go on                                   | accepted and never answered | new ones are served                   |
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine

from relay_connection import Connection, Count, Line, Trigger


class Relay:
    """Listens on `port` of 127.0.0.1, and leads to `target`. `name` is for the test."""

    def __init__(self, target: tuple[str, int], name: str = "") -> None:
        self.target, self.name = target, name
        self.port = 0
        self.accepted = 0  # connections, ever
        self.fired = threading.Event()  # what was said with `when` came
        self._line = Line()
        self._connections: set[Connection] = set()
        self._is_silent = False
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="relay", daemon=True)
        self._thread.start()
        self.heal()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def delay_ms(self) -> float:
        """How long each byte is on its way."""
        return self._line.delay * 1000

    @delay_ms.setter
    def delay_ms(self, delay: float) -> None:
        self._line.delay = delay / 1000

    def count(self, side: str) -> Count:
        """What "client" or "server" said so far."""
        return self._line.counts[side]

    @property
    def turns(self) -> int:
        """How often the client spoke first or after the server had, since `forget_turns`: of each round trip, the way there."""
        return self._line.turns

    def forget_turns(self) -> None:
        """Begins to count anew."""
        self._line.turns, self._line.speaker = 0, ""

    def cut(self) -> None:
        """From now on nothing arrives, and nobody is told."""
        self._do(self._line.open.clear)

    def mute(self) -> None:
        """From now on the client hears nothing; the server does."""
        self._do(self._line.heard.clear)

    def lose(self) -> None:
        """The connections that stand never hear of each other again, and are not told."""

        def lose() -> None:
            for connection in self._connections:
                connection.lost = True

        self._do(lose)

    def reset(self) -> None:
        """Closes the connections that stand, hard."""

        def reset() -> None:
            for connection in self._connections:
                connection.abort()

        self._do(reset)

    def refuse(self) -> None:
        """Nobody listens any more. The connections that stand go on."""
        if self._server is not None:
            self._do(self._server.close)
            self._server = None

    def hang(self) -> None:
        """New connections are accepted and never answered."""
        self._is_silent = True

    def heal(self) -> None:
        """Ends every fault, and forgets what `when` was told. Not for a trigger."""
        self._line.trigger, self._is_silent = None, False
        self._do(self._line.open.set)
        self._do(self._line.heard.set)
        if self._server is None:
            self._wait(self._listen())

    def when(self, do: Callable[[], object], side: str, packets: int = 0, octets: int = 0) -> None:
        """Calls `do` as soon as so many SSH packets, or bytes, that `side` says from now on have been handed over.

        Nothing more moves before `do` has returned: it may be `relay.cut`, `relay.reset`, `host.power_cut`, …
        """
        assert side in ("client", "server") and (packets > 0) != (octets > 0)
        self.fired.clear()

        def call() -> None:
            do()
            self.fired.set()

        self._line.trigger = Trigger(call, side, packets, octets)

    def close(self) -> None:
        """Ends the relay with all its connections."""
        if self._thread.is_alive():
            self.refuse()
            self._wait(self._end())
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=100)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(self._line, (reader, writer))
        self._connections.add(connection)
        self.accepted += 1
        try:
            await (asyncio.Event().wait() if self._is_silent else connection.run(self.target))
        except asyncio.CancelledError:
            pass  # aborted
        finally:
            self._connections.discard(connection)

    async def _end(self) -> None:
        """Every connection is aborted, and its task over."""
        while self._connections:
            for connection in set(self._connections):
                connection.abort()
            await asyncio.sleep(0.001)

    def _do(self, action: Callable[[], object]) -> None:
        """Calls it in the thread of the relay, and returns when that is done."""

        async def call() -> None:
            action()

        if threading.current_thread() is self._thread:
            action()
        else:
            self._wait(call())

    def _wait(self, coroutine: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(60)
