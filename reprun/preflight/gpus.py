"""Are the GPUs that were asked for there?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from reprun.core.spec import RunSpec
from reprun.core.text import human_bytes, show
from reprun.preflight.base import REFUSE, WARN, Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class GpuCheck:
    """Every GPU of `--gpus` must exist on the target, by index, UUID or the beginning of one; `gpu` looks for MIG devices.
    In the queue it is a number, and there are claims on processors and memory."""

    name = "gpus"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """One finding for each GPU that is not there; of a queued run, for each claim that its host can never meet."""
        if spec.queue:
            return self._claims(spec.queue, prepared)
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

    def _claims(self, asked: Mapping[str, Any], prepared: Mapping[str, Any]) -> list[Finding]:
        host, gpus = prepared.get("host", {}), len(prepared.get("gpus", []))
        found = []
        if asked.get("cpus", 0) > host.get("cpus", math.inf):
            found.append(Finding(self.name, f"--cpus {asked['cpus']}: the target has {host['cpus']}", f"--cpus {host['cpus']}"))
        if asked.get("memory", 0) > host.get("memory", math.inf):
            message = f"--memory {human_bytes(asked['memory'])}: the target has {human_bytes(host['memory'])}"
            found.append(Finding(self.name, message, f"--memory {host['memory'] // 10**6}M"))
        wanted = int(asked.get("gpus", 0))
        if wanted > gpus:  # where nvidia-smi knows none there may be slots with those of another maker
            message = f"--gpus {wanted}: the target has {gpus or 'none that nvidia-smi knows'}"
            hint = f"--gpus {gpus}" if gpus else "what there is to wait for: reprun queue slots"
            found.append(Finding(self.name, message, hint, REFUSE if gpus else WARN))
        return found
