"""Finding a hook as git does, and whose it is: the user's own, like all in `.git`, or one that came with the repository."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from reprun.core.digests import sha256
from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.core.hook_settings import HookSettings
from reprun.core.text import show
from reprun.system.files import find_bytes, list_dir

MAX_SIZE = 16 << 20


@dataclass(frozen=True)
class Ground:
    """A repository as far as hooks are concerned. `folder` is where git looks for hooks, `settings` those that its settings
    name; the rest as in `Repository`."""

    folder: str
    top: str
    git_dir: str
    common_dir: str
    settings: HookSettings = HookSettings()


@dataclass(frozen=True)
class Hook:
    """A hook that is there. `why` says why it needs to be trusted, and is empty for one of the user's own; `trouble` says why it
    cannot be run at all. One of the settings has a `key` there and a `command`; its `path` is then the file of settings."""

    name: str
    path: str
    digest: str = ""
    why: str = ""
    trouble: str = ""
    is_executable: bool = True
    key: str = ""
    command: str = ""

    @property
    def shown(self) -> str:
        """Where it is, for people."""
        return (f"{show(self.key)} in " if self.key else "") + (show(self.path) if self.path else "the environment")


def find_hooks(ground: Ground, name: str) -> list[Hook]:
    """All hooks of that name, in git's order: those of the settings, then the file."""
    if name in ground.settings.off:
        return []
    found: list[Hook] = []
    if any(one.event == name for one in ground.settings.hooks):
        from reprun.hooks.configured import configured_hook

        found = [configured_hook(ground, one) for one in ground.settings.hooks if one.event == name]
    file = find_hook(ground, name)
    return [*found, file] if file else found


def find_hook(ground: Ground, name: str) -> Hook | None:
    """The hook of that name; None where git would find none, as with a link that leads nowhere."""
    path = os.path.join(ground.folder, name)
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return Hook(name, path, trouble="it is a folder" if stat.S_ISDIR(found.st_mode) else "it is no file")
    if not os.access(path, os.X_OK):
        return Hook(name, path, is_executable=False)
    if found.st_size > MAX_SIZE:
        return Hook(name, path, trouble="it is larger than 16 MiB")
    try:
        content = find_bytes(path) or b""
    except ToolError as error:
        return Hook(name, path, trouble=error.message)
    return Hook(name, path, sha256(content).hexdigest(), why_distrusted(ground, path, found))


def is_in_a_worktree(ground: Ground, path: str) -> bool:
    """Whether the file or folder belongs to what the repository holds, in any of its worktrees."""
    real = os.path.realpath(path)
    if any(_is_below(real, os.path.realpath(own)) for own in (ground.git_dir, ground.common_dir)):
        return False
    return any(_is_below(real, os.path.realpath(top)) for top in _worktrees(ground))


def why_distrusted(ground: Ground, path: str, found: os.stat_result) -> str:
    """Why the user has to trust a file; empty for one that nobody else can change."""
    if is_in_a_worktree(ground, path):
        return "is part of this repository"
    if found.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    if found.st_mode & stat.S_IWOTH:
        return "can be changed by everybody"
    return ""


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _worktrees(ground: Ground) -> Sequence[str]:
    """The checkouts of the repository, this one first."""
    tops = [ground.top]
    if os.path.basename(ground.common_dir) == ".git":
        tops.append(os.path.dirname(ground.common_dir))
    linked = os.path.join(ground.common_dir, "worktrees")
    for name in list_dir(linked):
        try:
            text = find_bytes(os.path.join(linked, name, "gitdir")) or b""
        except ToolError:
            continue
        if text.strip():
            tops.append(os.path.dirname(os.fsdecode(text.strip())))
    return tops
