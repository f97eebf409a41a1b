"""Is there room for what a run writes?"""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.spec import RunSpec
from reprun.core.text import human_bytes
from reprun.preflight.base import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MINIMUM = 32 << 20  # room for the records of a run and a little output


class DiskCheck:
    """The disk of the run folder must have some room left."""

    name = "disk"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding when fewer than 32 MiB are free."""
        free = int(prepared.get("free_bytes", MINIMUM))
        if free >= MINIMUM:
            return []
        return [Finding(self.name, f"only {human_bytes(free)} are free on the disk of {prepared.get('run_dir')}", "reprun gc")]
