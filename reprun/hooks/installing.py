"""Putting hooks beside the one that is there, and taking them out so that this one is as it was.

Whoever is killed in between leaves the old hook or the new one in place, never none, and the next one goes on from there. The
earlier hook keeps its inode under another name: nothing of it can change.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from reprun.core.errors import RefusedError, ToolError
from reprun.core.frozen import dataclass
from reprun.core.hooking import SHIPPED
from reprun.core.text import show
from reprun.hooks.finding import Ground, is_in_a_worktree
from reprun.hooks.ready import is_ours, is_untouched
from reprun.runner.identity import is_orphan
from reprun.system.files import ensure_dir, explained, find_bytes, list_dir, locked, write_atomic

BEFORE = ".before-reprun"
LEGACY = ".legacy"  # where `pre-commit install` puts what it found
_MOST = 1 << 20


@dataclass(frozen=True)
class Spot:
    """One hook of a repository: what is in its place. `kind` is `none`, `ours`, `edited` (ours, and changed by somebody since)
    or `theirs`; `through` says that theirs calls ours. `earlier`: there is one that ours calls."""

    name: str
    path: str
    kind: str
    earlier: bool = False
    through: bool = False

    @property
    def kept(self) -> str:
        """The path of the earlier hook."""
        return self.path + BEFORE


def look(folder: str, name: str) -> Spot:
    """What is in the place of a hook."""
    path = os.path.join(folder, name)
    earlier = os.path.lexists(path + BEFORE) and not _is_same(path, path + BEFORE)
    kind = _kind(path)
    return Spot(name, path, kind, earlier, kind == "theirs" and _kind(path + LEGACY) in ("ours", "edited"))


@contextmanager
def changing(ground: Ground, state_dir: str) -> Iterator[None]:
    """One change of hooks at a time. Raises `RefusedError` where they are not ours to change."""
    folder = ground.folder
    if not folder or not os.path.isabs(folder):
        raise RefusedError("core.hooksPath is empty: git runs no hooks here", hint="git config --unset core.hooksPath")
    if is_in_a_worktree(ground, folder):
        raise RefusedError(f"the hooks of this repository are in its worktree, {show(folder)}, where reprun writes nothing")
    there = folder if os.path.lexists(folder) else os.path.dirname(folder)
    if os.path.lexists(folder) and not os.path.isdir(folder):
        raise RefusedError(f"core.hooksPath leads to {show(folder)}, which is no folder", hint="git config core.hooksPath")
    if not os.path.isdir(there) or os.stat(there).st_uid != os.geteuid():
        raise RefusedError(
            f"the folder of hooks {show(folder)} is not yours to change", hint="git config --show-origin core.hooksPath"
        )
    with explained(folder, "changed"):
        ensure_dir(folder)
        state = ensure_dir(os.path.join(state_dir, "hooks"))
        with locked(os.path.join(state, "lock"), exclusive=True):
            for entry in list_dir(folder):
                if entry.startswith(SHIPPED) and entry.endswith(".tmp") and is_orphan(entry):
                    os.unlink(os.path.join(folder, entry))  # a process was killed that wrote it
            yield


def install(folder: str, name: str, content: bytes) -> str:
    """Puts a hook in its place, before the one that is there, which it calls. Says what was done: `installed`, `chained`,
    `updated`, `there already`, `edited` (ours, which somebody has changed: it stays)."""
    spot = look(folder, name)
    if spot.kind == "edited":
        return "edited"
    if spot.through or (spot.kind == "ours" and find_bytes(spot.path) == content):
        return "there already"
    if spot.kind == "theirs":
        _keep(spot)
    write_atomic(spot.path, content, mode=0o755)
    if spot.kind == "none" and spot.earlier:
        return "chained"  # an install was killed on a disk without hard links
    return {"none": "installed", "ours": "updated"}.get(spot.kind, "chained")


def uninstall(folder: str, name: str) -> str:
    """Takes our hook out, and puts the earlier one back. Says what was done: `removed`, `restored`, `not there`, `edited` (it
    stays), `chained by another` (ours is called by somebody else's, and stays)."""
    spot = look(folder, name)
    if spot.kind == "edited":
        return "edited"
    if spot.kind != "ours":
        if spot.through:
            return "chained by another"
        if spot.kind == "theirs" and os.path.lexists(spot.kept) and _is_alike(spot.path, spot.kept):
            os.unlink(spot.kept)  # an install was killed before it had changed anything, or their tool has put it back
        if spot.kind == "theirs" or not spot.earlier:
            return "not there"
    if spot.earlier:
        os.rename(spot.kept, spot.path)
        return "restored"
    os.unlink(spot.path)
    return "removed"


def _keep(spot: Spot) -> None:
    """Gives the earlier hook its other name, while it stays in its place."""
    if os.path.lexists(spot.kept):
        if _is_same(spot.path, spot.kept):
            return None  # an install was killed here
        if _is_alike(spot.path, spot.kept):  # their tool has put its own hook in the place of ours
            os.unlink(spot.kept)
            return _keep(spot)
        raise RefusedError(
            f"{show(spot.kept)} is there already, kept from an earlier install, and {show(spot.path)} is another hook now",
            hint=f"keep one of them: rm {show(spot.kept)}",
        )
    try:
        os.link(spot.path, spot.kept, follow_symlinks=False)
    except OSError:  # a disk without hard links: for a moment there is no hook
        os.rename(spot.path, spot.kept)


def _is_same(path: str, other: str) -> bool:
    try:
        return os.path.samestat(os.lstat(path), os.lstat(other))
    except OSError:
        return False


def _is_alike(path: str, other: str) -> bool:
    """Whether these are the same file, or the same content with the same rights."""
    if _is_same(path, other):
        return True
    try:
        one, two = os.lstat(path), os.lstat(other)
        return stat.S_ISREG(one.st_mode) and one.st_mode == two.st_mode and find_bytes(path) == find_bytes(other)
    except (OSError, ToolError):
        return False


def _kind(path: str) -> str:
    try:
        found = os.lstat(path)
    except OSError:
        return "none"
    if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST:
        return "theirs"
    content = b""
    with suppress(ToolError):
        content = find_bytes(path) or b""
    return "theirs" if not is_ours(content) else "ours" if is_untouched(content) else "edited"
