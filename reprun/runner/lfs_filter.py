"""The Git filter that turns files into Git LFS pointers while the dev tree is snapshotted, and stores their content.

git-lfs does the same, but writes to the user's `.git/config` and hooks when its filter runs, even from a `git status`.
Protocol: gitprotocol-common(5) and gitattributes(5), "Long Running Filter Process".
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import BinaryIO, Iterator, List, Optional

from reprun.runner.files import ensure_dir
from reprun.runner.git import Git
from reprun.runner.lfs import LONGEST_POINTER, find_storage, object_path, parse_pointer, render_pointer

_MOST = 65516  # bytes in one packet


def serve(source: BinaryIO, target: BinaryIO) -> None:
    """Answers git, which starts this at the top of the worktree, until it closes the stream."""
    git = Git(".", {name: os.environ[name] for name in ("GIT_DIR", "GIT_WORK_TREE") if name in os.environ})
    common_dir = git.text("rev-parse", "--path-format=absolute", "--git-common-dir")
    configured = git.run("config", "--get", "lfs.storage", check=False).stdout.rstrip(b"\n")
    storage = find_storage(common_dir, os.fsdecode(configured))
    list(_packets(source))  # git-filter-client, version=2
    _send(target, [b"git-filter-server\n", b"version=2\n"])
    list(_packets(source))  # what git can do
    _send(target, [b"capability=clean\n"])
    while True:
        asked = list(_packets(source))
        if not asked:
            return
        if b"command=clean\n" not in asked and b"command=clean" not in asked:
            list(_packets(source))
            _send(target, [b"status=error\n"])
            continue
        try:
            answer = _clean(storage, _packets(source))
        except OSError as error:
            sys.stderr.write("reprun: the content cannot be stored as a Git LFS object: %s\n" % error)
            list(_packets(source))
            _send(target, [b"status=error\n"])
            continue
        _send(target, [b"status=success\n"])
        _send(target, [answer[at : at + _MOST] for at in range(0, len(answer), _MOST)])
        _send(target, [])


def _clean(storage: str, content: Iterator[bytes]) -> bytes:
    """Stores the content and returns its pointer; a pointer stays as it is, and nothing stays nothing."""
    head: List[bytes] = []
    size = 0
    for packet in content:
        head.append(packet)
        size += len(packet)
        if size > LONGEST_POINTER:
            break
    start = b"".join(head)
    if not start or parse_pointer(start) is not None:
        return start
    folder = ensure_dir(os.path.join(storage, "tmp"))
    aside = os.path.join(folder, "reprun.%d.tmp" % os.getpid())
    digest, size = hashlib.sha256(start), len(start)
    try:
        with open(aside, "wb") as file:
            file.write(start)
            for packet in content:
                file.write(packet)
                digest.update(packet)
                size += len(packet)
        place = object_path(storage, digest.hexdigest())
        if not os.path.exists(place):
            ensure_dir(os.path.dirname(place))
            os.rename(aside, place)
    finally:
        if os.path.lexists(aside):
            os.unlink(aside)
    return render_pointer(digest.hexdigest(), size)


def _packets(source: BinaryIO) -> Iterator[bytes]:
    """The packets up to the next flush; none when the stream has ended."""
    while True:
        packet = _packet(source)
        if not packet:
            return
        yield packet


def _packet(source: BinaryIO) -> Optional[bytes]:
    size = int(source.read(4) or b"0", 16)
    return source.read(size - 4) if size else None


def _send(target: BinaryIO, packets: List[bytes]) -> None:
    for packet in packets:
        target.write(b"%04x" % (len(packet) + 4) + packet)
    target.write(b"0000")
    target.flush()
