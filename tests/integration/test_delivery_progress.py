"""Who waits for a first push is told how much has gone."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hiding import hide
from lab import Run
from ssh_lab import SshLab

from reprun.commands.build_spec import LaunchOptions, build_spec
from reprun.commands.launch import launch
from reprun.workspace import open_workspace

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd", "git-lfs")]


def test_bytes_are_counted(ssh_lab: SshLab, repo: Path, git: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = hide(ssh_lab.host("gpu1"), tmp_path)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\n')
    (repo / "large").write_bytes(os.urandom(2 << 20))
    git("lfs", "install", "--local", "--skip-repo")
    git("lfs", "track", "*.bin")
    (repo / "one.bin").write_bytes(os.urandom(3 << 20))
    workspace = open_workspace()
    said: list[str] = []
    options = LaunchOptions(("true",), "", "", "", (), None, "gpu1", "", False)
    launch(workspace, build_spec(workspace, options), tell=said.append)
    pushed = [line for line in said if re.fullmatch(r"sending [0-9.]+ [KM]iB to gpu1", line)]
    assert len(pushed) > 3 and pushed[-1] == "sending 2.0 MiB to gpu1" and len(set(pushed)) > 3
    assert said.count("sending the files of Git LFS to gpu1: 3.0 MiB of 3.0 MiB") == 1
    assert said[-1] == "starting the job"
