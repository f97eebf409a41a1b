"""Writing a commit into a folder as git's linked worktree, as cheaply as the file system allows.

The nearest tree that is there gives its unchanged files as hard links; git writes only the difference. Git replaces a file
by unlinking it first, so a shared file is never written through.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from typing import Callable, List, NamedTuple, Optional, Sequence, Set, Tuple

from reprun.runner import table
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, remove_tree
from reprun.runner.git import Git
from reprun.runner.permissions import make_linked_read_only, make_read_only, open_writable
from reprun.runner.store import restore_settings

_CANDIDATES = 3  # how many of the newest trees are considered as a base
_NEAR = 100  # a tree with fewer differences is near enough to stop looking


class Place(NamedTuple):
    """Where the worktrees of one dev repository are: its bare `store`, the folder `trees`, and settings for the checkout."""

    store: str
    trees: str
    settings: Tuple[Tuple[str, str], ...] = ()

    def path(self, name: str) -> str:
        """The shared checkout called `name` (a commit)."""
        return os.path.join(self.trees, name)

    def admin(self, name: str) -> str:
        """Git's own folder for the worktree `name`; our table of it lies there too."""
        return os.path.join(self.store, "worktrees", name)

    def table(self, name: str) -> str:
        """The table of the worktree `name`."""
        return os.path.join(self.admin(name), "reprun-table.json")

    @property
    def stats(self) -> str:
        """The stats of all inodes of all trees here."""
        return os.path.join(self.store, "reprun-stats.json")

    @property
    def lock(self) -> str:
        """Held shared while a tree is verified, exclusively while one is built or removed."""
        return os.path.join(self.store, "reprun.lock")


def build(place: Place, commit: str, bases: Sequence[str], is_sound: Callable[[Place, str], bool]) -> None:
    """Builds the shared tree of `commit` aside and renames it into place; `bases` are other trees, newest first;
    one of them is only used when `is_sound` says so."""
    aside = os.path.join(place.trees, ".%s.%d" % (commit[:12], os.getpid()))
    remove_tree(aside)
    restore_settings(place.store)
    base = _nearest(place, commit, bases)
    if base is not None and not is_sound(place, base[0]):
        base = None
    try:
        if base is None:
            os.mkdir(aside, 0o700)
            confirm = adopt(place, commit, aside, commit)
            make_read_only(aside)
        else:
            linked = _link_tree(place.path(base[0]), aside, base[1], table.load(place.table(base[0])) or {})
            confirm = adopt(place, commit, aside, commit, base[0])
            make_linked_read_only(aside, base[1])
        confirm()
        os.rename(aside, place.path(commit))
    except BaseException:
        remove_tree(aside)
        remove_tree(place.admin(commit))
        raise
    if base is None:
        remember(place, commit, place.path(commit))
    else:
        _remember_linked(place, commit, linked, base[1])


def build_own(place: Place, commit: str, name: str, path: str, writable: Sequence[str]) -> None:
    """The tree of one run at `path`: links to the shared files, files of its own where the job may write."""
    restore_settings(place.store)
    known = table.load(place.table(commit)) or {}
    inside = {item for item in known if any(item == part or item.startswith(part + "/") for part in writable)}
    _link_tree(place.path(commit), path, inside, known)
    adopt(place, name, path, commit, commit)()
    make_linked_read_only(path, inside)
    open_writable(path, writable)
    remember(place, name, path, writable, written=inside)


def head(place: Place, name: str) -> str:
    """The commit at which git has the worktree `name`, or an empty string."""
    try:
        with open(os.path.join(place.admin(name), "HEAD"), encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def has_link(place: Place, name: str, path: str) -> bool:
    """True when the `.git` file of the tree leads to git's record of it."""
    try:
        with open(os.path.join(path, ".git"), "rb") as file:
            return file.read() == _link_text(place, name)
    except OSError:
        return False


def differences(place: Place, name: str, path: str, commit: str) -> List[str]:
    """The paths that differ from the commit, every file read: a fresh index without stats leaves git no short cut."""
    restore_settings(place.store)
    scratch = os.path.join(place.store, "reprun-index.%d" % os.getpid())
    git = _git(place, name, path).at(GIT_INDEX_FILE=scratch)
    try:
        git.run("read-tree", commit)
        said = git.run(
            "status",
            "--porcelain",
            "-z",
            "--no-renames",
            "--untracked-files=all",
            "--ignored=matching",
            "--ignore-submodules=none",
        )
    finally:
        if os.path.lexists(scratch):
            os.unlink(scratch)
    # "XY path"; X compares the index with HEAD, which the job may have moved: only Y and what git does not know count.
    return [os.fsdecode(line[3:]).rstrip("/") for line in said.stdout.split(b"\0") if line and line[1:2] != b" "]


def remember(place: Place, name: str, path: str, skip: Sequence[str] = (), written: Optional[Set[str]] = None) -> None:
    """Records the stats of a tree that is right. With `written` only these paths are new; the others were linked, and their
    record may only move in ctime, which linking does: what changed otherwise in between stays suspect."""
    _save(place, name, table.walk(path, skip), written)


def _save(place: Place, name: str, found: Tuple[table.Table, table.Stats], written: Optional[Set[str]]) -> None:
    seen, stats = found
    known = table.load(place.stats) or {}
    if written is not None:
        for item, (inode, _) in seen.items():
            key = str(inode)
            if key in stats and item not in written and known.get(key, stats[key])[:2] != stats[key][:2]:
                del stats[key]
    table.save(place.table(name), seen)
    table.save(place.stats, {**known, **stats})


def _remember_linked(place: Place, name: str, linked: Set[str], written: Set[str]) -> None:
    """As `remember`, for a tree that is known to hold the linked paths, what git has written, and their folders."""
    path = place.path(name)
    items = linked | {item for item in written if os.path.lexists(os.path.join(path, item))}
    folders = {""}
    for item in items:
        folder = item.rpartition("/")[0]
        while folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    _save(place, name, table.look_at(path, items | folders), written)


def adopt(place: Place, name: str, path: str, commit: str, base: Optional[str] = None) -> Callable[[], None]:
    """Makes `path` git's worktree `name` at `commit`, and lets git write what is missing. Layout: gitrepository-layout(5).

    Returns what has to be called before the tree is used: it waits for git's comparison of the files with the commit.
    """
    admin = place.admin(name)
    remove_tree(admin)
    ensure_dir(admin)
    final = path if name != commit else place.path(name)
    for file, text in (("HEAD", commit), ("commondir", "../.."), ("gitdir", os.path.join(final, ".git"))):
        with open(os.path.join(admin, file), "wb") as out:
            out.write(os.fsencode(text) + b"\n")
    with open(os.path.join(path, ".git"), "wb") as out:
        out.write(_link_text(place, name))
    index = os.path.join(admin, "index")
    if base:
        shutil.copyfile(os.path.join(place.admin(base), "index"), index)
        _settle(index)
    git = _git(place, name, path)
    git.run("read-tree", "--reset", "-u", commit)
    asked = git.spawn("diff-files", "--name-only", "-z")

    def confirm() -> None:
        left = git.finish(asked, "diff-files").stdout
        if left:
            first = os.fsdecode(left.split(b"\0")[0])
            raise RunnerError("tool", "the checkout of %s differs from the commit at %s" % (commit[:12], first))

    return confirm


def _settle(index: str) -> None:
    """Dates the copy of an index whose files were just verified: git reads files anew that are as young as their index."""
    later = time.time() + 2
    os.utime(index, (later, later))


def _link_text(place: Place, name: str) -> bytes:
    return b"gitdir: " + os.fsencode(place.admin(name)) + b"\n"


def _git(place: Place, name: str, path: str) -> Git:
    return Git(path, {"GIT_DIR": place.admin(name), "GIT_WORK_TREE": path}, dict(place.settings))


def _nearest(place: Place, commit: str, bases: Sequence[str]) -> Optional[Tuple[str, Set[str]]]:
    """The tree with the fewest changed paths to `commit`, and these paths; None when a full checkout is better."""
    best: Optional[Tuple[str, Set[str]]] = None
    git = Git(place.store, {"GIT_DIR": place.store})
    for name in list(bases)[:_CANDIDATES]:
        found = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", name, commit, check=False)
        changed = {os.fsdecode(path) for path in found.stdout.split(b"\0") if path}
        # Attributes decide how other files are written: only a checkout in full is sure to be right.
        if found.returncode or any(os.path.basename(path) == ".gitattributes" for path in changed):
            continue
        if best is None or len(changed) < len(best[1]):
            best = (name, changed)
        if len(changed) <= _NEAR:
            break
    return best


def _link_tree(base: str, target: str, left_out: Set[str], known: table.Table) -> Set[str]:
    """Hard-links every file of a sound tree but those in `left_out`, and returns the paths; what cannot be linked is copied."""
    os.mkdir(target, 0o700)
    made = {""}
    linked: Set[str] = set()
    with table.opened(base) as source, table.opened(target) as here:
        for path, (_, mode) in known.items():
            if stat.S_ISDIR(mode) or path in left_out:
                continue
            folder = path.rpartition("/")[0]
            if folder not in made:
                os.makedirs(os.path.join(target, folder), exist_ok=True)
                made.add(folder)
            try:
                os.link(path, path, src_dir_fd=source, dst_dir_fd=here, follow_symlinks=False)
            except OSError as error:
                if error.errno not in (errno.EMLINK, errno.EXDEV, errno.EPERM, errno.EOPNOTSUPP):
                    raise
                shutil.copy2(os.path.join(base, path), os.path.join(target, path), follow_symlinks=False)
            linked.add(path)
    return linked
