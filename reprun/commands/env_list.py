"""`reprun env ls`: the locks that are kept in this repository."""

from __future__ import annotations

import time

from reprun.core.errors import ReprunError
from reprun.core.frozen import dataclass
from reprun.env.kept import Kept
from reprun.env.lockfile import read_all, read_head
from reprun.workspace import Workspace


@dataclass(frozen=True)
class LockRow:
    """A lock: its digest, its platforms, how many packages it has for the first of them, who solved it, and since when it is
    here."""

    digest: str
    platforms: tuple[str, ...]
    packages: int
    solver: str
    when: str


def list_environments(workspace: Workspace) -> list[LockRow]:
    """The locks, the newest last. One that cannot be read is left out."""
    kept, rows = Kept(workspace.repository.state_dir), []
    for digest in kept.list_texts():
        text = kept.find_text(digest)
        try:
            head = read_head(text) if text is not None else None
            if text is None or head is None or not head.platforms:
                continue
            count = len(read_all(text, head.platforms[0]))
        except ReprunError:
            continue
        rows.append((kept.made_ns(digest), LockRow(digest, head.platforms, count, head.solver, _date(kept.made_ns(digest)))))
    return [row for _, row in sorted(rows, key=lambda pair: (pair[0], pair[1].digest))]


def _date(nanoseconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(nanoseconds / 10**9))
