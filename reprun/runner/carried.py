"""Carried files: ignored files of the dev tree that one run gets a copy of, mode 0600, in a tree of its own.

Their contents come with the request and go nowhere but into these copies: records hold path, size and sha256.
"""

from __future__ import annotations

import os
import stat

from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Sequence

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def record_of(files: Sequence[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The carried files of a request without their contents."""
    return [{name: file[name] for name in ("path", "sha256", "size")} for file in files]


def place_carried(tree: str, files: Sequence[Dict[str, Any]]) -> None:
    """Writes the files of a request into a tree whose folders are still writable. None of them replaces anything."""
    from hashlib import sha256

    for file in files:
        import binascii  # a library of its own to open, and hardly any run carries files

        data = binascii.a2b_base64(file["data"])
        if sha256(data).hexdigest() != file["sha256"]:
            raise RunnerError("tool", "the carried file %s did not arrive as it was sent" % file["path"])
        _write(tree, file["path"], data)


def changed_carried(tree: str, carried: Sequence[Dict[str, Any]]) -> List[str]:
    """The paths of those carried files that are not what was placed there."""
    return [file["path"] for file in carried if not _is_as_recorded(os.path.join(tree, file["path"]), file)]


def but_for(tree: str, changed: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    """The changed paths that are neither among the `known` ones nor below them.

    Git names a folder that is ignored as a whole, not what is in it: of one that holds a known path, what else it holds counts.
    """
    for item in changed:
        if any(item == path or item.startswith(path + "/") for path in known):
            continue
        folder = os.path.join(tree, item)
        if any(path.startswith(item + "/") for path in known) and os.path.isdir(folder) and not os.path.islink(folder):
            yield from but_for(tree, ["%s/%s" % (item, name) for name in sorted(os.listdir(folder))], known)
        else:
            yield item


def _is_as_recorded(path: str, file: Dict[str, Any]) -> bool:
    try:
        found = os.lstat(path)
        return stat.S_ISREG(found.st_mode) and found.st_size == file["size"] and sha256_file(path) == file["sha256"]
    except OSError:
        return False


def _write(tree: str, path: str, data: bytes) -> None:
    """Folder by folder, never through a link: what a commit calls `configs` may lead anywhere."""
    *folders, name = path.split("/")
    if any(part in ("", ".", "..") or part.lower() == ".git" for part in (*folders, name)):
        raise RunnerError("refused", "the carried path %s leaves the tree" % path)
    here = os.open(tree, _FOLDER)
    try:
        for part in folders:
            here, above = _enter(here, part, path), here
            os.close(above)
        try:
            file = os.open(name, _NEW, 0o600, dir_fd=here)
        except FileExistsError:
            raise RunnerError(
                "refused", "%s is in the commit: only what git ignores can be carried" % path, "take it out of carry"
            ) from None
        with os.fdopen(file, "wb") as out:
            os.fchmod(file, 0o600)  # whatever the umask is
            out.write(data)
            out.flush()
            os.fsync(file)
    finally:
        os.close(here)


def _enter(here: int, part: str, path: str) -> int:
    try:
        os.mkdir(part, 0o755, dir_fd=here)
    except FileExistsError:
        pass
    try:
        return os.open(part, _FOLDER, dir_fd=here)
    except OSError as error:
        raise RunnerError(
            "refused",
            "the carried path %s leads through %s, which is no folder in the commit" % (path, part),
            "take it out of carry, or make %s a folder" % part,
        ) from error
