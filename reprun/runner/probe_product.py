"""A small product of matrices on every GPU that a framework sees. Runs in the job's own interpreter, see `probe_gpu`.

Its numbers are small and whole, so its sum is the same on whatever is no broken GPU.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys

SIZE = 64
JAX_PLUGINS = ("jax_cuda11_plugin", "jax_cuda12_plugin", "jax_cuda13_plugin", "jax_rocm60_plugin", "jax_rocm7_plugin")


def expected() -> int:
    """The sum of all elements of A·Aᵀ: of the squares of the sums of its columns."""
    return sum(sum(value(row, column) for row in range(SIZE)) ** 2 for column in range(SIZE))


def value(row: int, column: int) -> int:
    """An element of A."""
    return (row * SIZE + column) % 7 - 3


def _rows() -> "list[list[float]]":
    return [[float(value(row, column)) for column in range(SIZE)] for row in range(SIZE)]


def _torch() -> "tuple[bool, list[float]]":
    torch = importlib.import_module("torch")

    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return False, []
    sums = []
    if not torch.cuda.device_count():
        torch.cuda.init()  # raises, and says why
    for number in range(torch.cuda.device_count()):
        a = torch.tensor(_rows(), device="cuda:%d" % number)
        sums.append(float((a @ a.T).sum().item()))
    return True, sums


def _jax() -> "tuple[bool, list[float]]":
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # else it takes three quarters of the memory
    jax = importlib.import_module("jax")

    if jax.default_backend() == "cpu" and not any(map(importlib.util.find_spec, JAX_PLUGINS)):
        return False, []
    sums = []
    for device in jax.devices("gpu"):
        a = jax.device_put(jax.numpy.array(_rows()), device)
        sums.append(float((a @ a.T).sum()))
    return True, sums


def _cupy() -> "tuple[bool, list[float]]":
    cupy = importlib.import_module("cupy")

    sums = []
    for number in range(cupy.cuda.runtime.getDeviceCount()):
        with cupy.cuda.Device(number):
            a = cupy.array(_rows())
            sums.append(float((a @ a.T).sum()))
    return True, sums


FRAMEWORKS = {"torch": _torch, "jax": _jax, "cupy": _cupy}


def attempt(name: str) -> "dict[str, object]":
    """What came of it with one framework."""
    try:
        built, sums = FRAMEWORKS[name]()
    except BaseException as error:
        return {"framework": name, "built": True, "fine": False, "said": "%s: %s" % (type(error).__name__, error)}
    if not built:
        return {"framework": name, "built": False, "fine": False, "said": "it is built without CUDA"}
    if not sums:
        return {"framework": name, "built": True, "fine": False, "said": "it sees no GPU"}
    wrong = [str(at) for at, found in enumerate(sums) if found != expected()]
    said = "GPU %s computes a wrong product" % ", ".join(wrong) if wrong else ""
    return {"framework": name, "built": True, "fine": not wrong, "said": said}


def main(number: int) -> None:
    """Tries every framework that is installed, and tells of each on the descriptor."""
    for name in FRAMEWORKS:
        try:
            if importlib.util.find_spec(name) is None:
                continue
        except Exception:  # noqa: S112  # then it is as good as not there
            continue
        for told in ({"framework": name, "said": "begun"}, None):
            os.write(number, json.dumps(told or attempt(name)).encode() + b"\n")
    os._exit(0)


if __name__ == "__main__" and sys.argv[1:]:
    main(int(sys.argv[-1]))
