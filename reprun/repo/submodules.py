"""Submodules: their files, as they stand, are part of the snapshot, as plain files (docs/decisions/0011).

What is theirs is only read: index, HEAD, refs and objects. What the snapshot needs of it is put beside the objects of the
outermost repository, and so the snapshot stands without them.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from reprun.core.errors import RefusedError, UsageError
from reprun.core.frozen import replace
from reprun.core.text import is_recordable, show, show_some
from reprun.repo.discover import Repository, find_repository
from reprun.repo.parts import Opening, Part, opened_part
from reprun.repo.refs import objects_dir
from reprun.repo.tree_diff import Entry
from reprun.system.files import find_bytes
from reprun.system.process import Git

# A submodule may be a partial clone: what it does not have is not fetched by us.
_OFFLINE = {"protocol.allow": "never"}
_SETTINGS = {**_OFFLINE, "index.sparse": "false"}


def open_submodules(stack: ExitStack, outer: Part, opening: Opening) -> list[Part]:
    """Opens the submodules of the outermost part, and theirs. Raises `RefusedError` for one that cannot be snapshotted."""
    parts: list[Part] = []
    waiting = [outer]
    while waiting:
        around = waiting.pop()
        around.inner = _find_populated(around)
        for path in around.inner:
            prefix = f"{around.prefix}{path}/"
            with naming(prefix):
                repository = _get_submodule(outer.repository, prefix)
                where = {
                    "GIT_OBJECT_DIRECTORY": objects_dir(outer.repository),
                    "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(objects_dir(repository)),
                }
                this = replace(opening, name=f"{opening.name}-{len(parts)}")
                part = stack.enter_context(opened_part(repository, prefix, this, where))
                _write_out(part.git)
            parts.append(part)
            waiting.append(part)
    return parts


def _write_out(git: Git) -> None:
    """Makes a sparse index a full one: only with the objects of the submodule can git read such an index."""
    index = find_bytes(git.where["GIT_INDEX_FILE"])
    if index and b"sdir" in index:
        git.run("update-index", "--force-write-index")


def _find_populated(part: Part) -> list[str]:
    """The paths of a part at which a repository stands. A submodule that is not checked out is an empty folder, and stays so."""
    found = []
    for path in sorted(set(part.listing.links).difference(part.listing.gone)):
        place = os.path.join(part.repository.top, path)
        try:
            if not stat.S_ISDIR(os.lstat(place).st_mode):
                continue
            names = os.listdir(place)
        except OSError:
            continue
        if ".git" in names:
            found.append(path)
        elif names:
            raise RefusedError(
                f"the submodule {show(part.prefix + path)} is not checked out, but there are files in its folder",
                hint="git submodule update --init, or move them away",
            )
    return found


def _get_submodule(outer: Repository, prefix: str) -> Repository:
    top = os.path.join(outer.top, prefix.rstrip("/"))
    try:
        found = find_repository(top)
    except UsageError as error:
        raise RefusedError(error.message, hint="git submodule update --init") from error
    if found.top != top:
        raise RefusedError(f"its repository has its files elsewhere, at {show(found.top)}", hint="git submodule update --init")
    if not found.head:
        raise RefusedError("it has no commit yet", hint="git commit")
    if found.object_format != outer.object_format:
        raise RefusedError(
            f"its objects are {found.object_format}, those of the repository around it {outer.object_format}",
            hint="add it to .gitignore, or make its files part of this repository",
        )
    git = found.git
    return replace(found, git=Git(git.cwd, {**git.where, "GIT_NO_LAZY_FETCH": "1"}, {**git.settings, **_SETTINGS}))


def find_moved_submodules(parts: list[Part]) -> list[str]:
    """Submodules that were not at the same commit, or not there, between the last two looks."""
    heads = {part.prefix: part.repository.head for part in parts}
    moved = []
    for part in parts:
        now = _find_populated(part)
        moved += [part.prefix + path for path in {*now}.symmetric_difference(part.inner)]
        moved += [part.prefix + path for path in now if part.listing.links[path] != heads.get(f"{part.prefix}{path}/")]
    return sorted(moved)


def seeing_all(parts: list[Part]) -> Repository:
    """The outermost repository, with a git that can also read the objects of the submodules."""
    outer = parts[0].repository
    others = ":".join(_quoted(objects_dir(part.repository)) for part in parts[1:])
    where = {**outer.git.where, "GIT_ALTERNATE_OBJECT_DIRECTORIES": others, "GIT_NO_LAZY_FETCH": "1"}
    return replace(outer, git=Git(outer.git.cwd, where, {**outer.git.settings, **_OFFLINE}))


def flatten(parts: list[Part]) -> str:
    """The tree of the whole: that of the outermost part, with those of the submodules where it only names their commits."""
    index = parts[0].git.where["GIT_INDEX_FILE"]
    shutil.copyfile(index, index + ".flat")
    git = parts[0].git.at(GIT_INDEX_FILE=index + ".flat")
    lines = []
    for part in parts[1:]:
        prefix = os.fsencode(part.prefix)
        lines.append(b"0 %s\t%s\0" % (part.repository.null_id.encode("ascii"), prefix[:-1]))
        for line in git.run("ls-tree", "-r", "-z", part.tree).stdout.split(b"\0")[:-1]:
            header, _, path = line.partition(b"\t")
            lines.append(b"%s\t%s%s\0" % (header, prefix, path))
    git.run("update-index", "-z", "--index-info", stdin=b"".join(lines))
    return git.text("write-tree", "--missing-ok")


def bring_objects(parts: list[Part]) -> None:
    """Copies what the trees of the submodules need and the outermost repository has not, as one pack.

    Raises `RefusedError` naming files whose content is not there, as in a partial clone.
    """
    trees = "".join(f"{part.tree}\n" for part in parts[1:]).encode("ascii")
    words = ("rev-list", "--objects", "--no-object-names", "--missing=print", "--stdin")
    listed = parts[0].repository.git.run(*words, stdin=trees).stdout.splitlines()
    missing = [line[1:] for line in listed if line.startswith(b"?")]
    if not missing:
        return
    git = seeing_all(parts).git
    asked = b"".join(line + b"\n" for line in missing)
    said = git.run("cat-file", "--batch-check=%(objectname)", stdin=asked).stdout.splitlines()
    absent = {line.split(b" ")[0] for line in said if line.endswith(b" missing")}
    if absent:
        raise RefusedError(
            f"git has not fetched the content of files in a submodule: {show_some(list(_paths_of(parts, absent)))}",
            hint="git fetch in the submodule, or clone it anew without --filter",
        )
    git.run("pack-objects", "-q", os.path.join(objects_dir(parts[0].repository), "pack", "pack"), stdin=asked)


def _paths_of(parts: list[Part], blobs: set[bytes]) -> Iterator[str]:
    for part in parts[1:]:
        for line in part.git.run("ls-tree", "-r", "-z", part.tree).stdout.split(b"\0")[:-1]:
            header, _, path = line.partition(b"\t")
            if header.split(b" ")[2] in blobs:
                yield part.prefix + os.fsdecode(path)


def submodule_records(parts: list[Part], entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """What the manifest says of the submodules: `path`, the `commit` that each is at, and whether its files differ from that."""
    prefixes = sorted((part.prefix for part in parts), key=len, reverse=True)
    dirty = {next(prefix for prefix in prefixes if entry.path.startswith(prefix)) for entry in entries}
    records = []
    for part in sorted(parts[1:], key=lambda part: part.prefix):
        path = part.prefix[:-1]
        shown = path if is_recordable(path) else show(path)
        records.append({"path": shown, "commit": part.repository.head, "dirty": part.prefix in dirty})
    return records


@contextmanager
def naming(prefix: str) -> Iterator[None]:
    """Says of refusals in which submodule they are, and where to type what the hint says."""
    try:
        yield
    except RefusedError as error:
        from shlex import quote

        path = prefix.rstrip("/")
        hint = f"cd {show(quote(path))}, and there: {error.hint}" if error.hint else ""
        raise RefusedError(f"in the submodule {show(path)}: {error.message}", hint=hint) from error


def _quoted(path: str) -> str:
    """A path as git reads it in a list of them."""
    for char, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n")):
        path = path.replace(char, written)
    return f'"{path}"'
