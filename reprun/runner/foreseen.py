"""A start that comes before the dev side has read what `prepare` answers: it is done only if the answer was foreseen."""

from __future__ import annotations

import json
import os

from reprun.runner.digests import sha256
from reprun.runner.files import find_bytes
from reprun.runner.identity import here
from reprun.runner.paths import RunDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Tuple

_FREE, _CHANGING = "free_bytes", ("free_bytes", "measured")  # no two launches see the same: there need only be enough

_prepared: Dict[str, Tuple[str, int]] = {}  # of the runs that this process has prepared: the digest of the answer, free bytes


def digest_of(prepared: Mapping[str, Any]) -> str:
    """What is compared of an answer to `prepare`."""
    stable = {name: value for name, value in prepared.items() if name not in _CHANGING}
    return sha256(json.dumps(stable, sort_keys=True).encode()).hexdigest()


def standing() -> str:
    """Another text once this machine has started anew, or the folder of reprun here was made anew, with the runner in it: then
    a run that is not here may have been here."""
    place, made = here(), os.stat(os.path.dirname(os.path.abspath(__file__)))
    return "%s:%s:%d:%d" % (place["boot_id"], place["init_start"], made.st_ino, made.st_mtime_ns)


def note(run_id: str, prepared: Mapping[str, Any]) -> None:
    """Remembers what is about to be answered."""
    _prepared[run_id] = (digest_of(prepared), int(prepared.get(_FREE, 0)))


def holds(run: RunDir, request: Mapping[str, Any]) -> bool:
    """Whether the manifest of this start says what this host has just said. One that is written already is final."""
    kept = find_bytes(run.manifest)
    if kept is not None:
        return bool(kept == request["manifest"].encode())
    digest, free = _prepared.get(run.run_id, ("", 0))
    return bool(digest == request["expects"] and free >= request["needs_bytes"])
