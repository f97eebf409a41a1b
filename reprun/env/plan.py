"""The plan: what is to be installed on one platform, as plain data for the host, named by a digest."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from reprun.core.digests import sha256

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def make_plan(
    packages: Sequence[Mapping[str, Any]], platform: str, virtual: Mapping[str, str], python: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The plan for these packages; `virtual` are the virtual packages that the lock was solved for, `python` the Python of the
    host that a virtual environment is made from."""
    ordered = sorted((dict(item) for item in packages), key=lambda item: (item["manager"], item["name"]))
    data = {"packages": ordered, "platform": platform, "virtual": dict(virtual), **({"python": dict(python)} if python else {})}
    return {"digest": digest_of(data), **data}


def digest_of(data: Mapping[str, Any]) -> str:
    """The name of a plan's prefix: the same for the same packages, platform and virtual packages, and for nothing else."""
    parts = {name: data[name] for name in ("packages", "platform", "virtual", "python") if name in data}
    return sha256(json.dumps(parts, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def unmet(plan: Mapping[str, Any], virtual: Mapping[str, str]) -> list[str]:
    """What packages of the plan need of a machine and `virtual` does not give: `numpy needs __glibc >=2.28, here is 2.17`."""
    from reprun.env.versions import satisfies

    found = []
    for package in plan["packages"]:
        for depends in package["depends"]:
            name, _, spec = depends.partition(" ")
            if name.startswith("__") and not satisfies(virtual.get(name), spec):
                there = f"here is {virtual[name]}" if name in virtual else "which is not here"
                found.append(f"{package['name']} needs {depends}, {there}")
    return found


def texts(plan: Mapping[str, Any]) -> list[str]:
    """The packages as a manifest lists them: `numpy==1.26.4=py311h64a7726_0`, `tomli==2.0.1`."""
    return sorted(
        f"{item['name']}=={item['version']}" + (f"={item['build']}" if item["build"] else "") for item in plan["packages"]
    )


def md5_only(plan: Mapping[str, Any]) -> list[str]:
    """The packages of which the channel says no sha256."""
    return [item["name"] for item in plan["packages"] if not item["sha256"]]
