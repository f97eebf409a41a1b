"""Machines that go down, come back, are set up anew, and a laptop that moves: the run is where it was started, or nowhere."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun
from lab import REPRUN, until
from netlab import NetHost, NetLab
from remote_lab import PLACE, describe, folder, launch_on, states

from reprun.runner.files import remove_tree

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]
FOREVER = ("--", "sleep", "1000")


@pytest.fixture
def gpu1(repo: Path, net_lab: NetLab) -> NetHost:
    """A host that counts as silent after two seconds."""
    host = net_lab.host("gpu1")
    describe(repo, host, timeout=2)
    return host


def another_machine(host: NetHost) -> None:
    """The name leads to another machine from now on, which has the same host key."""
    host.power_cut()
    (host.folder / "machine-id").write_text("0123456789abcdef0123456789abcdef\n")
    host.start()


def test_a_host_that_was_rebooted(reprun: Reprun, gpu1: NetHost) -> None:
    run_id = launch_on(reprun, gpu1, "--name", "far", *FOREVER)["run_id"]
    assert states(reprun, gpu1)["far"]["state"] == "running"
    gpu1.power_cut()
    assert states(reprun, gpu1)["far"]["state"] == "unreachable"
    gpu1.start()
    assert states(reprun, gpu1)["far"]["state_words"] == "lost (host rebooted)"
    assert reprun("resume", run_id, env=gpu1.environ).rc == 3


@pytest.mark.parametrize("what", ["set-up-anew", "that-shares-its-home"])
def test_another_machine_has_the_name(reprun: Reprun, gpu1: NetHost, what: str) -> None:
    run_id = launch_on(reprun, gpu1, "--name", "far", *FOREVER)["run_id"]
    states(reprun, gpu1)
    if what == "set-up-anew":
        remove_tree(str(gpu1.home / PLACE))
    another_machine(gpu1)
    item = states(reprun, gpu1)["far"]
    assert item["state_words"] == "unknown (gpu1 is another machine now or was set up anew)"
    for _ in range(2):
        answer = reprun("resume", run_id, env=gpu1.environ)
        assert answer.rc == 3 and "is not started again" in answer.stderr
    assert not list(gpu1.home.rglob("claim.2"))


def test_a_run_that_ended_is_believed_to_whoever_has_its_records(reprun: Reprun, gpu1: NetHost) -> None:
    """As the other login nodes of a cluster have them."""
    run_id = launch_on(reprun, gpu1, "--name", "far", "--", "sh", "-c", "exit 4")["run_id"]
    until((folder(gpu1, run_id) / "outcome.json").exists, "the run has ended")
    another_machine(gpu1)
    assert reprun("wait", run_id, env=gpu1.environ).rc == 4


def test_what_was_sealed_for_one_machine_is_not_started_on_another(repo: Path, reprun: Reprun, gpu1: NetHost) -> None:
    describe(repo, gpu1)
    marks = gpu1.home / "marks"
    words = [REPRUN, "launch", "--on", "gpu1", "--name", "far", "--", "sh", "-c", f"echo ran >> {marks}"]
    gpu1.delay_ms = 100  # so that there is a moment between the seal and the start
    with subprocess.Popen(words, env={**os.environ, **gpu1.environ}) as launching:
        journals = repo / ".git" / "reprun" / "journal"
        until(lambda: any('"sealed"' in path.read_text() for path in journals.rglob("*.jsonl")), "the manifest is sealed")
        launching.kill()
    gpu1.delay_ms = 0
    another_machine(gpu1)
    answer = reprun("resume", "far", env=gpu1.environ)
    assert answer.rc == 3 and "another machine" in answer.stderr
    assert not marks.exists()


def test_a_laptop_that_moves(repo: Path, reprun: Reprun, net_lab: NetLab) -> None:
    """Connections that stood hang. The run goes on, and the next look knows everything."""
    host = net_lab.host("gpu1")
    describe(repo, host)
    launch_on(reprun, host, "--name", "far", *FOREVER)
    net_lab.move()
    assert states(reprun, host)["far"]["state"] == "running"
