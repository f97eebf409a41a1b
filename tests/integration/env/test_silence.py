"""A server that takes a connection and says nothing ends the wait; one that works, and work without a network, do not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pypi_index import PypiIndex

from reprun.core.errors import ToolError
from reprun.env import silence
from reprun.env.locking import Order, make_lock
from reprun.env.silence import SilentError, unless_silent
from reprun.env.solver import OURS, find_solver
from reprun.env.sources import Sources


@pytest.fixture
def silent() -> Iterator[str]:
    """A connection on which nothing comes; gives the other end."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as one:
        yield ":".join(map(str, one.getpeername()))


def test_what_waits_for_a_silent_server_is_ended_and_named(silent: str) -> None:
    with pytest.raises(SilentError, match=silent):
        asyncio.run(unless_silent(asyncio.sleep(1000), 0.3))


def test_work_is_not_silence(silent: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(silence, "_WORK", 0.0)  # to look is enough work

    async def work() -> str:
        await asyncio.sleep(0.5)
        return "done"

    assert asyncio.run(unless_silent(work(), 0.1)) == "done"


def test_a_channel_that_hangs_is_a_sentence_long_before_the_time_limit(
    private_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRUN_SOLVER_SILENCE", "1")
    with PypiIndex(tmp_path / "served") as server:
        server.answers.clear()
        text = f"channels: ['{server.url}']\ndependencies: [dial]\n".encode()
        order = Order(Sources((("environment.yml", text),)), {"linux-64": {"__glibc": "2.36"}}, str(tmp_path / "cache"), 600)
        with pytest.raises(
            ToolError, match=r"the channels of environment.yml do not answer: nothing has come from 127.0.0.1:"
        ) as caught:
            make_lock(order, find_solver(OURS, {}), None, lambda said: None)
    assert "channels" in caught.value.hint
