"""What a Python says of itself, for tests that choose packages for it."""

from __future__ import annotations

from typing import Any


def a_python(version: str = "3.11.7", glibc: str = "2.28", machine: str = "x86_64", soabi: str = "") -> dict[str, Any]:
    """A CPython on a Linux machine, as `runner/pythons.py` describes it."""
    short = ".".join(version.split(".")[:2])
    return {
        "path": "/usr/bin/python3", "pip": "", "is_base": True, "bits": 64, "platform": f"linux-{machine}",
        "libc": ["glibc", glibc] if glibc else ["", ""],
        "soabi": soabi or f"cpython-{short.replace('.', '')}-{machine}-linux-gnu",
        "markers": {
            "implementation_name": "cpython", "implementation_version": version, "os_name": "posix", "platform_machine": machine,
            "platform_python_implementation": "CPython", "platform_system": "Linux", "python_full_version": version,
            "python_version": short, "sys_platform": "linux",
        },
    }  # fmt: skip
