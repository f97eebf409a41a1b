"""What git says of the dev tree: what is new, changed and gone, what a flag hides from it, and what it cannot hold."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable

from reprun.core.errors import RefusedError, ToolError
from reprun.core.frozen import dataclass, field
from reprun.core.text import show, show_some
from reprun.repo.failed_filter import refuse_failed_filter
from reprun.system.process import Completed, Git, Process

_FOLDER = rb"\t([^\0]*)/"
_WORDS = ("ls-files", "-v", "-s", "-z", "--cached", "--modified", "--deleted", "--others", "--exclude-standard")


@dataclass(frozen=True)
class Listing:
    """Paths by what is to be done about them; the last three are empty in nearly every repository.

    `new` and `changed` are there on disk, `gone` are not; `assumed` and `skipped` are hidden by a flag of the index.
    `unmerged` are left from a conflict. `links` are the commits of repositories inside this one. `attributes` tells whether
    there is a `.gitattributes` anywhere; `said` is what git said, with every file of the index.
    """

    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    assumed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    unmerged: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    attributes: bool = False
    said: bytes = field(default=b"", repr=False, compare=False)


def ask_listing(git: Git) -> Process[bytes]:
    """Lets git compare the files with the index, beside other work; `read_listing` collects the answer."""
    return git.spawn(*_WORDS)


def read_listing(git: Git, asked: Process[bytes]) -> Listing:
    """Tags as in git-ls-files(1): `?` others, `C` changed, `R` removed, `S` skip-worktree, `M` unmerged, lower case
    assume-unchanged. Raises `RefusedError` for folders that git cannot read."""
    return parse_listing(git, git.finish(asked, "ls-files", check=False))


def parse_listing(git: Git, done: Completed) -> Listing:
    """As `read_listing`, when git has answered."""
    if done.stderr or done.returncode:
        _explain(done.stderr, done.returncode)
    found = Listing(attributes=b".gitattributes\0" in done.stdout, said=done.stdout)
    for line in done.stdout.split(b"\0"):
        tag, text = line[:1], line[2:]
        if tag == b"H":
            if text.startswith(b"160000"):
                found.links[_path(text)] = text[7:].split(b" ", 1)[0].decode("ascii")
        elif tag == b"?":
            found.new.append(os.fsdecode(text))
        elif tag == b"R":
            found.gone.append(_path(text))
        elif tag == b"C":
            found.changed.append(_path(text))
        elif tag:
            _add_flagged(found, tag, _path(text))
    found.gone.extend(_behind_links(git.cwd, done.stdout))
    if found.gone:
        gone = set(found.gone)
        found.changed[:] = [path for path in found.changed if path not in gone]
    return found


def _behind_links(top: str, said: bytes) -> list[str]:
    """Tracked paths in a folder that is a link by now: git looks through it at files that are not in this tree.

    Where the link is ignored too, as when `data` moved to a larger disk, no other line tells of it.
    """
    folders = set(re.findall(_FOLDER, said))
    for folder in tuple(folders):
        while b"/" in folder and (folder := folder.rpartition(b"/")[0]) not in folders:
            folders.add(folder)
    place = os.fsencode(top)
    links = tuple(folder + b"/" for folder in folders if os.path.islink(os.path.join(place, folder)))
    if not links:
        return []
    tracked = (line.partition(b"\t")[2] for line in said.split(b"\0") if line[:1] not in (b"", b"?"))
    return [os.fsdecode(path) for path in dict.fromkeys(tracked) if path.startswith(links)]


def _path(text: bytes) -> str:
    """The path in `<mode> <object> <stage>\\t<path>`."""
    return os.fsdecode(text.partition(b"\t")[2])


def _add_flagged(found: Listing, tag: bytes, path: str) -> None:
    if tag.islower():
        found.assumed.append(path)
    if tag in b"Ss":
        found.skipped.append(path)
    if tag in b"Mm":
        found.unmerged.append(path)


def _explain(stderr: bytes, status: int) -> None:
    refuse_failed_filter(stderr)
    said = stderr.decode("utf-8", "replace")
    if status:
        raise ToolError(f"git cannot compare the dev tree with its index: {show(said.strip())}", hint="git status")
    for line in said.splitlines():
        if line.startswith("warning: could not open directory"):
            raise RefusedError(
                f"a folder of the dev tree cannot be read: {show(line.partition(' directory ')[2])}",
                hint="make it readable, or add it to .gitignore",
            )


@dataclass(frozen=True)
class Additions:
    """What a snapshot does to the index: a stat of each file that goes in, and the paths that go out."""

    files: dict[str, os.stat_result]
    gone: list[str]
    links: list[str]


def sort_out(top: str, listing: Listing) -> Additions:
    """Looks at each listed path on disk. Raises `RefusedError` for what git cannot hold, naming it.

    A file that vanishes meanwhile goes out of the index; the next look at the tree will see whether it came back.
    """
    sorted_out = Additions({}, list(listing.gone), [])
    nested, odd = [], []
    for path in (*listing.new, *listing.changed):
        if path.endswith("/"):
            nested.append(path)
            continue
        try:
            found = os.lstat(os.path.join(top, path))
        except OSError:
            sorted_out.gone.append(path)
            continue
        if stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode):
            sorted_out.files[path] = found
        elif not stat.S_ISDIR(found.st_mode):
            odd.append(path)
        elif path in listing.links:
            sorted_out.links.append(path)
        else:
            sorted_out.gone.append(path)  # a folder took its place; what is in it is listed by itself
    if nested:
        raise RefusedError(
            f"a repository inside the dev tree cannot be snapshotted with it: {show_some(nested)}",
            hint="add it to .gitignore, or make it a submodule, or remove its .git folder",
        )
    if odd:
        raise RefusedError(
            f"git cannot hold the pipe, socket or device that stands in the place of a file: {show_some(odd)}",
            hint="put the file back, or git rm --cached it",
        )
    return sorted_out


def apply(git: Git, additions: Additions) -> None:
    """Brings the (scratch) index up to date: exactly these paths are written as objects, and no other."""
    if additions.gone:
        git.run("update-index", "-z", "--force-remove", "--stdin", stdin=path_lines(additions.gone))
    if not additions.files and not additions.links:
        return
    paths = path_lines([*additions.files, *additions.links])
    # --replace: a link or file in the place of a tracked folder takes the folder out
    done = git.run("update-index", "-z", "--add", "--remove", "--replace", "--stdin", stdin=paths, check=False)
    if done.returncode:
        refuse_failed_filter(done.stderr)
        said = done.stderr.decode("utf-8", "replace")
        tell = next((line for line in said.splitlines() if line.startswith("error:")), said.strip())
        raise RefusedError(f"git cannot read the dev tree: {show(tell)}", hint="mend what it names, or add it to .gitignore")


def path_lines(paths: Iterable[str]) -> bytes:
    """Paths as git reads them with `-z --stdin`."""
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
