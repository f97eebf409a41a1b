"""Which hooks of a repository the user trusts: by their name and the digest of their content, in the state folder
of the repository."""

from __future__ import annotations

import json
import os

from reprun.core.errors import RefusedError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.hooks.finding import Hook
from reprun.system.clock import iso_now
from reprun.system.files import ensure_dir, explained, find_own_bytes, locked, write_atomic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Trust:
    """What this user has trusted in one repository. Anything else than a file of this user's own says nothing."""

    state_dir: str

    @property
    def path(self) -> str:
        """The file: one line for each hook as it was trusted."""
        return os.path.join(self.state_dir, "hooks", "trusted.jsonl")

    def knows(self, name: str, digest: str) -> bool:
        """True when that content was trusted under that name."""
        return any(entry.get("name") == name and entry.get("sha256") == digest for entry in self._read())

    def knows_name(self, name: str) -> bool:
        """True when another content was trusted under that name."""
        return any(entry.get("name") == name for entry in self._read())

    def add(self, name: str, digest: str, path: str) -> bool:
        """Trusts a content; False when it was trusted before."""
        with explained(self.path, "written"):
            folder = ensure_dir(os.path.dirname(self.path))
            with locked(os.path.join(folder, "lock"), exclusive=True):
                if self.knows(name, digest):
                    return False
                entry = {"name": name, "sha256": digest, "path": show(path), "at": iso_now()}
                before = find_own_bytes(self.path) or b""
                torn = before != b"" and not before.endswith(b"\n")
                write_atomic(self.path, before + b"\n" * torn + json.dumps(entry).encode() + b"\n")
        return True

    def _read(self) -> list[dict[str, Any]]:
        entries = []
        for line in (find_own_bytes(self.path) or b"").splitlines():
            try:
                entry = json.loads(line)
            except (ValueError, RecursionError):
                continue
            if isinstance(entry, dict):
                entries.append(entry)
        return entries

    def distrust(self, hook: Hook) -> str:
        """Why the hook must not run; empty when it may."""
        if not hook.why or self.knows(hook.name, hook.digest):
            return ""
        since = "has changed since you trusted it" if self.knows_name(hook.name) else "you have not trusted it yet"
        return f"the {hook.name} hook {hook.shown} {hook.why}, and {since}"

    def require(self, hook: Hook) -> None:
        """Raises `RefusedError` for a hook that must not run."""
        said = self.distrust(hook)
        if said:
            raise RefusedError(said, hint=f"reprun hooks trust {hook.name}   # after you have read it")
