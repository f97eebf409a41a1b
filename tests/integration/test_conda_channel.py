"""The channel of the tests is one: its packages are installed by an ordinary installer, and what is in them works."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from conda_channel import Channel

_INSTALL = """
import asyncio, os, sys
import rattler
async def main(channel, prefix, cache, names):
    gateway = rattler.Gateway(cache_dir=cache)
    records = await rattler.solve([channel], names, virtual_packages=rattler.VirtualPackage.detect(), gateway=gateway)
    await rattler.install(records, target_prefix=prefix, cache_dir=cache, show_progress=False)
asyncio.run(main(*sys.argv[1:4], sys.argv[4:]))
os._exit(0)  # the library may crash at the usual end
"""


def test_its_packages_are_solved_installed_and_run(conda_channel: Channel, tmp_path: Path) -> None:
    prefix = tmp_path / "prefix"
    names = ["pip", "prefixdemo", "greeter", "dialer", "antique"]
    words = [sys.executable, "-c", _INSTALL, conda_channel.url, str(prefix), str(tmp_path / "cache"), *names]
    subprocess.run(words, check=True, timeout=120)

    def said(*words: str) -> str:
        env = {"PATH": f"{prefix}/bin:{os.defpath}", "HOME": str(tmp_path)}
        return subprocess.run(words, env=env, capture_output=True, text=True, check=True).stdout.strip()

    assert said(str(prefix / "bin" / "prefixdemo")) == f"{prefix}/share"
    assert said(str(prefix / "bin" / "greet")) == f"greetings from {prefix}"
    assert (prefix / "share" / "dial" / "version").read_text() == "1.1\n"
    where = "import sys, ssl, sqlite3, pip; print(sys.prefix, pip.__file__.startswith(sys.prefix), *sys.version_info[:3])"
    assert said(str(prefix / "bin" / "python"), "-c", where) == f"{prefix} True {'{} {} {}'.format(*sys.version_info)}"


def test_a_package_can_be_taken_away_from_a_copy(conda_channel: Channel, tmp_path: Path) -> None:
    mine = conda_channel.copy(tmp_path / "mine")
    mine.take_away("dial", "1.1")
    assert [line["version"] for line in mine.lines() if line["name"] == "dial"] == ["1.0", "2.0"]
    assert not (mine.root / "noarch" / "dial-1.1-h0_0.conda").exists()
    assert (conda_channel.root / "noarch" / "dial-1.1-h0_0.conda").exists()
