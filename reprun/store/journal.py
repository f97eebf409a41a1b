"""The journal of a launch: one JSON line when a step begins and one, with its receipt, when it is done.

It saves repeating long steps and tells people what happened. Correctness does not rest on it: every step may be done twice.
"""

from __future__ import annotations

import json
import os
from typing import Any

from reprun.system.clock import iso, now
from reprun.system.files import append_line, ensure_dir, find_bytes, list_dir, remove_file


class Journal:
    """The journal of one run, `<git common dir>/reprun/journal/<run-id>.jsonl`."""

    def __init__(self, state_dir: str, run_id: str) -> None:
        self.folder = os.path.join(state_dir, "journal")
        self.path = os.path.join(self.folder, run_id + ".jsonl")
        self.run_id = run_id

    def write(self, step: str, **receipt: Any) -> None:
        """Adds `{"at", "step", …receipt}`, durable before this returns."""
        ensure_dir(self.folder)
        append_line(self.path, json.dumps({"at": iso(now()), "step": step, **receipt}))

    def read(self) -> list[dict[str, Any]]:
        """The lines that can be read; torn or foreign ones are left out."""
        lines = []
        for line in (find_bytes(self.path) or b"").splitlines():
            try:
                data = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(data, dict) and isinstance(data.get("step"), str):
                lines.append(data)
        return lines

    def find(self, step: str) -> dict[str, Any] | None:
        """The last receipt of `step`."""
        return next((line for line in reversed(self.read()) if line["step"] == step), None)

    def remove(self) -> None:
        """Forgets the launch."""
        remove_file(self.path)


def list_journals(state_dir: str) -> list[str]:
    """The ids of all runs that have a journal."""
    return [name.removesuffix(".jsonl") for name in list_dir(os.path.join(state_dir, "journal")) if name.endswith(".jsonl")]
