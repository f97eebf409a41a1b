"""The journal of a launch: one JSON line when a step begins and one, with its receipt, when it is done.

It saves repeating long steps and tells people what happened. Correctness does not rest on it: every step may be done twice.
"""

from __future__ import annotations

import json
import os
from typing import Any

from reprun.system.clock import iso_now
from reprun.system.files import append_line, ensure_dir, explained, find_bytes, list_dir, move_file, remove_file, write_atomic


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
        lines = []
        for line in ((find_bytes(self.closed) or b"") + (find_bytes(self.path) or b"")).splitlines():
            try:
                data = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(data, dict) and isinstance(data.get("step"), str):
                lines.append(data)
        return lines

    def exists(self) -> bool:
        """True when the run was launched from this repository, even if not a line of it can be read."""
        return find_bytes(self.closed) is not None or find_bytes(self.path) is not None

    def find(self, step: str) -> dict[str, Any] | None:
        """The last receipt of `step`."""
        return next((line for line in reversed(self.read()) if line["step"] == step), None)

    def remove(self) -> None:
        """Forgets the launch."""
        remove_file(self.path)
        remove_file(self.closed)


def list_open(state_dir: str) -> list[str]:
    """The ids of the launches that are not complete: under way, or interrupted."""
    names = list_dir(os.path.join(state_dir, "journal", "open"))
    return [name.removesuffix(".jsonl") for name in names if name.endswith(".jsonl")]
