"""Others read our locks: conda-lock's own command line installs from them what we install."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conda_channel import Channel
from pypi_index import PypiIndex

from reprun.commands.env_export import export_environment
from reprun.env.drift import find_drift
from reprun.env.installed import read_prefix
from reprun.env.lockfile import read_packages
from reprun.env.locking import Order, make_lock
from reprun.env.plan import make_plan
from reprun.env.solver import OURS, find_solver
from reprun.env.sources import Sources

PLATFORM = "linux-64"
CONDA = Path(__file__).parents[2] / "rattler_conda.py"
VIRTUAL = {"__unix": "0", "__linux": "6.1", "__glibc": "2.36", "__archspec": "x86_64_v3"}


@pytest.fixture
def lock(conda_channel: Channel, private_home: Path, tmp_path: Path) -> Iterator[bytes]:
    """A lock of ours, with packages of conda and one of pip."""
    with PypiIndex(tmp_path / "wheels") as index:
        index.add("tally", "1.2")
        text = f"channels: ['{conda_channel.url}']\ndependencies: [python, greeter, dialer, antique, pip, {{pip: [tally]}}]\n"
        text += f"pip-repositories: ['{index.url}']\nallow-pypi-requests: false\n"
        order = Order(Sources((("environment.yml", text.encode()),)), {PLATFORM: VIRTUAL}, str(tmp_path / "cache"), 120)
        yield make_lock(order, find_solver(OURS, {}), None, lambda said: None)


def conda_lock(folder: Path, text: bytes, *words: str) -> None:
    folder.mkdir()
    (folder / "conda-lock.yml").write_bytes(text)
    command = [sys.executable, "-m", "conda_lock", words[0], *words[1:], "conda-lock.yml"]
    env = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(folder), "CONDA_PKGS_DIRS": str(folder / "pkgs")}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def install(folder: Path, text: bytes) -> Path:
    conda = folder.parent / "conda"
    conda.write_text(f'#!/bin/sh\nexec {sys.executable} {CONDA} "$@"\n')
    conda.chmod(0o755)
    conda_lock(folder, text, "install", "--conda", str(conda), "--prefix", str(folder / "prefix"))
    return folder / "prefix"


def explicit(folder: Path, text: bytes) -> list[str]:
    conda_lock(folder, text, "render", "-k", "explicit", "-p", PLATFORM)
    return listed((folder / f"conda-{PLATFORM}.lock").read_text())


def listed(text: str) -> list[str]:
    return sorted(line for line in text.splitlines() if "://" in line)


def files(prefix: Path) -> set[str]:
    """All files, but for those that Python compiles when it likes."""
    return {str(path.relative_to(prefix)) for path in prefix.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def plan_of(text: bytes) -> dict[str, Any]:
    return make_plan(read_packages(text, PLATFORM, ("main",)), PLATFORM, VIRTUAL)


def test_conda_lock_installs_our_lock_and_the_export_of_what_it_installed_is_the_same_lock(lock: bytes, tmp_path: Path) -> None:
    prefix = install(tmp_path / "one", lock)
    assert find_drift(plan_of(lock), read_prefix(str(prefix))) == []
    assert {"tally", "antique", "dial"} <= {package.name for package in read_prefix(str(prefix))}

    exported = export_environment(str(prefix), "", {})
    assert exported.exported.unknown == ()
    kept = ("manager", "name", "version", "build", "url", "md5")
    content = [[item[key] for key in kept] for item in plan_of(lock)["packages"]]
    packages = plan_of(exported.exported.text)["packages"]
    assert [[item[key] for key in kept] for item in packages] == content
    assert {item["sha256"] for item in plan_of(lock)["packages"]} - {""} <= {item["sha256"] for item in packages}
    lines = explicit(tmp_path / "two", lock)
    assert listed(exported.explicit) == lines == explicit(tmp_path / "three", exported.exported.text)
    assert len(lines) == len(content) == 7

    again = install(tmp_path / "four", exported.exported.text)
    assert find_drift(plan_of(exported.exported.text), read_prefix(str(again))) == []
    told = [[(one.manager, one.name, one.version, one.url) for one in read_prefix(str(path))] for path in (prefix, again)]
    assert told[0] == told[1] and files(prefix) == files(again)
