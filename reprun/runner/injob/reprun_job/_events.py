"""`checkpoint` and `data`: lines of JSON in the file `$REPRUN_EVENTS`, which enter the outcome of the run."""

from __future__ import annotations

import os

from reprun_job._lines import append

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Optional, TypeVar, Union

    Path = Union[str, "os.PathLike[str]"]
    P = TypeVar("P", str, "os.PathLike[str]")

FILE = "REPRUN_EVENTS"


def checkpoint(path: P, step: Optional[int] = None, sha256: bool = False) -> P:
    """Records that a checkpoint was written, after it was: its size, and with `sha256` its digest. Returns the path."""
    if os.environ.get(FILE):
        head: Dict[str, Any] = {"event": "checkpoint"}
        if step is not None:
            head["step"] = int(step)
        append(FILE, {**head, **_facts(path, sha256)})
    return path


def data(path: P, sha256: bool = False) -> P:
    """Records that a file was read, and returns its path: `open(data("train.csv"))`."""
    if os.environ.get(FILE):
        append(FILE, {"event": "data", **_facts(path, sha256)})
    return path


def _facts(path: Path, digest: bool) -> Dict[str, Any]:
    """The path, from the output folder for what lies there, so that it is the same in every run; size and SHA-256 of a file."""
    given = os.fsdecode(os.fspath(path))
    output = os.path.join(os.environ.get("REPRUN_OUTPUT") or "/\0", "")
    whole = os.path.abspath(given)
    found: Dict[str, Any] = {"path": "{output}/" + whole[len(output) :] if whole.startswith(output) else given}
    try:
        if os.path.isfile(given):
            found["size"] = os.path.getsize(given)
            if digest:
                found["sha256"] = _sha256(given)
    except (OSError, ValueError) as error:
        found["problem"] = str(getattr(error, "strerror", None) or error)
    return found


def _sha256(path: str) -> str:
    import hashlib

    whole = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            whole.update(block)
    return whole.hexdigest()
