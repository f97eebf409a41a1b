"""Who gets which password: the server that it was meant for, and no other."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from reprun.runner.credentials import find_secret, open_address


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who has passwords in all places."""
    for name in (
        "PIP_EXTRA_INDEX_URL",
        "PIP_FIND_LINKS",
        "UV_INDEX_URL",
        "UV_EXTRA_INDEX_URL",
        "UV_DEFAULT_INDEX",
        "VIRTUAL_ENV",
    ):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "netrc").write_text("machine h.example login me password netrc\nmachine 127.0.0.1 login me password here\n")
    (tmp_path / "pip.conf").write_text("[global]\nindex-url = https://me:c%40nf@conf.example/simple\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    monkeypatch.setenv("PIP_INDEX_URL", "https://me:pip@pip.example:8080/simple")
    monkeypatch.setenv("UV_INDEX", "mine=https://me:uv@uv.example/simple https://open.example/simple")
    monkeypatch.setenv("TOKEN", "variable")


@pytest.mark.parametrize(
    ("url", "secret"),
    [
        ("https://h.example/x.whl", "me:netrc"), ("https://conf.example/x.whl", "me:c@nf"),
        ("https://pip.example:8080/x.whl", "me:pip"), ("https://uv.example/x.whl", "me:uv"),
        ("http://127.0.0.1:9/x.whl", "me:here"), ("https://me:$TOKEN@lock.example/x.whl", "me:variable"),
        ("http://h.example/x.whl", ""), ("https://pip.example/x.whl", ""), ("http://conf.example/x.whl", ""),
        ("https://evil.example/https://h.example/x.whl", ""), ("https://h.example.evil/x.whl", ""),
        ("https://open.example/x.whl", ""), ("https://pip.example:port/x.whl", ""),
    ],
)  # fmt: skip
def test_a_password_is_for_its_own_server(url: str, secret: str) -> None:
    assert find_secret(url) == (url.replace("me:$TOKEN@", ""), secret)


def test_settings_that_cannot_be_read_are_none(tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine")
    (tmp_path / "pip.conf").write_bytes(b"\xff[")
    assert find_secret("https://h.example/x")[1] == find_secret("https://conf.example/x")[1] == ""


class _Handler(http.server.BaseHTTPRequestHandler):
    heard: ClassVar[list[tuple[str, str | None]]] = []

    def do_GET(self) -> None:
        self.heard.append((self.path, self.headers.get("Authorization")))
        self.send_response(302 if self.path == "/from" else 200)
        if self.path == "/from":
            self.send_header("Location", f"http://localhost:{self.server.server_address[1]}/to")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[http.server.ThreadingHTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as served:
        thread = threading.Thread(target=served.serve_forever, daemon=True)
        thread.start()
        yield served
        served.shutdown()


def test_where_a_server_sends_us_on_to_the_other_is_not_told(server: http.server.ThreadingHTTPServer) -> None:
    with open_address(f"http://127.0.0.1:{server.server_address[1]}/from", 10):
        pass
    (first, told), (second, not_told) = _Handler.heard
    assert (first, second) == ("/from", "/to") and told and told.startswith("Basic ") and not_told is None
