"""Writing a commit into a folder as git's linked worktree, as cheaply as the file system allows.

The nearest tree that is there gives its unchanged files as hard links; git writes only the difference. Git replaces a file
by unlinking it first, so a shared file is never written through.
"""

from __future__ import annotations

import errno
import os
import stat
import time

from reprun.runner import lfs, table
from reprun.runner.carried import place_carried
from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError
from reprun.runner.expected import refusal
from reprun.runner.files import ensure_dir, read_json, remove_tree, write_json
from reprun.runner.form import PLAIN, Form, closed, commit_of
from reprun.runner.git import Git
from reprun.runner.permissions import make_linked_read_only, make_read_only, open_writable
from reprun.runner.store import restore_settings
from reprun.runner.written import changed_paths, check_out, is_as_written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Set, Tuple
else:
    from reprun.runner.tuples import NamedTuple

_CANDIDATES = 3  # how many of the newest trees are considered as a base
_NEAR = 100  # a tree with fewer differences is near enough to stop looking


class Place(NamedTuple):
    """Where the worktrees of one dev repository are: its bare `store`, the folder `trees`, and the form that they get."""

    store: str
    trees: str
    form: Form = PLAIN

    def path(self, name: str) -> str:
        """The shared checkout called `name` (a commit, and the digest of its form unless that is plain)."""
        return os.path.join(self.trees, name)

    def admin(self, name: str) -> str:
        """Git's own folder for the worktree `name`; our table of it lies there too."""
        return os.path.join(self.store, "worktrees", name)

    def table(self, name: str) -> str:
        """The table of the worktree `name`."""
        return os.path.join(self.admin(name), "reprun-table.json")

    def contents(self, name: str) -> str:
        """What the shared tree `name` holds where its objects do not say it."""
        return os.path.join(self.admin(name), "reprun-contents.json")

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
    name = place.form.name(commit)
    aside = os.path.join(place.trees, ".%s.%d" % (commit[:12], os.getpid()))
    remove_tree(aside)
    restore_settings(place.store)
    base = _nearest(place, commit, bases)
    if base is not None and not is_sound(as_built(place, base[0]) or place, base[0]):
        base = None
    try:
        if base is None:
            os.mkdir(aside, 0o700)
            confirm = adopt(place, name, aside, commit)
            make_read_only(aside)
        else:
            linked = _link_tree(place.path(base[0]), aside, base[1], table.load(place.table(base[0])) or {})
            confirm = adopt(place, name, aside, commit, base[0])
            make_linked_read_only(aside, base[1])
        confirm()
        os.rename(aside, place.path(name))
    except BaseException:
        remove_tree(aside)
        remove_tree(place.admin(name))
        raise
    if base is None:
        remember(place, name, place.path(name))
    else:
        _remember_linked(place, name, linked, base[1])


def build_own(place: Place, commit: str, name: str, path: str, writable: Sequence[str], carry: Sequence[Dict[str, Any]]) -> None:
    """The tree of one run at `path`: links to the shared files, files of its own where the job may write, what is carried."""
    restore_settings(place.store)
    shared = place.form.name(commit)
    known = table.load(place.table(shared)) or {}
    inside = {item for item in known if any(item == part or item.startswith(part + "/") for part in writable)}
    _link_tree(place.path(shared), path, inside, known)
    adopt(place, name, path, commit, shared)()
    place_carried(path, carry)
    make_linked_read_only(path, inside)
    open_writable(path, writable)
    remember(place, name, path, [*writable, *(file["path"] for file in carry)], written=inside)


def as_built(place: Place, name: str) -> Optional[Place]:
    """The place with the contents that the tree `name` has; None when git's rules for it were other ones, or are not known.

    What is written there is only compared with files: programs to run are taken from requests alone.
    """
    known: Optional[Dict[str, Any]] = {}
    if commit_of(name) != name:
        try:
            known = read_json(place.contents(name))
        except ValueError:
            known = None
    if known is None or known.get("rules", "") != place.form.rules:
        return None
    return place._replace(form=place.form._replace(filtered=known.get("filtered", {}), lfs=known.get("lfs", {})))


def head(place: Place, name: str) -> str:
    """The commit at which git has the worktree `name`, or an empty string."""
    try:
        with open(os.path.join(place.admin(name), "HEAD"), encoding="utf-8") as file:
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
        return changed_paths(git, place.form, path, commit)
    finally:
        if os.path.lexists(scratch):
            os.unlink(scratch)


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
    final = place.path(name) if commit_of(name) == commit else path
    for file, text in (("HEAD", commit), ("commondir", "../.."), ("gitdir", os.path.join(final, ".git"))):
        with open(os.path.join(admin, file), "wb") as out:
            out.write(os.fsencode(text) + b"\n")
    with open(os.path.join(path, ".git"), "wb") as out:
        out.write(_link_text(place, name))
    index = os.path.join(admin, "index")
    if base:
        with open(os.path.join(place.admin(base), "index"), "rb") as source, open(index, "wb") as copy:
            copy.write(source.read())
        _settle(index)
    git = _git(place, name, path)
    if base:
        begun = as_built(place, base)
        lfs.release(git, path, begun.form.lfs if begun else ())
    check_out(git, commit)
    lfs.fill(git, place.form, path)
    if commit_of(name) != name:
        form = {"rules": place.form.rules, "filtered": place.form.filtered, "lfs": place.form.lfs}
        write_json(place.contents(name), form, durable=False)
    asked = git.spawn("diff-files", "--name-only", "-z")

    def confirm() -> None:
        left = git.finish(asked, "diff-files").stdout
        wrong = [item for item, digest in place.form.filtered.items() if sha256_file(os.path.join(path, item)) != digest]
        if wrong:
            raise refusal(wrong)
        for item in (os.fsdecode(item) for item in left.split(b"\0") if item):
            if not is_as_written(git, place.form, path, commit, item):
                raise RunnerError("tool", "the checkout of %s differs from the commit at %s" % (commit[:12], item))

    return confirm


def _settle(index: str) -> None:
    """Dates the copy of an index whose files were just verified: git reads files anew that are as young as their index."""
    later = time.time() + 2
    os.utime(index, (later, later))


def _link_text(place: Place, name: str) -> bytes:
    return b"gitdir: " + os.fsencode(place.admin(name)) + b"\n"


def _git(place: Place, name: str, path: str) -> Git:
    return Git(path, {"GIT_DIR": place.admin(name), "GIT_WORK_TREE": path, **closed(place.form, place.store)})


def _nearest(place: Place, commit: str, bases: Sequence[str]) -> Optional[Tuple[str, Set[str]]]:
    """The tree with the fewest changed paths to `commit`, and these paths; None when a full checkout is better."""
    best: Optional[Tuple[str, Set[str]]] = None
    git = Git(place.store, {"GIT_DIR": place.store})
    wanted = place.form.contents
    fitting = [(name, built) for name, built in ((name, as_built(place, name)) for name in bases) if built]
    for name, built in fitting[:_CANDIDATES]:
        found = git.run("diff-tree", "-r", "-z", "--name-only", "--no-renames", commit_of(name), commit, check=False)
        changed = {os.fsdecode(path) for path in found.stdout.split(b"\0") if path}
        # Attributes decide how other files are written: only a checkout in full is sure to be right.
        if found.returncode or any(os.path.basename(path) == ".gitattributes" for path in changed):
            continue
        there = built.form.contents
        changed.update(item for item in {**there, **wanted} if there.get(item) != wanted.get(item))
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
                import shutil  # slow to load, and nearly never needed

                shutil.copy2(os.path.join(base, path), os.path.join(target, path), follow_symlinks=False)
            linked.add(path)
    return linked
