"""The environment of a run on another machine: made there by hand, entered there, and packed from there."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from conda_channel import Channel
from conda_locks import write_lock
from lab import REPRUN, Answer
from remote_lab import PLACE, cut, describe
from ssh_lab import SshHost


@pytest.mark.usefixtures("home")
def test_what_only_a_host_has_is_packed_from_there_and_its_environment_is_entered_there(
    repo: Path,
    home: Path,
    reprun: Callable[..., Answer],
    ssh_host: SshHost,
    conda_channel: Channel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel = conda_channel.copy(tmp_path / "channel")
    write_lock(repo, channel, "dial=1.1", "dialer", "activator", "antique")
    describe(repo, ssh_host)
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    far = ("--on", ssh_host.name)

    def dry() -> str:
        return str(reprun("launch", *far, "--dry-run", "--json", "--", "true").data["environment"]["state"])

    assert dry() == "unknown"
    made = reprun("env", "create", *far, "--json").data
    assert made["made"] and made["prefix"].startswith(str(ssh_host.home)) and dry() == "there"
    assert reprun("env", "create", *far, "--json").data == {**made, "made": False}
    run = reprun("launch", *far, "--follow", "--json", "--", "sh", "-c", "echo $CONDA_PREFIX").data
    assert run["outcome"]["exit_code"] == 0

    # with a terminal there is one there, else bytes go as they are
    shell = [REPRUN, "env", "shell", run["run_id"], "--", "sh", "-c"]
    done = subprocess.run(
        [*shell, 'cat; printf "%s %s\\n" $ACTIVATOR_HOME "$HOME"; exit 9'],
        input=b"\x00\xff\r\n",
        capture_output=True,
        check=False,
    )
    assert done.stdout == b"\x00\xff\r\n" + f"{made['prefix']}/share/activator {ssh_host.home}\n".encode(), done
    assert done.returncode == 9
    asks = f"import pty, sys; sys.exit(pty.spawn({[*shell, 'test -t 0 && test -t 1 && exit 7']!r}) >> 8)"
    assert subprocess.run([sys.executable, "-c", asks], capture_output=True, check=False).returncode == 7

    # the channel has lost a package, and this machine never had any
    channel.take_away("dial")
    shutil.rmtree(home / "pkgs")
    packed = reprun("env", "pack", run["run_id"], "--json").data
    assert packed["packages"] == 4
    shutil.rmtree(home / "pkgs")
    cut(ssh_host)
    pack = Path(packed["path"]).rename(tmp_path / "x.tar")
    answer = reprun("env", "pack", run["run_id"], "--json")
    assert answer.rc == 5 and "1 package cannot be had here, nor does gpu1" in answer.json["error"]["message"]
    here = reprun("reproduce", run["run_id"], "--on", "local", "--pack", str(pack), "--json")
    assert here.json["data"]["run_id"]


@pytest.mark.usefixtures("home")
def test_a_host_gets_what_its_channel_has_lost_from_here_and_this_is_told(
    repo: Path,
    home: Path,
    reprun: Callable[..., Answer],
    ssh_host: SshHost,
    conda_channel: Channel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    channel = conda_channel.copy(tmp_path / "channel")
    write_lock(repo, channel, "dial")
    describe(repo, ssh_host)
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    assert reprun("env", "create").rc == 0
    channel.root.rename(tmp_path / "gone")
    answer = reprun("launch", "--on", ssh_host.name, "--follow", "--json", "--", "true")
    manifest = tomllib.loads((ssh_host.home / PLACE / "runs" / answer.data["run_id"] / "manifest.toml").read_text())
    (replaced,) = manifest["environment"]["replaced"]
    assert replaced.startswith("dial-2.0-h0_0.conda from the packages of ") and "not from where the lock says" in answer.stderr
    again = reprun("launch", "--on", ssh_host.name, "--follow", "--json", "--", "true")
    assert "from the packages of " in again.stderr, "it is remembered with the environment"
