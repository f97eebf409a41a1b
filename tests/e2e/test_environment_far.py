"""A run on another machine gets the environment of its code there."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from conda_channel import Channel
from lab import Answer
from remote_lab import PLACE, describe
from ssh_lab import SshHost


@pytest.mark.usefixtures("home")
def test_a_host_without_conda_runs_what_environment_yml_says(
    repo: Path, reprun: Callable[..., Answer], ssh_host: SshHost, conda_channel: Channel
) -> None:
    (repo / "environment.yml").write_text(f"channels: ['{conda_channel.url}']\ndependencies: [python, greeter, activator]\n")
    (repo / "train.py").write_text("import greeter, os, sys\nprint(sys.prefix, os.environ['ACTIVATOR_HOME'])\n")
    describe(repo, ssh_host)
    words = ("launch", "--on", ssh_host.name, "--follow", "--json", "--", "python", "train.py")
    answer = reprun(*words, env=ssh_host.environ)
    data = answer.data
    manifest = tomllib.loads((ssh_host.home / PLACE / "runs" / data["run_id"] / "manifest.toml").read_text())
    environment = manifest["environment"]
    prefix = environment["prefix"]
    assert prefix.startswith(str(ssh_host.home)) and (environment["kind"], environment["origin"]) == ("conda", "made")
    assert f"{prefix} {prefix}/share/activator" in answer.stderr
    values = manifest["variables"]["values"]
    assert (values["CONDA_PREFIX"], values["ACTIVATOR_LEVEL"]) == (prefix, "seven")
    # what was remembered of the host is not true any more: its home is new
    subprocess.run(["chmod", "-R", "u+w", prefix], check=True)
    shutil.rmtree(prefix)
    memo = next((repo / ".git" / "reprun" / "hosts").glob("*.environments.json"))
    memo.write_text(memo.read_text().replace('"__glibc": "2', '"__glibc": "1'))
    assert reprun(*words, env=ssh_host.environ).data["outcome"]["exit_code"] == 0
    assert '"__glibc": "2' in memo.read_text()
    # the same on this machine: one lock, one digest, another place
    here = reprun("reproduce", data["run_id"], "--on", "local", "--json", env=ssh_host.environ)
    rows = {row["name"] for row in here.json["data"]["differences"] if row["area"] in ("environment", "packages", "python")}
    assert not rows, here
