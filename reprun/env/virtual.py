"""Virtual packages: what a machine has that no channel delivers (`__glibc`, `__cuda`, `__archspec`), as conda calls it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping

from reprun.core.errors import ToolError
from reprun.core.text import show
from reprun.runner.files import read_text
from reprun.system.files import find_json, write_json
from reprun.system.process import run

_SECONDS = 60
# What is assumed of a platform that no machine was asked for; the values of conda-lock, without a GPU.
_ASSUMED = {
    "linux-64": {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "x86_64"},
    "linux-aarch64": {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "aarch64"},
    "linux-ppc64le": {"__unix": "0", "__linux": "5.10", "__glibc": "2.28", "__archspec": "ppc64le"},
    "osx-64": {"__unix": "0", "__osx": "11.0", "__archspec": "x86_64"},
    "osx-arm64": {"__unix": "0", "__osx": "11.0", "__archspec": "arm64"},
    "win-64": {"__win": "0", "__archspec": "x86_64"},
}


def detect(cache: str) -> tuple[str, dict[str, str]]:
    """The platform of this machine and its virtual packages; kept in the folder `cache` until a reboot or another driver."""
    path = os.path.join(cache, "virtual.json")
    stamp = _stamp()
    known = find_json(path)
    if known and known.get("stamp") == stamp:
        return str(known["platform"]), dict(known["virtual"])
    done = run([sys.executable, "-P", "-m", "reprun.env.shim", "virtual"], check=False, timeout=_SECONDS)
    try:
        found = json.loads(done.stdout)
    except ValueError:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ToolError(
            f"py-rattler cannot tell the virtual packages of this machine: {show(said[-1] if said else 'it says nothing')}",
            hint="pip install --force-reinstall py-rattler",
        ) from None
    write_json(path, {"stamp": stamp, **found})
    return str(found["platform"]), dict(found["virtual"])


def _stamp() -> list[str]:
    """What the answer depends on, as far as it can be read in no time."""
    machine = os.uname()
    boot, driver = read_text("/proc/sys/kernel/random/boot_id"), read_text("/proc/driver/nvidia/version")
    return [boot, driver, machine.release, machine.machine, os.confstr("CS_GNU_LIBC_VERSION") or "", sys.prefix]


def assumed(platform: str) -> dict[str, str]:
    """The virtual packages of a platform of which no machine is at hand."""
    return dict(_ASSUMED.get(platform, {}))


def with_overrides(virtual: Mapping[str, str], overrides: Mapping[str, str]) -> dict[str, str]:
    """The virtual packages as the user wants them seen; an empty version takes one away."""
    return {name: text for name, text in sorted({**virtual, **overrides}.items()) if text}
