"""The files of a snapshot that git may convert, sorted by what has to be done to give the job the same bytes."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from reprun.core.frozen import dataclass, field
from reprun.repo.blobs import find_sizes, read_blobs
from reprun.runner.data import sha256_file
from reprun.runner.lfs import LONGEST_POINTER, parse_pointer
from reprun.system.files import find_bytes
from reprun.system.process import Git

Files = dict[str, tuple[str, str]]  # path → (mode, object)


@dataclass(frozen=True)
class Sorted:
    """`expected`: path → [size, SHA-256 or nothing] that the checkout must have; `filtered` the same for files that a filter
    writes; `lfs`: path → [SHA-256, size] for which the dev tree has the content; `pointers` for which it has not. `differ`
    are files that cannot come out of a checkout as they are; `filters` the names of those that are used."""

    expected: dict[str, list[object]] = field(default_factory=dict)
    filtered: dict[str, list[object]] = field(default_factory=dict)
    lfs: dict[str, list[object]] = field(default_factory=dict)
    pointers: list[str] = field(default_factory=list)
    differ: list[str] = field(default_factory=list)
    filters: set[str] = field(default_factory=set)


def read_index(git: Git, said: bytes = b"") -> Files:
    """The regular files of the index, which git may have `said` already, each line behind a tag (see `read_listing`)."""
    files = {}
    if said:
        lines = [line[2:] for line in said.split(b"\0") if line[:1] != b"?"]
    else:
        lines = git.run("ls-files", "-s", "-z").stdout.split(b"\0")
    for line in lines:
        if line.startswith(b"100"):
            header, _, path = line.partition(b"\t")
            mode, blob, _ = header.decode("ascii").split(" ")
            files[os.fsdecode(path)] = (mode, blob)
    return files


def sort_files(top: str, git: Git, files: Files, kinds: Mapping[str, str]) -> Sorted:
    """Looks at the dev tree's files of these `kinds` (see `sort_paths`).

    Git's conversion of line endings only ever puts a CR in front of an LF or takes it away, in all places or in none. So two
    results of it for one object are equal when their sizes are, and most files need not be read.
    """
    found = Sorted()
    there = {path: size for path, size in ((path, _size(top, path)) for path in kinds) if size is not None}
    blobs = [files[path][1] for path in there if kinds[path] in ("eol", "lfs")]
    sizes = find_sizes(git, blobs)
    pointers = find_pointers(git, {files[path][1] for path in there if kinds[path] == "lfs"}, sizes)
    for path, size in there.items():
        kind, blob, place = kinds[path], files[path][1], os.path.join(top, path)
        if kind == "lfs" and blob in pointers:
            _sort_lfs(found, path, place, (size, *pointers[blob]))
        elif kind in ("eol", "lfs"):
            if size != sizes[blob]:
                found.differ.append(path)
        elif kind == "crlf":
            found.expected[path] = [size, ""]
        elif kind == "bytes":
            found.expected[path] = measure(place)
        else:
            found.filters.add(kind.removeprefix("filter "))
            found.filtered[path] = measure(place)
    return found


def _sort_lfs(found: Sorted, path: str, place: str, sizes: tuple[int, str, int]) -> None:
    here, oid, size = sizes
    if here <= LONGEST_POINTER and parse_pointer(find_bytes(place) or b"") is not None:
        found.pointers.append(path)
        found.expected[path] = measure(place)
    elif here == size:
        found.lfs[path] = [oid, size]
    else:
        found.differ.append(path)


def find_pointers(git: Git, blobs: set[str], sizes: Mapping[str, int]) -> dict[str, tuple[str, int]]:
    """object → (SHA-256, size) of what it stands for, where it is a Git LFS pointer."""
    small = [blob for blob in sorted(blobs) if sizes[blob] <= LONGEST_POINTER]
    pointers = ((blob, parse_pointer(content or b"")) for blob, content in zip(small, read_blobs(git, small), strict=True))
    return {blob: pointer for blob, pointer in pointers if pointer is not None}


def measure(place: str) -> list[object]:
    """[size, SHA-256] of a file; of one that was taken away meanwhile, what no file has."""
    try:
        return [os.path.getsize(place), sha256_file(place)]
    except FileNotFoundError:
        return [-1, ""]


def _size(top: str, path: str) -> int | None:
    """The size of a regular file; what a sparse checkout leaves out is not there to be compared."""
    try:
        found = os.lstat(os.path.join(top, path))
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None
