"""A lock of what is installed: a prefix's own records as `conda-lock.yml`, without a solver, a network or conda-lock."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from reprun.core.frozen import dataclass
from reprun.env.installed import Package

EXPORTED = "exported"
_HEAD = """\
# A lock of the packages that were installed in an environment, written by reprun env export. DO NOT EDIT!
# conda-lock install -n NAME conda-lock.yml makes the environment again.
"""


@dataclass(frozen=True)
class Exported:
    """A lock's text, and the packages of which nobody knows where they came from: a new environment cannot have them."""

    text: bytes
    count: int
    unknown: tuple[str, ...]


def export(packages: Sequence[Package], platform: str, virtual: Mapping[str, str]) -> Exported:
    """The lock for what is installed on this platform."""
    rows, unknown, channels = [], [], dict[str, None]()
    for package in packages:
        if not package.url.startswith(("http://", "https://", "file://")) or not (package.sha256 or package.md5):
            unknown.append(f"{package.name}=={package.version}")
            continue
        rows.append(_row(package, platform))
        if package.manager == "conda":
            channels[package.url.rsplit("/", 2)[0]] = None
    rows.sort(key=lambda row: (row["manager"], row["name"]))
    listed = json.dumps(rows, sort_keys=True).encode()
    meta = {
        "content_hash": {platform: sha256(listed).hexdigest()},
        "channels": [{"url": url, "used_env_vars": []} for url in channels],
        "platforms": [platform],
        "sources": [],
        "custom_metadata": {
            "reprun-solver": EXPORTED,
            "reprun-virtual-packages": json.dumps({platform: dict(virtual)}, sort_keys=True),
        },
    }
    return Exported(_render({"version": 1, "metadata": meta, "package": rows}), len(rows), tuple(unknown))


def _row(package: Package, platform: str) -> dict[str, Any]:
    """A package as conda-lock writes it. Its model wants an md5 of conda's packages, and none may be empty."""
    hashes = {"md5": package.md5} if package.md5 or package.manager == "conda" else {}
    if package.sha256:
        hashes["sha256"] = package.sha256
    depends = {name: spec for name, _, spec in (text.partition(" ") for text in package.depends)}
    return {
        "name": package.name, "version": package.version, "manager": package.manager, "platform": platform,
        "dependencies": depends, "url": package.url, "hash": hashes, "category": "main", "optional": False,
    }  # fmt: skip


def _render(data: Mapping[str, Any]) -> bytes:
    import yaml

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    text: str = yaml.dump(dict(data), Dumper=dumper, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return (_HEAD + text).encode()
