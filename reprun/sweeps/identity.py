"""What makes a stage of a task the same as one that ran: code, parameters, data, lock, stage. Never the name of a folder."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Iterable, Sequence

from reprun.core.digests import sha256
from reprun.core.frozen import dataclass

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


@dataclass(frozen=True)
class Basis:
    """What all tasks of a sweep have in common: `code` is the digest of the tree without the sweep file, which says what is to be
    run and not how, and without what that says to `ignore`; `data` are the records of the declared data, `lock` is the digest of
    the locked environment, or empty."""

    code: str
    lock: str = ""
    data: tuple[str, ...] = ()


def loose_of(task: str, stage: str, commands: Sequence[str], cwd: str) -> str:
    """The identity without the code: the parameters, by the digest of the task, and the commands that they go into: that of the
    stage, and those before it, of whose output it is made."""
    return _digest(["loose-v2", task, stage, list(commands), cwd])


def identity_of(loose: str, basis: Basis) -> str:
    """The identity of a stage of a task."""
    return _digest(["task-v1", loose, basis.code, basis.lock, *basis.data])


def code_of(entries: Iterable[bytes], without: Sequence[str], config: str | None = None) -> str:
    """The digest of a tree from its entries as `git ls-tree -r -z` lists them, `without` files: paths, folders, or patterns in
    which `*` stands for anything. The text of the `config` counts too: git may ignore that file."""
    exact = {path for path in without if not set(path) & set("*?[")}
    folders = tuple(f"{path.rstrip('/')}/" for path in exact)
    patterns = [re.compile(fnmatch.translate(path)) for path in without if path not in exact]
    found = sha256()
    for entry in entries:
        path = entry.partition(b"\t")[2].decode("utf-8", "surrogateescape")
        if path in exact or path.startswith(folders) or any(pattern.match(path) for pattern in patterns):
            continue
        found.update(entry + b"\0")
    if config is not None:
        found.update(b"config\0" + config.encode("utf-8", "surrogatepass"))
    return found.hexdigest()


def _digest(parts: Sequence[Any]) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()
