"""What the end-to-end tests with hosts share: targets for them, folders of runs on them, and what sshd has counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from e2e_lab import Reprun, launch
from lab import until
from ssh_lab import SshHost

PLACE = Path(".local", "share", "reprun")  # REPRUN_HOME below HOME


def describe(repo: Path, *hosts: SshHost, **more: Any) -> None:
    """Writes reprun.toml with a target for each host; `more` are further keys of each."""
    keys = "".join(f"{name} = {json.dumps(value)}\n" for name, value in more.items())
    (repo / "reprun.toml").write_text("".join(f'[targets.{host.name}]\nhost = "{host.name}"\n{keys}' for host in hosts))


def launch_on(reprun: Reprun, host: SshHost, *words: str) -> dict[str, Any]:
    """Launches on the host and waits until the run is recorded as started; the data of the launch."""
    data = launch(reprun, "--on", host.name, *words, env=host.environ)
    until(lambda: any((folder(host, data["run_id"]) / name).exists() for name in ("started.json", "outcome.json")), "it started")
    return data


def folder(host: SshHost, run_id: str) -> Path:
    """The folder of a run on the host."""
    return host.home / PLACE / "runs" / run_id


def record(host: SshHost, run_id: str) -> dict[str, Any]:
    """The start record of a running run."""
    return dict(json.loads((folder(host, run_id) / "started.json").read_text()))


def cut(host: SshHost) -> None:
    """The host cannot be reached any more; what runs on it goes on."""
    host.stop()
    host.kill_connections()


def sessions(host: SshHost) -> int:
    """How many times sshd was asked to start something."""
    return len(re.findall(r"Starting session: ", host.daemon.log.read_text()))


def states(reprun: Reprun, host: SshHost, *words: str) -> dict[str, dict[str, Any]]:
    """What `status` says, by the names of the runs."""
    answer = reprun("status", "--json", *words, env=host.environ)
    assert answer.rc == 0, answer.stderr
    return {item["name"]: item for item in answer.data}
