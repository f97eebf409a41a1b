"""A channel that wants a password gets that of ~/.netrc, and the lock does not have it."""

from __future__ import annotations

import base64
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from conda_channel import Channel

from reprun.core.errors import ToolError
from reprun.env.lockfile import read_packages
from reprun.env.locking import Order, make_lock
from reprun.env.solver import OURS, find_solver
from reprun.env.sources import Sources

PLATFORM = "linux-64"


class _Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.headers.get("Authorization") == "Basic " + base64.b64encode(b"me:s3cr3t").decode():
            super().do_GET()
            return
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def served(conda_channel: Channel) -> Iterator[str]:
    """Where the channel is."""
    handler = functools.partial(_Handler, directory=str(conda_channel.root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_it_is_read_with_what_netrc_says(served: str, private_home: Path, tmp_path: Path) -> None:
    text = f"channels: ['{served}']\ndependencies: [dial]\n".encode()
    cache = tmp_path / "cache"
    order = Order(Sources((("environment.yml", text),)), {PLATFORM: {"__glibc": "2.36"}}, str(cache), 120)
    with pytest.raises(ToolError, match=f"the channel {served}/? wants a name and password") as caught:
        make_lock(order, find_solver(OURS, {}), None, lambda said: None)
    assert "machine 127.0.0.1 login NAME password PASSWORD" in caught.value.hint
    (private_home / ".netrc").write_text("machine 127.0.0.1 login me password s3cr3t\n")
    (private_home / ".netrc").chmod(0o600)
    lock = make_lock(order, find_solver(OURS, {}), None, lambda said: None)
    assert [item["url"].partition("/noarch/")[0] for item in read_packages(lock, PLATFORM, None)] == [served]
    assert not [path for path in cache.rglob("*") if path.is_file() and b"s3cr3t" in path.read_bytes()] and b"s3cr3t" not in lock
