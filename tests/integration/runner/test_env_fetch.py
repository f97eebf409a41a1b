"""Packages come over HTTP from servers that fail now and then, and what arrives is what was locked."""

from __future__ import annotations

import http.server
import shutil
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conda_channel import Channel
from env_lab import make

from reprun.runner.env_archives import Way, collect
from reprun.runner.env_fetch import list_labels
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


def test_what_a_channel_has_lost_is_taken_from_another_label_of_it_if_it_is_the_same_and_this_is_kept(
    conda_channel: Channel, home: Path, tmp_path: Path
) -> None:
    mine = conda_channel.copy(tmp_path / "mine")
    for label, name in (("wrong", "dialer"), ("broken", "dial")):  # the first has another file under the name
        place = mine.root / "label" / label / "noarch"
        place.mkdir(parents=True)
        shutil.copy(mine.root / "noarch" / mine.entry(name)["file"], place / mine.entry("dial")["file"])
    server = Server(mine.root)
    try:
        plan = server.plan(mine, "dial")
        mine.take_away("dial")
        with pytest.raises(
            RunnerError, match=r"looked for in vain: .*/label/wrong/noarch/dial-2\.0-h0_0\.conda \(another package"
        ):
            make(home, plan, labels=["main", "wrong"])
        record = make(home, plan, labels=["main", "wrong", "broken"])
        found = f"http://127.0.0.1:{server.server_address[1]}/label/broken/noarch/dial-2.0-h0_0.conda"
        assert record["replaced"] == [["dial-2.0-h0_0.conda", found]]
        again = make(home, {**plan, "digest": "0" * 64})
        assert again["replaced"] == record["replaced"], "what is taken from the cache is still from there"
        assert "/label/main/noarch/dial-2.0-h0_0.conda" in server.seen
    finally:
        server.shutdown()
        server.server_close()


def test_packages_of_labels_are_looked_for_in_the_others_and_in_none() -> None:
    package = {"manager": "conda", "sha256": "0", "subdir": "noarch", "url": "https://host/t/x/chan/label/dev/noarch/a-1-0.conda"}
    assert list(list_labels(package, ["main", "dev"])) == [
        "https://host/t/x/chan/noarch/a-1-0.conda", "https://host/t/x/chan/label/main/noarch/a-1-0.conda"
    ]  # fmt: skip
    for other in ({"manager": "pip"}, {"sha256": ""}, {"url": "https://host/a-1-0.conda"}):
        assert not list(list_labels({**package, **other}, ["main"]))


def test_one_package_that_is_gone_does_not_keep_a_host_from_fetching_the_others(
    conda_channel: Channel, server: Server, home: Path
) -> None:
    plan = server.plan(conda_channel, "dial", "dialer", "fleeting", "greeter")
    lost = plan["packages"][2]
    lost["url"] += ".away"
    found = collect(Home(str(home)), plan["packages"], Way(may_lack=True))
    assert found.lacking == [lost] and list(found.gone) == [lost["file"]] and len(found.fetched) == 3


def test_a_host_without_a_way_out_lacks_everything(conda_channel: Channel, server: Server, home: Path) -> None:
    plan = server.plan(conda_channel, "dial", "dialer")
    server.shutdown()
    server.server_close()
    found = collect(Home(str(home)), plan["packages"], Way(may_lack=True))
    assert found.lacking == plan["packages"] and "refused" in found.why


def test_an_address_that_is_none_of_a_package_is_refused(conda_channel: Channel, home: Path) -> None:
    plan = conda_channel.plan("dial")
    plan["packages"][0]["url"] = "ftp://127.0.0.1/dial-2.0-h0_0.conda"
    with pytest.raises(RunnerError, match=r"dial-2\.0-h0_0\.conda cannot be fetched from ftp:"):
        make(home, plan)
