"""The locks that were made or read, and what came of them, kept in the repository: an unchanged source costs reading one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reprun.core.digests import sha256
from reprun.core.errors import ToolError
from reprun.core.frozen import asdict, dataclass
from reprun.system.files import ensure_dir, find_bytes, find_json, locked, write_atomic, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_TREES = 64  # that are remembered


@dataclass(frozen=True)
class Locked:
    """A lock that is chosen: the digest of its text, how it came to be, who solved it, and its plan.

    `origin` is "committed" (the lock of the snapshot), "made" (solved for this launch), "recorded" (of an earlier run) or
    "exported" (of an installed prefix). `notes` are worth saying once more whenever it is used.
    """

    digest: str
    origin: str
    solver: str
    plan: dict[str, Any]
    notes: tuple[str, ...] = ()


def digest_of(text: bytes) -> str:
    """The name of a lock: of its bytes."""
    return sha256(text).hexdigest()


class Kept:
    """The folder `locks` in the repository's own folder of reprun. All in it can be made anew."""

    def __init__(self, state_dir: str) -> None:
        self.root = os.path.join(state_dir, "locks")

    def find(self, key: str) -> Locked | None:
        """What came of the sources with this key; None when that is not known."""
        data = find_json(os.path.join(self.root, f"{key}.json"))
        try:
            return Locked(**{**data, "notes": tuple(data["notes"])}) if data else None
        except (TypeError, KeyError):  # of another version
            return None

    def keep(self, key: str, chosen: Locked, text: bytes) -> None:
        """Remembers it, and its text."""
        self.keep_text(chosen.digest, text)
        write_json(os.path.join(self.root, f"{key}.json"), asdict(chosen))

    def keep_text(self, digest: str, text: bytes) -> None:
        """Keeps the text of a lock."""
        ensure_dir(self.root)
        write_atomic(self._text(digest), text)

    def find_for(self, tree: str) -> Locked | None:
        """What was used for a tree, by its `key_of_tree`: then git is not asked for the files in it."""
        key = (find_json(self._trees) or {}).get(tree)
        return self.find(str(key)) if key else None

    def note_tree(self, tree: str, key: str) -> None:
        """Remembers for `find_for`. Of two that do so at once one is forgotten."""
        others = {name: value for name, value in (find_json(self._trees) or {}).items() if name != tree}
        kept = {**dict(list(others.items())[1 - _TREES :]), tree: key}
        with suppress(ToolError):  # failing to do so costs the next launch a question
            write_json(self._trees, kept)

    def find_text(self, digest: str) -> bytes | None:
        """The text of a lock; None when it is not here as it was."""
        text = find_bytes(self._text(digest))
        return text if text is not None and digest_of(text) == digest else None

    def list_texts(self) -> list[str]:
        """The digests of the locks that are here."""
        try:
            return sorted(name.removesuffix(".yml") for name in os.listdir(self.root) if name.endswith(".yml"))
        except FileNotFoundError:
            return []

    def made_ns(self, digest: str) -> int:
        """Since when a lock is here; 0 when it is not."""
        try:
            return os.stat(self._text(digest)).st_mtime_ns
        except OSError:
            return 0

    @contextmanager
    def alone(self, key: str) -> Iterator[None]:
        """Lets one process at a time solve for this key; the others find its result."""
        with locked(os.path.join(ensure_dir(self.root), f"{key}.lock"), exclusive=True):
            yield

    @property
    def _trees(self) -> str:
        return os.path.join(self.root, "trees.json")

    def _text(self, digest: str) -> str:
        return os.path.join(self.root, f"{digest}.yml")
