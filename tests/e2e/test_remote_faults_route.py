"""There is no way to a host any more, and the network says so: "No route to host"."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun
from netlab import NetLab
from remote_lab import describe, folder, launch_on, states

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]


def test_no_route_to_a_host(repo: Path, reprun: Reprun, net_lab: NetLab) -> None:
    gone, there = net_lab.host("gpu1"), net_lab.host("gpu2")
    describe(repo, gone, there, timeout=5)
    count = gone.home / "count"
    launch_on(reprun, there, "--name", "near", "--", "sleep", "1000")
    subprocess.run(["ip", "route", "add", "unreachable", gone.address[0]], check=True)
    answer = reprun(
        "launch", "--json", "--on", "gpu1", "--name", "far", "--", "sh", "-c", f"echo ran >> {count}", env=gone.environ
    )
    error = answer.json["error"]
    assert answer.rc == 4 and error["message"] == "gpu1 cannot be reached: there is no route to it", answer
    assert "nothing is running yet, to go on: reprun resume " in error["hint"]
    found = states(reprun, gone)
    assert (found["far"]["link"], found["near"]["state"]) == ("unreachable", "running")
    subprocess.run(["ip", "route", "del", "unreachable", gone.address[0]], check=True)
    for _ in range(2):
        assert reprun("resume", "far", env=gone.environ).rc == 0
    run_id = found["far"]["run_id"]
    assert reprun("wait", "far", env=gone.environ).rc == 0 and (folder(gone, run_id) / "outcome.json").exists()
    assert count.read_text() == "ran\n"
