"""The kind `system`: the interpreter that the command finds on the target, recorded with its distributions.

Weaker than a lock: it says what was there and cannot make it again. Manifest and verdict say so.
"""

from __future__ import annotations

from collections.abc import Mapping

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KIND = "system"


def system_record(probed: Mapping[str, Any]) -> dict[str, Any]:
    """The `[environment]` table for what the runner found of the interpreter; without one only the kind is known."""
    record: dict[str, Any] = {"kind": KIND, "strength": "weak"}
    for key in ("python", "implementation", "executable", "prefix", "digest"):
        record[key] = str(probed.get(key, ""))
    record["packages"] = [str(item) for item in probed.get("packages", [])]
    if probed.get("capture"):
        record["capture"] = str(probed["capture"])
    return record
