"""Packages come over HTTP from servers that fail now and then, and what arrives is what was locked."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conda_channel import Channel
from env_lab import make

from reprun.runner.env_archives import collect
from reprun.runner.errors import RunnerError
from reprun.runner.paths import Home


class Server(http.server.ThreadingHTTPServer):
    """A channel over HTTP. `failures`: for the next requests a status, or "cut" for an answer that breaks off."""

    def __init__(self, root: Path) -> None:
        self.failures: list[Any] = []
        self.seen: list[str] = []
        super().__init__(("127.0.0.1", 0), partial(_Handler, directory=str(root)))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def plan(self, channel: Channel, *names: str) -> dict[str, Any]:
        """A plan whose packages are here."""
        plan = channel.plan(*names)
        for package in plan["packages"]:
            package["url"] = package["url"].replace(channel.url, f"http://127.0.0.1:{self.server_address[1]}")
        return plan


class _Handler(http.server.SimpleHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.seen.append(self.path)
        failure = self.server.failures.pop(0) if self.server.failures else None
        if failure == "cut":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            self.wfile.write(b"the first bytes")
        elif failure:
            self.send_error(failure)
        else:
            super().do_GET()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server(conda_channel: Channel) -> Iterator[Server]:
    """The tests' channel."""
    server = Server(conda_channel.root)
    yield server
    server.shutdown()
    server.server_close()


def test_a_server_that_stumbles_is_asked_again_and_what_is_here_is_not_fetched(
    conda_channel: Channel, server: Server, home: Path
) -> None:
    server.failures = ["cut", 503]
    plan = server.plan(conda_channel, "dial")
    record = make(home, plan)
    assert Path(record["prefix"], "share/dial/version").read_text() == "2.0\n"
    assert len(server.seen) == 3
    make(home, server.plan(conda_channel, "dial", "dialer"))
    assert len(server.seen) == 4


def test_what_a_server_has_no_more_is_said_by_name_and_not_asked_for_again(
    conda_channel: Channel, server: Server, home: Path
) -> None:
    server.failures = [404]
    with pytest.raises(RunnerError, match=r"the package dial-2\.0-h0_0\.conda is gone: HTTP 404 \(http://127"):
        make(home, server.plan(conda_channel, "dial"))
    assert len(server.seen) == 1


def test_a_host_that_cannot_fetch_stops_to_try(conda_channel: Channel, server: Server, home: Path) -> None:
    plan = server.plan(conda_channel, *(line["name"] for line in conda_channel.lines()))
    server.failures = [404] * 100
    found = collect(Home(str(home)), plan["packages"], may_lack=True)
    assert found.lacking == plan["packages"] and not found.paths and "is gone" in found.why
    assert len(server.seen) < len(plan["packages"])


def test_a_host_without_a_way_out_lacks_everything(conda_channel: Channel, server: Server, home: Path) -> None:
    plan = server.plan(conda_channel, "dial", "dialer")
    server.shutdown()
    server.server_close()
    found = collect(Home(str(home)), plan["packages"], may_lack=True)
    assert found.lacking == plan["packages"] and "refused" in found.why


def test_an_address_that_is_none_of_a_package_is_refused(conda_channel: Channel, home: Path) -> None:
    plan = conda_channel.plan("dial")
    plan["packages"][0]["url"] = "ftp://127.0.0.1/dial-2.0-h0_0.conda"
    with pytest.raises(RunnerError, match=r"dial-2\.0-h0_0\.conda cannot be fetched from ftp:"):
        make(home, plan)
