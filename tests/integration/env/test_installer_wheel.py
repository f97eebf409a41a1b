"""py-rattler for hosts of another kind: which of the published wheels is taken. They are only carried, so they may be empty."""

from __future__ import annotations

import os
import tarfile
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from reprun.core.errors import RefusedError, ToolError
from reprun.env.installer_wheel import wheel_tags
from reprun.env.tools import Tool, pack_rattler
from reprun.runner.lfs import object_path
from reprun.runner.paths import Home

VERSION = metadata.version("py-rattler")
Publish = Callable[[str], None]


@pytest.fixture
def publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Puts a wheel of py-rattler with this tag where pip looks, and pip looks nowhere else."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    def put(tag: str) -> None:
        name, info = f"py_rattler-{VERSION}-cp310-abi3-{tag}.whl", f"py_rattler-{VERSION}.dist-info"
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            archive.writestr("rattler/__init__.py", f"tag = {tag!r}\n")
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: py-rattler\nVersion: {VERSION}\n")
            archive.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp310-abi3-{tag}\n")

    return put


def tag_of(tool: Tool, home: Path) -> str:
    with tarfile.open(object_path(Home(str(home)).packages, tool.sha256)) as archive:
        file = archive.extractfile("./rattler/__init__.py")
        assert file is not None
        return file.read().decode().split("'")[1]


def test_the_wheel_that_the_host_can_load_and_that_asks_least_is_taken(publish: Publish, home: Path) -> None:
    publish("manylinux_2_28_aarch64")
    publish("manylinux_2_28_ppc64le")
    publish("musllinux_1_2_aarch64")
    publish("manylinux_2_31_aarch64")
    with pytest.raises(ToolError, match=r"cannot be had for linux-aarch64 with glibc 2\.17: No matching distribution") as caught:
        pack_rattler("linux-aarch64", "2.17")
    assert 'kind = "system"' in caught.value.hint
    assert tag_of(pack_rattler("linux-aarch64", "2.36"), home) == "manylinux_2_28_aarch64"
    publish("macosx_11_0_arm64")
    assert tag_of(pack_rattler("darwin-arm64"), home) == "macosx_11_0_arm64"


def test_tags_go_up_to_the_glibc_of_the_host() -> None:
    assert wheel_tags("linux-aarch64", "2.18") == ["manylinux_2_17_aarch64", "manylinux_2_18_aarch64"]
    with pytest.raises(RefusedError, match=r"needs glibc 2\.17 or newer, and the host has 2\.12"):
        pack_rattler("linux-x86_64", "2.12")
    assert "manylinux_2_28_x86_64" in wheel_tags("linux-x86_64", "")
