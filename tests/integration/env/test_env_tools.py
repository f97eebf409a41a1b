"""What is packed to be sent to hosts that have nothing."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from conda_channel import Channel

from reprun.env.tools import name_of_python, pack_python, python_of
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home


def test_a_python_is_packed_wherever_one_is(
    conda_channel: Channel, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a folder that is not in UTF-8, and whatever lies in it."""
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    folder.mkdir()
    (folder / "rattler.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(folder)
    packages = python_of(conda_channel.plan("python"))
    paths = {one["file"]: urlsplit(one["url"]).path for one in packages}
    tool = pack_python(name_of_python(packages), paths)
    with tarfile.open(object_path(Home(str(home)).packages, tool.sha256)) as archive:
        assert "./bin/python3" in archive.getnames()
