"""Locks for the tests' channel that nobody has to solve: written as `reprun env export` writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conda_archive import PLATFORM
from conda_channel import Channel

from reprun.env.export import export
from reprun.env.installed import Package


def write_lock(folder: Path, channel: Channel, *names: str) -> None:
    """A conda-lock.yml with the newest packages of these names ("dial=1.0": that one); nothing says what it is made from."""
    text = export([_package(one) for one in channel.plan(*names)["packages"]], PLATFORM, {}).text
    (folder / "conda-lock.yml").write_bytes(text)


def _package(entry: dict[str, Any]) -> Package:
    kept = {name: str(entry[name]) for name in ("manager", "name", "version", "build", "url", "sha256", "md5")}
    return Package(**kept, depends=tuple(entry["depends"]))
