"""Are the GPUs that were asked for there?"""

from __future__ import annotations

from collections.abc import Mapping

from reprun.core.spec import RunSpec
from reprun.core.text import show
from reprun.preflight.base import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class GpuCheck:
    """Every GPU of `--gpus` must exist on the target, by index, UUID or the beginning of one; `gpu` looks for MIG devices."""

    name = "gpus"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each GPU that is not there."""
        if spec.gpus in ("", "none"):
            return []
        gpus = prepared.get("gpus", [])
        if prepared.get("preflight", {}).get("gpu", {}).get("trouble"):
            return []  # the check `gpu` says why there are none
        known = ", ".join(f"{gpu['index']} ({gpu['name']})" for gpu in gpus) or "none that nvidia-smi knows"
        return [
            Finding(
                self.name, f"there is no GPU {show(wanted)} on the target", f"on the target: nvidia-smi -L; there are: {known}"
            )
            for wanted in spec.gpus.split(",")
            if not any(
                wanted == str(gpu["index"])
                or (wanted.startswith("GPU-") and gpu["uuid"].startswith(wanted))
                or wanted.startswith("MIG-")
                for gpu in gpus
            )
        ]
