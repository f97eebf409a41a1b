"""What the probe sees of GPUs: by what a program named nvidia-smi prints, as real ones do, and by a product in a framework."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from probe_lab import Probes

from reprun.core.seeds import Seeds
from reprun.core.spec import RunSpec
from reprun.preflight.gpu import cuda_of
from reprun.preflight.gpus import GpuCheck
from reprun.runner import probe_gpu, probe_product
from reprun.runner.facts import parse_gpus

Smi = Callable[..., None]


@pytest.fixture
def probes(tmp_path: Path) -> Probes:
    return Probes(tmp_path)


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Smi:
    """`smi(gpus=…, apps=…, devices=…, table=…, status=…)` puts a program on PATH that prints these."""

    def put(status: int = 0, **texts: str) -> None:
        options = {"gpus": "--query-gpu=*", "apps": "--query-compute-apps=*", "devices": "-L", "table": "*"}
        cases = [f"{option}) printf %s {shlex.quote(texts.get(name, ''))};;" for name, option in options.items()]
        path = tmp_path / "bin" / "nvidia-smi"
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(["#!/bin/sh", 'case "$1" in', *cases, "esac", f"exit {status}\n"]))
        path.chmod(0o755)
        monkeypatch.setenv("PATH", str(path.parent), prepend=os.pathsep)

    return put


def look(probes: Probes, wanted: str = "", memory: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = probes.look("sh", gpu={"wanted": wanted, "memory": memory, "product": False})["gpu"]
    return {name: value for name, value in found.items() if value}


SMI = """Sat Nov 21 20:00:00 2026
+-----------------------------------------------------------------------------------------+
| NVIDIA-SMI 550.54.15              Driver Version: 550.54.15      CUDA Version: 12.4     |
|-----------------------------------------+------------------------+----------------------+
"""
MIGS = """GPU 0: NVIDIA A100-SXM4-80GB (UUID: GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16)
  MIG 1g.10gb     Device  0: (UUID: MIG-feb88891-0321-5fef-9c87-d4af3b54259e)
  MIG 1g.10gb     Device  1: (UUID: MIG-a25704ba-3a06-5299-a795-fd7cf4d13973)
GPU 1: NVIDIA A100-SXM4-80GB (UUID: GPU-0b1c3c05-0000-0000-0000-000000000001)
"""
OLD_MIGS = "GPU 0: A100 (UUID: GPU-7fda)\n  MIG 3g.20gb Device 0: (UUID: MIG-GPU-7fda/1/0)\n"
FAILED = (
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is "
    "installed and running.\n\n"
)
MISMATCH = "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 550.54\n"


def test_what_nvidia_smi_prints() -> None:
    assert probe_gpu.parse_cuda(SMI.encode()) == "12.4" and probe_gpu.parse_cuda(b"CUDA UMD Version: 13.0 |") == "13.0"
    assert probe_gpu.parse_cuda(b"CUDA Version: N/A") == probe_gpu.parse_cuda(b"CUDA Version: ERR!") == ""
    free = probe_gpu.parse_free(b"0, GPU-aa, 80000\n1, GPU-bb, 12\n2, GPU-cc, [N/A]\n3, GPU-dd, [Not Supported]\nNo devices\n")
    assert [(gpu["index"], gpu["free"]) for gpu in free] == [(0, 80000), (1, 12), (2, None), (3, None)]
    assert probe_gpu.parse_processes(b"GPU-bb, 4242\nGPU-bb, 4243\n[N/A], 3\n[Not Supported], [Not Supported]\n\n") == ["GPU-bb"]
    assert [probe_gpu.is_wanted(free[0], wanted) for wanted in ("", "0", "1,0", "GPU-a", "1", "GPU-b")] == [True] * 4 + [
        False
    ] * 2
    assert [one[:12] for one in probe_gpu.parse_migs(MIGS.encode())] == ["MIG-feb88891", "MIG-a25704ba"]
    assert (
        probe_gpu.parse_migs(OLD_MIGS.encode()) == ["MIG-GPU-7fda/1/0"]
        and probe_gpu.parse_migs(b"GPU 0: MIG (UUID: GPU-1)") == []
    )
    assert parse_gpus("0, NVIDIA GB10, GPU-1, [N/A], 580.95.05\n")[0]["memory"] == 0 and parse_gpus(FAILED) == []


def test_gpus_that_are_busy_or_full(probes: Probes, smi: Smi) -> None:
    smi(gpus="0, GPU-aa, 80000\n1, GPU-bb, 12\n2, GPU-cc, [N/A]\n", apps="GPU-aa, 1\nGPU-cc, 2\n", table=SMI)
    assert look(probes, "0,1", 1 << 30) == {"busy": [0], "short": [1], "cuda": "12.4"}
    assert look(probes, "1") == {"cuda": "12.4"} and look(probes, "GPU-a") == {"busy": [0], "cuda": "12.4"}
    assert look(probes, "", 1 << 30) == {"busy": [0, 2], "short": [1], "cuda": "12.4"}
    assert probes.measured["gpu"]["free"] == {"0": 80000, "1": 12}


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        (FAILED, 9, FAILED.strip()), (MISMATCH, 18, MISMATCH.splitlines()[0]),
        ("No devices were found\n", 6, "No devices were found"),
        ("No devices were found\n", 0, "No devices were found"), ("", 3, "it ends with status 3"),
        ("Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error\n", 15,
            "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error"),
    ],
)  # fmt: skip
def test_a_driver_that_does_not_work(probes: Probes, smi: Smi, text: str, status: int, said: str) -> None:
    smi(status, gpus=text, apps=text, devices=text, table=text)
    assert look(probes, "0") == {"trouble": said}


def test_mig_devices(probes: Probes, smi: Smi) -> None:
    """A job that is given a part of a GPU is not refused for it; a part that is not there is."""
    gpus = "0, GPU-7fdaf0a5-179b-f636-d15d-daf243e3ff16, [Insufficient Permissions]\n1, GPU-0b, 80000\n"
    smi(gpus=gpus, devices=MIGS, apps="[N/A], [N/A]\n", table=SMI)
    there = "MIG-feb88891-0321-5fef-9c87-d4af3b54259e"
    assert look(probes, there, 1 << 30) == {"cuda": "12.4"} == look(probes, "MIG-feb88")
    assert look(probes, f"{there},MIG-77") == {"absent": ["MIG-77"], "cuda": "12.4"}
    known = {"program": "x", "gpus": parse_gpus("0, A100, GPU-7fda, 81920, 550.1\n")}
    assert GpuCheck().findings(RunSpec(("x",), "", Seeds(1, "option"), gpus=there), known) == []
    assert GpuCheck().findings(RunSpec(("x",), "", Seeds(1, "option"), gpus=there), {"gpus": []}) != []


@pytest.mark.parametrize(
    ("package", "cuda"),
    [
        ("cuda-version=12.6=h1", (12, 6)), ("cudatoolkit=11.8.0=h6a678d5_0", (11, 8)),
        ("nvidia-cuda-runtime-cu12==12.4.127", (12, 4)),
        ("nvidia_cuda_runtime_cu12==12.1.105", (12, 1)), ("nvidia-cuda-runtime==13.0.48", (13, 0)),
        ("torch==2.4.0+cu121", (12, 0)),
        ("cupy-cuda12x==13.3.0", (12, 0)), ("jax-cuda13-plugin==0.8.0", (13, 0)), ("torch==2.4.0", None),
        ("cuda-python==12.6.0", None),
    ],
)  # fmt: skip
def test_the_cuda_of_an_environment(package: str, cuda: tuple[int, int] | None) -> None:
    assert cuda_of({"environment": {"packages": ["a=1", package]}}) == cuda == cuda_of({"locked": {"packages": [package]}})


# Stands in for a framework on a machine without a GPU: its "GPU" adds as it is told to.
CUPY = """
class array:
    def __init__(self, rows): self.rows = rows
    T = property(lambda self: array([list(column) for column in zip(*self.rows)]))
    def __matmul__(self, other):
        columns = list(zip(*other.rows))
        return array([[sum(a * b for a, b in zip(row, column)) for column in columns] for row in self.rows])
    def sum(self): return sum(map(sum, self.rows)) + ERROR
class Device:
    def __init__(self, number): pass
    def __enter__(self): return self
    def __exit__(self, *error): pass
class runtime:
    getDeviceCount = staticmethod(lambda: COUNT)
class cuda:
    Device, runtime = Device, runtime
"""


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("ERROR, COUNT = 0, 2", (True, "")),
        ("ERROR, COUNT = 1, 1", (False, "GPU 0 computes a wrong product")),
        ("ERROR, COUNT = 0, 0", (False, "it sees no GPU")),
        ("raise RuntimeError('no driver')", (False, "RuntimeError: no driver")),
        ("import os; os.write(2, b'dead\\n'); os._exit(1)", (False, "dead")),
    ],
)
def test_the_product_of_a_framework(probes: Probes, more: str, expected: tuple[bool, str]) -> None:
    probes.write(cupy=f"{more}\n{CUPY}")
    probes.variables = {"PYTHONPATH": str(probes.tree)}
    found: list[dict[str, Any]] = probes.look("python", "train.py", gpu={"wanted": "", "memory": 0, "product": True})["gpu"][
        "products"
    ]
    assert [(one["fine"], one["said"]) for one in found if one["framework"] == "cupy"] == [expected]


def test_the_sum_of_the_product_is_that_of_the_definition() -> None:
    rows = range(probe_product.SIZE)
    product = sum(sum(probe_product.value(a, k) * probe_product.value(b, k) for k in rows) for a in rows for b in rows)
    assert probe_product.expected() == product and json.dumps(product)
