"""A real repository with the records of runs in it, for the tests of the index."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import threading
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

from written_manifest import manifest

from reprun.core.select import Filter
from reprun.store import scan
from reprun.store.index import Index
from reprun.store.rows import Row

ID = "20261121-0316{:02}-m4k7qx".format


class Repository:
    """A real repository, and records put into it the way a launch does."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.git_dir = str(folder / ".git")
        self.path = os.path.join(self.git_dir, "reprun", "index.sqlite")
        self.conversations = 0
        self.git("init", "-q")
        self.sources = scan.Sources(self.read_blobs, self.list_refs, parse_config, time.time_ns, time.sleep)

    def git(self, *words: str, data: bytes = b"") -> str:
        done = subprocess.run(["git", "-C", str(self.folder), *words], input=data, capture_output=True, check=True)
        return done.stdout.decode().strip()

    def put(self, ref: str, data: bytes) -> None:
        self.git("update-ref", ref, self.git("hash-object", "-w", "--stdin", data=data))

    def run(
        self, run_id: str, state: str = "", *, name: str = "", config: str = "", metrics: dict[str, float] | None = None
    ) -> None:
        """The refs of one run; with a state it has an outcome too."""
        self.put(f"refs/reprun/manifests/{run_id}", manifest(run_id, name, more=_config_table(config)))
        if state:
            self.end(run_id, state, metrics)

    def end(self, run_id: str, state: str, metrics: dict[str, float] | None = None) -> None:
        values = {key: {"last": value, "min": 0, "max": 1, "count": 3} for key, value in (metrics or {}).items()}
        record = {"schema_version": 1, "run_id": run_id, "state": state, "exit_code": 0 if state == "finished" else 3}
        self.put(
            f"refs/reprun/outcomes/{run_id}", json.dumps({**record, "ended": "2026-11-21T03:20:00Z", "metrics": values}).encode()
        )

    def read_blobs(self, names: list[str]) -> Iterator[bytes | None]:
        self.conversations += 1
        with subprocess.Popen(
            ["git", "-C", str(self.folder), "cat-file", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdin and process.stdout
            threading.Thread(target=self._ask, args=(process, names), daemon=True).start()
            for _ in names:
                header = process.stdout.readline().split()
                if header[-1] == b"missing":
                    yield None
                else:
                    yield process.stdout.read(int(header[2]) + 1)[:-1]

    @staticmethod
    def _ask(process: subprocess.Popen[bytes], names: list[str]) -> None:
        assert process.stdin
        process.stdin.write("".join(f"{name}\n" for name in names).encode())
        process.stdin.close()

    def list_refs(self) -> list[tuple[str, str]]:
        lines = self.git("for-each-ref", "--format=%(refname) %(objectname)", "refs/reprun").splitlines()
        return [(name, oid) for name, _, oid in (line.partition(" ") for line in lines)]

    def view(self) -> Index:
        return scan.view(self.path, self.git_dir, self.sources)

    def sync(self, *rows: Row) -> bool:
        return scan.sync(self.path, self.git_dir, self.sources, rows)

    def shown(self) -> list[tuple[str, str]]:
        with self.view() as index:
            return [(row.run_id, row.run_state.words) for row in index.newest(Filter(limit=0))]

    def fingerprint(self) -> dict[str, tuple[int, str]]:
        """Every file that reprun has in the Git directory: its modification time and its content."""
        files = sorted(Path(self.git_dir, "reprun").rglob("*"))
        return {
            str(path): (path.stat().st_mtime_ns, digest(path)) for path in [Path(self.git_dir, "reprun"), *files] if path.exists()
        }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else " ".join(sorted(os.listdir(path)))


def parse_config(text: str, style: str) -> object:
    return json.loads(text) if style == "json" else tomllib.loads(text)


def _config_table(text: str) -> str:
    return f"[config]\nformat = \"json\"\ntext = '{text}'\n" if text else ""
