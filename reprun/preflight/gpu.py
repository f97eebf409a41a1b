"""Can the job work with its GPUs?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reprun.core.spec import RunSpec
from reprun.core.text import human_bytes, show
from reprun.preflight.base import REFUSE, WARN, Finding

# Packages whose version is that of the CUDA that the environment is for.
_CUDA = re.compile(r"(?:cuda-version|cudatoolkit|cuda-cudart|nvidia-cuda-runtime(?:-cu\d+)?)[= ]+(\d+)\.(\d+)")
_IN_NAME = re.compile(r"(?:cupy-cuda(\d+)x|jax-cuda(\d+)-plugin)[= ]|(?:torch[= ]+[^= ]+\+cu(\d\d)\d+)")


class GpuStateCheck:
    """Free memory, processes of others, the driver against the environment, and a product that was computed on them."""

    name = "gpu"

    def findings(self, spec: RunSpec, prepared: Mapping[str, Any]) -> list[Finding]:
        """What is wrong with the GPUs that were asked for; without `--gpus` that is only warned of."""
        facts = prepared.get("preflight", {}).get("gpu", {})
        asked = REFUSE if spec.gpus else WARN
        found = [self._short(index, spec, prepared, asked) for index in facts.get("short", [])]
        exclusive = asked if spec.preflight.get("gpu_exclusive") else WARN
        found += [
            Finding(self.name, f"somebody computes on GPU {index}", "who, on the target: nvidia-smi; or other --gpus", exclusive)
            for index in facts.get("busy", [])
        ]
        found += [
            Finding(
                self.name, f"there is no {show(str(mig))} on the target", "what there is, on the target: nvidia-smi -L", asked
            )
            for mig in facts.get("absent", [])
        ]
        if facts.get("trouble"):
            message = f"no GPU can be used: nvidia-smi says {show(str(facts['trouble']))}"
            found.append(
                Finding(self.name, message, "on the target: nvidia-smi; after an update of the driver a reboot helps", asked)
            )
        return [*found, *self._driver(facts, prepared), *self._products(facts, asked)]

    def _short(self, index: int, spec: RunSpec, prepared: Mapping[str, Any], severity: str) -> Finding:
        free = prepared.get("measured", {}).get("gpu", {}).get("free", {}).get(str(index))
        there = "" if free is None else f": {human_bytes(int(free) << 20)} are"
        wanted = human_bytes(int(spec.preflight.get("gpu_memory", 0)))
        message = f"GPU {index} has not {wanted} of memory free{there}"
        return Finding(self.name, message, "who has it, on the target: nvidia-smi; or other --gpus", severity)

    def _driver(self, facts: Mapping[str, Any], prepared: Mapping[str, Any]) -> list[Finding]:
        """A driver knows the CUDA of its day and what is older, and its major version; `cuda-compat` in the job may do more."""
        driver, wanted = re.match(r"(\d+)", str(facts.get("cuda", ""))), cuda_of(prepared)
        if driver is None or wanted is None or int(driver[1]) >= wanted[0]:
            return []
        message = f"the driver knows CUDA {show(str(facts['cuda']))}, the environment is for {wanted[0]}.{wanted[1]}"
        return [Finding(self.name, message, f"a newer driver, or cuda-version <{int(driver[1]) + 1} in the environment", WARN)]

    def _products(self, facts: Mapping[str, Any], asked: str) -> list[Finding]:
        """One framework that works is enough; one that is built without CUDA may be there for something else."""
        products = facts.get("products", [])
        broken = [one for one in products if not one["fine"]]
        if any(one["fine"] for one in products):
            broken = [one for one in broken if "wrong product" in one["said"]]
        return [
            Finding(
                self.name,
                f"{show(one['framework'])} cannot compute on a GPU: {show(str(one['said']))}",
                f"a {show(one['framework'])} for the CUDA of the driver (on the target: nvidia-smi)",
                asked if one["built"] else WARN,
            )
            for one in broken
        ]


def cuda_of(prepared: Mapping[str, Any]) -> tuple[int, int] | None:
    """The CUDA that the environment is for, by its packages."""
    tables = (prepared.get("locked") or {}, prepared.get("environment") or {})
    texts = [str(text).lower().replace("_", "-") for table in tables for text in table.get("packages", [])]
    exact = max(((int(match[1]), int(match[2])) for text in texts if (match := _CUDA.match(text))), default=None)
    named = (match[1] or match[2] or match[3] for text in texts if (match := _IN_NAME.match(text)))
    return exact or max(((int(one), 0) for one in named), default=None)
