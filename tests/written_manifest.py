"""A sealed manifest as a launch leaves it, with no more than it must have: for tests that need only the record."""

from __future__ import annotations

import json

from reprun.core.manifest import seal

COMMIT, TREE = "c" * 40, "d" * 40


def manifest(
    run_id: str, name: str = "", *, more: str = "", word: str = "{output}", code: tuple[str, str] = (COMMIT, TREE)
) -> bytes:
    """Of a run of `train.py --out WORD` at `code`, a commit and its tree. `more`: tables behind it."""
    return seal(
        f"""schema_version = 1
run_id = "{run_id}"
name = {json.dumps(name)}
why = "because"
created = "2026-11-21T03:16:22Z"
parent = ""
[command]
argv = ["python", "train.py", "--out", "{word}"]
cwd = ""
[code]
commit = "{code[0]}"
tree = "{code[1]}"
branch = "main"
[seeds]
root = 7
named = {{}}
[environment]
[variables]
[target]
name = "local"
{more}""".encode()
    )
