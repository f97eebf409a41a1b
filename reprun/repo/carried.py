"""Carried files, as they lie in the dev tree: read, checked and recorded. Git ignores them, so no snapshot holds them."""

from __future__ import annotations

import binascii
import os
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import Any

from reprun.core.errors import RefusedError, UsageError
from reprun.core.spec import Carried
from reprun.core.text import human_bytes, show
from reprun.repo.discover import Repository
from reprun.repo.ignoring import ignore_command
from reprun.system.process import Git, translated

MAX_BYTES = 10 << 20
_PLAIN = re.compile(r"[A-Za-z0-9._/+@=-]+")


def declared_carried(repository: Repository, paths: Sequence[str]) -> tuple[Carried, ...]:
    """The files that `carry` names, for a run that will have a snapshot of this tree.

    Raises `RefusedError` for one that cannot be carried: not there, no file, or not ignored, so that it would be committed.
    """
    if not paths:
        return ()
    twice = next((path for path in paths if paths.count(path) > 1), None)
    if twice is not None:
        raise UsageError(f"carry names {show(twice)} twice", hint="take one of the two out of carry in reprun.toml")
    carried = get_carried(repository, paths, ", or take it out of carry in reprun.toml")
    _refuse_what_git_keeps(repository, paths)
    return carried


def get_carried(repository: Repository, paths: Sequence[str], otherwise: str = "") -> tuple[Carried, ...]:
    """The files as they are now. Raises `RefusedError` for one that cannot be read; `otherwise` ends its hint."""
    return tuple(_record(path, data) for path, data in _read_all(repository, paths, otherwise))


def find_carried(repository: Repository, paths: Sequence[str]) -> tuple[Carried, ...]:
    """As `get_carried`, without those that are not there or cannot be read: for looking ahead."""
    found: list[Carried] = []
    for path in paths:
        try:
            found += get_carried(repository, [path])
        except RefusedError:
            continue
    return tuple(found)


def carried_contents(repository: Repository, carried: Sequence[Carried]) -> list[dict[str, Any]]:
    """What the target is sent: the records with the contents. Raises `RefusedError` when a file is not what was recorded."""
    files = []
    wanted = {file.path: file for file in carried}
    for path, data in _read_all(repository, list(wanted)):
        if _record(path, data) != wanted[path]:
            raise RefusedError(
                f"the carried file {show(path)} is not what it was when the run was asked for "
                f"(sha256 {wanted[path].sha256[:12]} then, {sha256(data).hexdigest()[:12]} now)",
                hint="put it back as it was and try again, or launch anew",
            )
        files.append({**vars(wanted[path]), "data": binascii.b2a_base64(data, newline=False).decode("ascii")})
    return files


def _record(path: str, data: bytes) -> Carried:
    return Carried(path, sha256(data).hexdigest(), len(data))


def _read_all(repository: Repository, paths: Sequence[str], otherwise: str = "") -> Iterator[tuple[str, bytes]]:
    left = MAX_BYTES
    for path in paths:
        full = os.path.join(repository.top, path)
        try:
            data = _read(full, left + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise RefusedError(f"the carried file {show(path)} is not there", hint=f"put it at {show(full)}{otherwise}") from None
        except OSError as error:
            raise RefusedError(
                f"the carried file {show(path)} cannot be read: {error.strerror}",
                hint=f"chmod u+r {shlex.quote(full)}{otherwise}",
            ) from None
        if data is None:
            kind = "a folder" if os.path.isdir(full) else "no regular file"
            raise RefusedError(f"{show(path)} cannot be carried: it is {kind}", hint=f"name files one by one{otherwise}")
        left -= len(data)
        if left < 0:
            raise RefusedError(
                f"the carried files are larger than {human_bytes(MAX_BYTES)} together (at {show(path)})",
                hint='carry is for small files: declare large ones as data = [{ path = "…" }] and let the job read them there',
            )
        yield path, data


def _read(path: str, most: int) -> bytes | None:
    """At most `most` bytes of the file that `path` is or leads to; None when that is no regular file."""
    if not stat.S_ISREG(os.stat(path).st_mode):
        return None
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe that took its place must not hold us up
    with os.fdopen(fd, "rb") as file:
        return file.read(most) if stat.S_ISREG(os.fstat(fd).st_mode) else None


def _refuse_what_git_keeps(repository: Repository, paths: Sequence[str]) -> None:
    """Git is asked in its own words, so that every source of its rules counts: .gitignore, info/exclude, core.excludesFile."""
    asked = {path: _first_link(repository.top, path) for path in paths}
    with translated():
        tracked = repository.git.spawn("ls-files", "-z", "--cached", "--", *asked.values())
        ignored = _ignored(repository.git, list(asked.values()))
        known = {os.fsdecode(name) for name in repository.git.finish(tracked, "ls-files").stdout.split(b"\0") if name}
    for path, name in asked.items():
        if name in known:
            what = show(path) if name == path else f"{show(name)}, through which {show(path)} leads,"
            raise RefusedError(
                f"{what} is tracked by git, so the snapshot has it already: only ignored files are carried",
                hint="take it out of carry in reprun.toml",
            )
        if name not in ignored:
            raise RefusedError(
                f"{show(path)} is not ignored by git: the snapshot would commit it, and carried files are never committed",
                hint=ignore_command(repository.prefix, [name]),
            )


def _ignored(git: Git, names: list[str]) -> set[str]:
    # With ./ in front no name can be taken for a pathspec with magic.
    stdin = b"".join(b"./" + os.fsencode(name) + b"\0" for name in names)
    done = git.run("check-ignore", "-z", "--stdin", stdin=stdin, check=False)
    if done.returncode > 1:
        said = done.stderr.decode("utf-8", "replace").strip().removeprefix("fatal: ")
        raise RefusedError(
            f"git cannot say whether a carried file is ignored: {show(said)}", hint="take it out of carry in reprun.toml"
        )
    return {os.fsdecode(name).removeprefix("./") for name in done.stdout.split(b"\0")}


def _first_link(top: str, path: str) -> str:
    """The first part of the path that is a link, or the path itself: beyond a link git knows nothing."""
    parts = path.split("/")
    ways = ("/".join(parts[:count]) for count in range(1, len(parts)))
    return next((way for way in ways if os.path.islink(os.path.join(top, way))), path)
