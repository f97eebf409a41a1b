"""What the keys of `reprun top` do, on a host that is made up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from textual.pilot import Pilot
from textual.widgets import Static

from reprun.cli import top_watch
from reprun.cli.top_app import Top
from reprun.cli.top_rows import Rows
from reprun.cli.top_screens import Asking, Details, Log
from reprun.commands.queue_care import Queued
from reprun.commands.topping import Look, Source
from reprun.core.errors import RefusedError, UnreachableError

RUN, FIRST, SECOND = (f"20261121-080000-{end}" for end in ("runnin", "first0", "second"))


class Host:
    """One slot with a run, two runs that wait; it remembers what it was asked to do."""

    on = "gpu1"

    def __init__(self) -> None:
        self.did: list[tuple[str, ...]] = []
        self.trouble: Exception | None = None
        self.is_paused = False
        self.held = ""

    def look(self) -> Look:
        if self.trouble is not None:
            raise self.trouble
        entries: list[dict[str, Any]] = [{"run_id": RUN, "state": "running", "name": "base"}]
        for place, run_id in enumerate((FIRST, SECOND), 1):
            entries.append({"run_id": run_id, "state": "held" if run_id == self.held else "queued", "position": place})
        answer = {
            "entries": entries,
            "slots": [{"name": "0", "run_id": RUN}, {"name": "1", "why": "nothing is queued for it"}],
            "worker": {"state": "running"},
            "paused": self.is_paused,
        }
        return Look(Queued("gpu1", answer, {}), answer, time.time())

    def stop(self, run_id: str) -> str:
        self.did.append(("stop", run_id))
        return "stopped"

    def raise_up(self, run_id: str) -> None:
        if run_id == RUN:
            raise RefusedError(f"{run_id} does not wait in the queue")
        self.did.append(("raise", run_id))

    def change(self, do: str, run_id: str) -> None:
        self.held = run_id if do == "hold" else ""
        self.did.append((do, run_id))

    def whole(self, do: str) -> None:
        self.is_paused = do == "pause"
        self.did.append((do,))

    def log(self, run_id: str, read: object) -> tuple[str, bool]:
        return "epoch 1\n", True

    def details(self, run_id: str) -> dict[str, Any]:
        return {"state": {"state": "running"}, "manifest": {"command": {"argv": ["python", "train.py"]}}, "log": "epoch 1\n"}


class Seat:
    """A person in front of `reprun top`."""

    def __init__(self, host: Host, top: Top, pilot: Pilot[None]) -> None:
        self.host, self.top, self.pilot = host, top, pilot

    async def until(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, (self.texts(), self.host.did)
            await self.pilot.pause(0.01)

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    def texts(self) -> str:
        return " ".join(str(part.render()) for screen in self.top.screen_stack for part in screen.query(Static))

    async def reads(self, text: str) -> None:
        await self.until(lambda: text in self.texts())


def sit(what: Callable[[Seat], Awaitable[None]], size: tuple[int, int] = (80, 24)) -> Host:
    """Runs `what` on a terminal of that size."""
    host = Host()

    async def go() -> None:
        source = cast("Source", host)
        top = Top([source], {"gpu1": host.look()}, 0.05)
        async with top.run_test(size=size) as pilot:
            await what(Seat(host, top, pilot))

    asyncio.run(go())
    return host


def test_stop_asks_first() -> None:
    async def what(seat: Seat) -> None:
        await seat.press("s")
        await seat.until(lambda: isinstance(seat.top.screen, Asking))
        assert f"stop base ({RUN})" in seat.texts()
        await seat.press("n", "s", "escape")
        await seat.until(lambda: not isinstance(seat.top.screen, Asking))
        assert not seat.host.did
        await seat.press("s", "y")
        await seat.reads("base: stopped")

    assert sit(what).did == [("stop", RUN)]


def test_the_keys_for_what_waits() -> None:
    async def what(seat: Seat) -> None:
        await seat.press("r")
        await seat.reads("does not wait in the queue")
        await seat.press("tab", "down", "r")
        await seat.reads("second comes first")
        await seat.press("h")
        await seat.reads("is held: h again lets it go")
        await seat.until(lambda: seat.top.query_one("#waiting", Rows).rows[1].is_dim)
        await seat.press("h")
        await seat.reads("second may start")
        await seat.press("p")
        await seat.reads("paused: reprun queue resume")
        await seat.press("p")
        await seat.reads("the queue goes on")

    assert sit(what).did == [("raise", SECOND), ("hold", SECOND), ("release", SECOND), ("pause",), ("resume",)]


def test_opening_and_following() -> None:
    async def what(seat: Seat) -> None:
        await seat.press("enter")
        await seat.until(lambda: isinstance(seat.top.screen, Details))
        await seat.reads("python train.py")
        assert "epoch 1" in seat.texts()
        await seat.press("f")
        await seat.until(lambda: isinstance(seat.top.screen, Log))
        await seat.reads("it is over")
        await seat.press("q", "down", "o")
        await seat.reads("no run is in this slot")
        assert len(seat.top.screen_stack) == 1

    assert sit(what).did == []


def test_troubles_are_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(top_watch, "write_report", lambda *_: "report.txt")

    async def what(seat: Seat) -> None:
        seat.host.trouble = UnreachableError("gpu1 cannot be reached")
        await seat.reads("gpu1 cannot be reached: trying again")
        seat.host.trouble = KeyError("a fault")
        await seat.reads("this is a fault of reprun: KeyError('a fault')")
        seat.host.trouble = None
        await seat.until(lambda: "fault" not in str(seat.top.query_one("#trouble", Static).render()))
        assert seat.top.query_one("#running", Rows).rows

    sit(what)


def test_sorting_and_the_cursor() -> None:
    async def what(seat: Seat) -> None:
        table = seat.top.query_one("#running", Rows)
        await seat.press("t", "t", "t")
        await seat.until(lambda: table.sorted_by == "name")
        await seat.press("end")
        assert table.cursor == 1 and table.row is not None and not table.row.run_id
        await seat.press("home")
        assert table.row is not None and table.row.run_id == RUN

    sit(what, (40, 10))


def test_no_size_is_too_small() -> None:
    async def what(seat: Seat) -> None:
        for width, height in ((20, 5), (10, 3), (1, 1), (300, 100)):
            await seat.pilot.resize_terminal(width, height)
            await seat.pilot.pause()
        await seat.press("o")
        await seat.until(lambda: isinstance(seat.top.screen, Details))

    sit(what)
