"""The platform of this host and its virtual packages: what it has that no conda channel delivers, as a solver has to know it.

Found without any tool of conda's, in a millisecond. The processor is named by its level (`x86_64_v3`), not by its make: so hosts
with the same abilities get the same environment.
"""

from __future__ import annotations

import os
import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Set

_MACHINES = {"x86_64": "64", "amd64": "64", "aarch64": "aarch64", "arm64": "aarch64", "ppc64le": "ppc64le", "s390x": "s390x"}
# What a processor must be able to do for each level of x86-64, in the words of /proc/cpuinfo.
_LEVELS = {
    "x86_64_v2": "cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3",
    "x86_64_v3": "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    "x86_64_v4": "avx512f avx512bw avx512cd avx512dq avx512vl",
}


def find_platform() -> Dict[str, Any]:
    """`platform` (`linux-64`) and `virtual`, versions by name; of `__archspec` the level."""
    system, machine = os.uname().sysname, os.uname().machine.lower()  # the module platform takes long to load
    name = _MACHINES.get(machine, machine)
    if system == "Darwin":
        import platform

        found = {"__unix": "0", "__osx": platform.mac_ver()[0], "__archspec": "m1" if name == "aarch64" else "x86_64"}
        return {"platform": "osx-arm64" if name == "aarch64" else "osx-64", "virtual": found}
    found = {"__unix": "0", "__linux": _numbers(os.uname().release), "__glibc": glibc(), "__cuda": cuda()}
    found["__archspec"] = level(flags("/proc/cpuinfo")) if name == "64" else machine
    return {"platform": "linux-" + name, "virtual": {key: value for key, value in sorted(found.items()) if value}}


def glibc() -> str:
    """The version of the C library; empty where it is another one."""
    try:
        words = (os.confstr("CS_GNU_LIBC_VERSION") or "").split()
    except (ValueError, OSError):
        return ""
    return words[1] if len(words) == 2 and words[0] == "glibc" else ""


def cuda() -> str:
    """The newest CUDA that the driver of this host can run; empty without a driver. Wakes no GPU."""
    if not os.path.exists("/proc/driver/nvidia/version") and not os.path.exists("/dev/nvidiactl"):
        return ""
    import ctypes  # as long to load as all the rest, and most hosts do not need it

    number = ctypes.c_int()
    try:
        status = ctypes.CDLL("libcuda.so.1").cuDriverGetVersion(ctypes.byref(number))
    except (OSError, AttributeError):
        return ""
    return "%d.%d" % (number.value // 1000, number.value % 1000 // 10) if status == 0 and number.value else ""


def flags(path: str) -> Set[str]:
    """What the first processor can do. Only the beginning of the file is read: the kernel makes it up for each of hundreds."""
    try:
        with open(path, "rb", buffering=0) as file:
            text = file.read(8192).decode("ascii", "replace")
    except OSError:
        return set()
    match = re.search(r"^flags\s*:(.*)$", text, re.MULTILINE)
    return set(match[1].split()) if match else set()


def level(able: Set[str]) -> str:
    """The level of an x86-64 processor with these flags."""
    found = "x86_64"
    for name, needed in _LEVELS.items():
        if not able.issuperset(needed.split()):
            break
        found = name
    return found


def _numbers(release: str) -> str:
    match = re.match(r"\d+(\.\d+)*", release)
    return match[0] if match else "0"
