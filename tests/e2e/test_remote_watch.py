"""Several people, laptops and settings around the same runs far away."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, run, show
from lab import Run, until
from remote_lab import PLACE, cut, describe, folder, launch_on, states
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]
FOREVER = ("--", "sleep", "1000")


@pytest.fixture
def other(repo: Path, git: Run, ssh_host: SshHost) -> Path:
    """The clone of a colleague, who has the same target."""
    describe(repo, ssh_host)
    git("add", "reprun.toml")
    git("commit", "-qm", "a target")
    git("clone", "-q", str(repo), str(repo.parent / "other"))
    return repo.parent / "other"


def test_a_colleague_watches_a_run_and_cannot_end_it(other: Path, git: Run, reprun: Reprun, ssh_host: SshHost) -> None:
    run_id = launch_on(reprun, ssh_host, "--name", "far", "--", "sh", "-c", "echo hello; sleep 1000")["run_id"]
    log = folder(ssh_host, run_id) / "stdout.log"
    until(lambda: log.exists() and log.read_text(), "the job has begun")
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=other)
    how = {"cwd": other, "env": ssh_host.environ}
    assert [item["state"] for item in reprun("status", "--json", **how).data] == ["running"]
    assert reprun("logs", "--stdout", run_id, **how).stdout == "hello\n"
    for command in ("stop", "attach"):
        answer = reprun(command, run_id, **how)
        assert answer.rc == 3 and "launched from another repository" in answer.stderr
    assert states(reprun, ssh_host)["far"]["state"] == "running"
    head, line = reprun("ls", env=ssh_host.environ).stdout.splitlines()
    assert head.split()[:4] == ["RUN", "NAME", "STATE", "ON"] and line.split()[1:4] == ["far", "running", "gpu1"]
    assert [len(reprun("ls", "--on", on, "--json", env=ssh_host.environ).data) for on in ("gpu1", "local")] == [1, 0]
    assert "no run is like that" in reprun("ls", "--on", "local", env=ssh_host.environ).stderr
    reprun("stop", run_id, env=ssh_host.environ)
    assert reprun("status", "--json", **how).data == []
    assert reprun("ls", "--json", **how).data[0]["state_words"] == "stopped (TERM)"
    cut(ssh_host)
    assert reprun("ls", "--json", **how).data[0]["state_words"] == "stopped (TERM)"


@pytest.mark.parametrize("name", ["gpu9", "tester@gpu1", "local"])
def test_a_manifest_of_a_stranger_leads_nowhere(other: Path, git: Run, reprun: Reprun, ssh_host: SshHost, name: str) -> None:
    """Only a target that this user has described is asked, whatever a manifest names."""
    (Path.cwd() / "reprun.toml").write_text(f'[targets."{name}"]\nhost = "gpu1"\n')
    launch(reprun, "--on", name, *FOREVER, env=ssh_host.environ)
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=other)
    cut(ssh_host)
    answer = reprun("status", "--json", cwd=other, env=ssh_host.environ)
    assert answer.data[0]["state_words"] == "unknown (it was launched elsewhere, and its outcome is not here)"
    assert answer.stderr == ""


def test_a_target_that_is_described_no_more(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    run_id = launch_on(reprun, ssh_host, "--name", "far", *FOREVER)["run_id"]
    states(reprun, ssh_host)
    (repo / "reprun.toml").unlink()
    answer = reprun("status", "--json")
    assert answer.rc == 0 and "the target 'gpu1', on which there are runs, is not in the settings any more" in answer.stderr
    assert answer.data[0]["state_words"].startswith("unreachable (last seen running ")
    for command in ("wait", "stop", "resume", "logs", "attach", "reproduce"):
        answer = reprun(command, run_id)
        assert answer.rc == 2 and "gpu1" in answer.stderr and "hint: " in answer.stderr, (command, answer)


def test_the_name_leads_to_another_address_of_the_same_machine(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    first, second = ssh_lab.host("gpu1"), ssh_lab.host("gpu2")
    describe(repo, first)
    launch_on(reprun, first, "--name", "far", *FOREVER)
    (second.home / PLACE).parent.mkdir(parents=True)
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu2"\n')
    assert states(reprun, first)["far"]["state"] == "running"


def test_a_run_is_reproduced_where_it_ran(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    os.environ.update(ssh_host.environ)
    try:
        data = run(reprun, "--on", "gpu1", "--name", "first", "--", "sh", "-c", "echo 1 > $REPRUN_OUTPUT/one")
        assert reprun("reproduce", "first", "--plan", "--json").data["differences"] == []
        answer = reprun("reproduce", "first", "--json")
        assert answer.rc == 0 and answer.data["verdict"]["kind"] == "identical"
        assert show(reprun, answer.data["run_id"])["manifest"]["target"]["name"] == "gpu1"
        assert folder(ssh_host, answer.data["run_id"]).is_dir()
        here = reprun("reproduce", data["run_id"], "--on", "local", "--json")
        assert here.rc == 0 and show(reprun, here.data["run_id"])["manifest"]["target"]["name"] == "local"
        differing = {(item["area"], item["name"]) for item in here.data["differences"]}
        assert reprun("diff", "--json", data["run_id"], here.data["run_id"]).rc == 0, differing
    finally:
        del os.environ["REPRUN_SSH"]


def test_garbage_far_away(repo: Path, git: Run, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    how = {"env": ssh_host.environ}
    kept = launch(reprun, "--on", "gpu1", *FOREVER, **how)
    refused = reprun("launch", "--on", "gpu1", "--gpus", "7", "--", "true", **how)
    assert refused.rc == 3 and "no GPU 7" in refused.stderr
    for number in range(2):
        (repo / "train.py").write_text(f"print({number})\n")
        wait_far(reprun, ssh_host, launch(reprun, "--on", "gpu1", "--", "true", **how)["run_id"])
    gone = "20260101-000000-aaaaaa"  # as a launch leaves it that was sent there, and then refused
    for run_id in (gone, kept["run_id"]):
        git("update-ref", f"refs/reprun/runs/{run_id}", kept["commit"], cwd=kept["store"])
    found = reprun("gc", "--on", "gpu1", "--keep", "0", "--json", **how).data["found"]
    kinds = [item["kind"] for item in found]
    assert kinds.count("worktree") == 2 and kinds.count("commit of a run that is gone") == 1
    assert reprun("gc", "--on", "gpu1", "--keep", "0", "--yes", **how).rc == 0
    assert reprun("gc", "--on", "gpu1", "--keep", "0", "--json", **how).data["found"] == []
    assert Path(kept["worktree"]).is_dir()
    assert git("for-each-ref", "--format=%(refname)", cwd=kept["store"]) == f"refs/reprun/runs/{kept['run_id']}"


def wait_far(reprun: Reprun, host: SshHost, run_id: str) -> None:
    assert reprun("wait", run_id, env=host.environ).rc == 0


_SMI = """#!/bin/sh
case "$1" in
--query-gpu=index,name,*) echo '3, Some GPU, GPU-12345678, 40960, 550.1' ;;
--query-gpu=index,uuid,memory.free) echo '3, GPU-12345678, 40000' ;;
--query-compute-apps=*) ;;
-L) echo 'GPU 3: Some GPU (UUID: GPU-12345678)' ;;
*) echo '| NVIDIA-SMI 550.1    Driver Version: 550.1    CUDA Version: 12.4 |' ;;
esac
"""


def test_gpus_of_the_host_are_those_that_count(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    tools = ssh_lab.folder / "tools"
    tools.mkdir()
    smi = tools / "nvidia-smi"
    smi.write_text(_SMI)
    smi.chmod(0o755)
    host = ssh_lab.host("gpu1", path=(tools,))
    describe(repo, host)
    data = launch(reprun, "--on", "gpu1", "--gpus", "3", "--", "sh", "-c", "echo $CUDA_VISIBLE_DEVICES", env=host.environ)
    wait_far(reprun, host, data["run_id"])
    assert (folder(host, data["run_id"]) / "stdout.log").read_text() == "3\n"
    answer = reprun("launch", "--on", "gpu1", "--gpus", "0", "--", "true", env=host.environ)
    assert answer.rc == 3 and "no GPU 0" in answer.stderr
