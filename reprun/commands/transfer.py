"""Files of a run on their way here: asked for in one question, taken as they come, put in place when they are verified."""

from __future__ import annotations

from collections import deque
from contextlib import closing
from itertools import islice
from typing import Any

from reprun.commands.launch import Tell
from reprun.core.errors import ToolError
from reprun.core.text import human_bytes
from reprun.results.choosing import Remote
from reprun.results.landing import Arrival, Landing
from reprun.store.rows import Row
from reprun.system.files import explained
from reprun.workspace import Workspace

_MOST = 5000  # files in one question


class Transfer:
    """Brings files of a run to a `landing`. `brought`, `here` (before) and `problems` say what came of them."""

    def __init__(self, workspace: Workspace, row: Row, landing: Landing, tell: Tell) -> None:
        self.workspace, self.row, self.landing, self.tell = workspace, row, landing, tell
        self.brought: list[Remote] = []
        self.here: list[Remote] = []
        self.problems: list[tuple[Remote, str]] = []
        self._waiting: deque[Remote] = deque()
        self._arrival: Arrival | None = None  # of the first that waits
        self._at = 0  # the place of that one in the question
        self._again: set[str] = set()  # what came damaged, and is asked for once more
        self._came = 0  # bytes of the files that are done with

    def bring(self, files: list[Remote]) -> None:
        """Brings the files; what is here in part is gone on with. Raises what `Host.fetch` raises: the rest waits then."""
        for item in files:
            (self.here if self.landing.is_here(item) else self._waiting).append(item)
        count, total = len(self._waiting), human_bytes(sum(item.size for item in self._waiting))
        while self._waiting:
            before = len(self._waiting), len(self._again)
            try:
                with closing(self.workspace.fetch(self.row, self._question, self.tell)) as parts:
                    for head, data in parts:
                        self._take(head, data)
                        came = human_bytes(self._came + (self._arrival.offset if self._arrival else 0))
                        self.tell(f"bringing {count - len(self._waiting)} of {count} files, {came} of {total}")
            finally:
                self._leave()
            if before == (len(self._waiting), len(self._again)):
                raise ToolError(
                    f"the host sends nothing of the files of {self.row.run_id}", hint=f"reprun show {self.row.run_id}"
                )

    def make_links(self, links: list[Remote]) -> None:
        """Last of all: no file is written after a link is there."""
        for item in links:
            try:
                self.landing.link(item)
            except OSError as error:
                self.problems.append((item, f"cannot be written: {error.strerror}"))
            else:
                self.brought.append(item)

    def _question(self) -> dict[str, Any]:
        """Also after a link broke: for what has not come by then."""
        self._leave()
        self._at = 0
        wanted = [[item.name, self.landing.arrived(item), item.size] for item in islice(self._waiting, _MOST)]
        return {"op": "contents", "run_id": self.row.run_id, "wanted": wanted}

    def _leave(self) -> None:
        """What came of a file stays for the next time."""
        if self._arrival is not None:
            self._arrival.close()
            self._arrival = None

    def _take(self, head: dict[str, Any], data: bytes | memoryview) -> None:
        """Adds a block to the file whose turn it is."""
        if head.get("at") != self._at or not self._waiting:
            raise ToolError(f"the host sends what nobody asked for as a file of {self.row.run_id}", hint="reprun doctor")
        item, digest, problem = self._waiting[0], str(head.get("sha256", "")), str(head.get("problem", ""))
        with explained(self.landing.aside, "written"):
            self._arrival = arrival = self._arrival or self.landing.begin(item)
            arrival.add(data)
        if problem:
            self.problems.append((item, problem))
        elif data and not digest and arrival.offset < item.size:
            return  # there is more to come
        else:
            self._finish(arrival, digest)
        self._leave()
        self._waiting.popleft()
        self._at += 1
        self._came += item.size

    def _finish(self, arrival: Arrival, digest: str) -> None:
        item = arrival.item
        try:
            if arrival.finish(digest):
                self.brought.append(item)
                return
            arrival.restart()
        except OSError as error:
            self.problems.append((item, f"cannot be written: {error.strerror}"))
            return
        if item.name not in self._again:
            self._again.add(item.name)
            self._waiting.append(item)
            self._came -= item.size
        else:
            self.problems.append((item, "its SHA-256 is not the one that the host has: it changes while it is read"))
