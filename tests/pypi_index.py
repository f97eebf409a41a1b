"""A package index like PyPI, on a loopback port, with wheels that the tests write.

with PypiIndex(tmp_path / "wheels") as index:
    index.add("abacus", "1.0", "tally>=1")
    text = f"pip-repositories: ['{index.url}']\\nallow-pypi-requests: false\\n"
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import threading
import zipfile
from contextlib import suppress
from pathlib import Path


class PypiIndex(http.server.ThreadingHTTPServer):
    """Serves `folder` as a simple index (PEP 503). `asked` are the paths that were asked for; while `answers` is unset nothing is
    answered. With a `secret`, `NAME:PASSWORD`, only who knows it gets anything, and `told` are processes that had it in their
    command line meanwhile."""

    daemon_threads = True

    def __init__(self, folder: Path, secret: str = "") -> None:
        self.folder, self.asked, self.answers = folder, list[str](), threading.Event()
        self.secret, self.told = secret, list[bytes]()
        self.answers.set()
        folder.mkdir(exist_ok=True)
        super().__init__(("127.0.0.1", 0), _Handler)
        self._thread = threading.Thread(target=self.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> PypiIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.answers.set()
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        """What `pip-repositories` takes."""
        return f"http://127.0.0.1:{self.server_address[1]}/simple/"

    def add(self, name: str, version: str = "1.0", *requires: str, tag: str = "py3-none-any") -> str:
        """Puts a wheel there whose module says its version; returns its SHA-256."""
        info = f"{name}-{version}.dist-info"
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", *(f"Requires-Dist: {one}\n" for one in requires)]
        texts = {f"{name}.py": f"VERSION = '{version}'\n", f"{info}/METADATA": "".join(lines)}
        texts[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
        texts[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in [*texts, f"{info}/RECORD"])
        path = self.folder / f"{name}-{version}-{tag}.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for file, text in texts.items():
                archive.writestr(zipfile.ZipInfo(file), text)
        return hashlib.sha256(path.read_bytes()).hexdigest()


class _Handler(http.server.BaseHTTPRequestHandler):
    server: PypiIndex

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.answers.wait()
        if self.server.secret and not self._is_known():
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="index"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        kind, _, name = self.path.strip("/").partition("/")
        if kind == "files" and (self.server.folder / name).is_file():
            self._answer((self.server.folder / name).read_bytes(), "application/octet-stream")
            return
        wheels = sorted(self.server.folder.glob(f"{name.replace('-', '_')}-*.whl"))
        if kind != "simple" or not wheels:
            self.send_error(404)
            return
        digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in wheels}
        links = "".join(f'<a href="/files/{path.name}#sha256={digests[path]}">{path.name}</a>\n' for path in wheels)
        self._answer(f"<!DOCTYPE html><html><body>\n{links}</body></html>".encode(), "text/html")

    def _is_known(self) -> bool:
        password = self.server.secret.partition(":")[2].encode()
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                self.server.told += [words for words in (path.read_bytes(),) if password in words]
        wanted = base64.b64encode(self.server.secret.encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _answer(self, data: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
