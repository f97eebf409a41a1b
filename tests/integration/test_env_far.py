"""A host that can fetch nothing, and has neither conda nor the installer, gets an environment from the dev side."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from conda_channel import Channel
from hiding import hide
from lab import old_tool
from ssh_lab import SshLab

from reprun.commands.env_making import Ways, ensure_environment
from reprun.core.errors import RefusedError
from reprun.hosts.base import Attached
from reprun.hosts.ssh import Access, SshHost

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd")]


class Watched(SshHost):
    """Counts what is asked for, and the bytes of contents that are sent."""

    def __init__(self, name: str) -> None:
        super().__init__(name, Access(name))
        self.asked: list[str] = []
        self.sent = 0

    def ask(self, request: Mapping[str, Any], attached: Attached | None = None, *more: Any, **named: Any) -> dict[str, Any]:
        self.asked.append(request["op"])
        self.sent += sum(length for *_, length in request.get("parts", ()))
        return super().ask(request, attached, *more, **named)


def open_host(ssh_lab: SshLab, hidden: Path, monkeypatch: pytest.MonkeyPatch, **login: Any) -> Watched:
    """A host for which the folder is empty."""
    host = hide(ssh_lab.host("gpu1", **login), hidden)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    return Watched(host.name)


def said(ssh_lab: SshLab, command: str) -> str:
    """What a command prints on the host."""
    done = ssh_lab.hosts["gpu1"].run(command)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().strip()


def test_everything_is_sent_and_only_what_is_missing(
    ssh_lab: SshLab, conda_channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, told = conda_channel.copy(tmp_path / "mine"), []
    host = open_host(ssh_lab, tmp_path, monkeypatch)
    plan = mine.plan("python", "prefixdemo", "greeter", "antique")
    record = ensure_environment(host, plan, told.append)
    prefix = record["prefix"]
    assert record["installer"] == f"py-rattler {metadata.version('py-rattler')}"
    assert prefix.startswith(str(ssh_lab.hosts["gpu1"].home)) and record["md5_only"] == ["antique-1.0-h0_0.tar.bz2"]
    assert said(ssh_lab, f"{prefix}/bin/prefixdemo; {prefix}/bin/greet") == f"{prefix}/share\ngreetings from {prefix}"
    assert any("cannot fetch packages" in text for text in told) and any("sending packages" in text for text in told)
    host.asked.clear()
    assert record.pop("is_new") and ensure_environment(host, plan, told.append) == record and host.asked == ["env"]
    host.sent = 0
    ensure_environment(host, mine.plan("python", "prefixdemo", "dial"), told.append, Ways(fetch="dev"))
    assert host.sent == mine.entry("dial")["size"]
    with pytest.raises(RefusedError, match=r"spoiled-1\.0-h0_0\.conda is not the package that was locked"):
        ensure_environment(host, mine.plan("spoiled"), told.append)


@pytest.mark.needs("python-3.8")
def test_a_host_with_an_old_python_is_sent_a_newer_one(
    ssh_lab: SshLab, conda_channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = conda_channel.copy(tmp_path / "mine")
    host = open_host(ssh_lab, tmp_path, monkeypatch, path=(old_tool("python-3.8"),), without=("python3",))
    record = ensure_environment(host, mine.plan("python", "prefixdemo"), lambda text: None)
    assert said(ssh_lab, f"{record['prefix']}/bin/prefixdemo") == f"{record['prefix']}/share"
    assert said(ssh_lab, "python3 -c 'import sys; print(sys.version_info[:2])'") == "(3, 8)"
    tools = Path(record["prefix"]).parent.parent / "tools"
    assert sorted(path.name.split("-")[0] for path in tools.iterdir()) == ["py", "python"]
