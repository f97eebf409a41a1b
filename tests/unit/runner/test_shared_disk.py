"""A home that several hosts see: each has a tmux socket of its own there."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprun.runner.paths import Home, is_on_network

MOUNTS = """proc /proc proc rw 0 0
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/local ext4 rw 0 0
server:/sets /data\\040sets lustre rw 0 0
sshfs#x /mnt/far fuse.sshfs rw 0 0
server:/over /over nfs rw 0 0
tmpfs /over tmpfs rw 0 0
broken
"""


@pytest.mark.parametrize(
    ("path", "shared"),
    [("/", False), ("/home", True), ("/home/me/.local/share/reprun", True), ("/home/me/local/reprun", False),
     ("/homes/me", False), ("/data sets/reprun", True), ("/data", False), ("/mnt/far/x", True), ("/over/reprun", False)],
)  # fmt: skip
def test_the_kind_of_the_disk_decides(tmp_path: Path, path: str, shared: bool) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert is_on_network(path, str(tmp_path / "mounts")) is shared


def test_no_mounts_are_no_network(tmp_path: Path) -> None:
    assert is_on_network("/", str(tmp_path / "nothing")) is False


def test_a_socket_on_a_disk_of_its_own_is_in_the_home() -> None:
    assert Home("/proc/home").socket() == "/proc/home/tmux.sock"


def test_a_socket_on_a_shared_disk_is_of_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reprun.runner.paths.is_on_network", lambda path: True)
    first = Home("/home/me/reprun").socket()
    assert not first.startswith("/home") and first == Home("/home/me/reprun").socket() != Home("/home/me/other").socket()
