"""The journal of a launch: one JSON line when a step begins and one, with its receipt, when it is done.

It saves repeating long steps and tells people what happened. Correctness does not rest on it: every step may be done twice.
"""

from __future__ import annotations

import json
import os

from reprun.runner.identity import is_orphan
from reprun.system.clock import iso_now
from reprun.system.files import (
    append_line,
    ensure_dir,
    explained,
    find_bytes,
    is_own_file,
    list_dir,
    move_file,
    remove_file,
    write_atomic,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Journal:
    """The journal of one run: `journal/open/<run-id>.jsonl` in the repository's state, one folder up once the run is started."""

    def __init__(self, state_dir: str, run_id: str) -> None:
        self.closed = os.path.join(state_dir, "journal", run_id + ".jsonl")
        self.folder = os.path.join(state_dir, "journal", "open")
        self.path = os.path.join(self.folder, run_id + ".jsonl")
        self.run_id = run_id

    def write(self, step: str, **receipt: Any) -> None:
        """Adds `{"at", "step", …receipt}`, durable before this returns."""
        line = json.dumps({"at": iso_now(), "step": step, **receipt})
        ensure_dir(self.folder)
        if step == "begin":  # whole or not at all: a journal always says what was asked for
            with explained(self.path, "written"):
                write_atomic(self.path, line.encode() + b"\n")
        else:
            append_line(self.path, line)

    def close(self) -> None:
        """Puts the journal away: the launch is complete. What stays open was interrupted, and is found at once."""
        move_file(self.path, self.closed)

    def read(self) -> list[dict[str, Any]]:
        """The lines that can be read; torn or foreign ones are left out."""
        return self._read(b"")

    def _read(self, mark: bytes) -> list[dict[str, Any]]:
        """The lines with that in them. Thousands of journals are looked at for one line: the others are not parsed."""
        lines = []
        for line in (_bytes(self.closed) + _bytes(self.path)).splitlines():
            if mark not in line:
                continue
            try:
                data = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(data, dict) and isinstance(data.get("step"), str):
                lines.append(data)
        return lines

    def exists(self) -> bool:
        """True when the run was launched from this repository by this user, even if not a line of it can be read."""
        return any(is_own_file(path) for path in (self.closed, self.path))

    def find(self, step: str) -> dict[str, Any] | None:
        """The last receipt of `step`."""
        return next((line for line in reversed(self._read(step.encode())) if line["step"] == step), None)

    def run_dir(self) -> str:
        """The folder that the run was given when it was submitted, or an empty text."""
        path = (self.find("submit") or {}).get("run_dir")
        return path if isinstance(path, str) and os.path.isabs(path) and path.endswith(f"/runs/{self.run_id}") else ""

    def digest(self) -> str:
        """The digest of the manifest that the launch has sealed, or an empty text."""
        return str((self.find("sealed") or {}).get("digest", ""))

    def remove(self) -> None:
        """Forgets the launch."""
        remove_file(self.path)
        remove_file(self.closed)


def list_open(state_dir: str) -> list[str]:
    """The ids of the launches that are not complete: under way, or interrupted."""
    names = list_dir(os.path.join(state_dir, "journal", "open"))
    if not names:
        return []
    from reprun.core.ids import is_run_id

    # Only what is named like a run: these names become paths, which `gc` removes.
    return [name[:-6] for name in names if name.endswith(".jsonl") and is_run_id(name[:-6])]


def _bytes(path: str) -> bytes:
    """The content of a journal; none for a folder or a pipe that stands in its place."""
    return (find_bytes(path) or b"") if is_own_file(path) else b""


def list_torn(state_dir: str) -> list[str]:
    """The paths of journals that were being begun when their process was killed: nothing had happened yet."""
    folder = os.path.join(state_dir, "journal", "open")
    return [os.path.join(folder, name) for name in list_dir(folder) if name.endswith(".tmp") and is_orphan(name)]
