"""Truth about far away: a link that is cut is no state of a run, and nothing is guessed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, fingerprint, kill
from lab import Run, until
from remote_lab import PLACE, cut, describe, folder, launch_on, record, sessions, states
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]
FOREVER = ("--", "sleep", "1000")


def test_each_host_is_asked_once_however_many_runs_it_has(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    hosts = [ssh_lab.host(name) for name in ("gpu1", "gpu2", "gpu3")]
    describe(repo, *hosts)
    for host in hosts:
        for number in range(2):
            launch_on(reprun, host, "--name", f"{host.name}-{number}", *FOREVER)
    before = [sessions(host) for host in hosts]
    found = states(reprun, hosts[0])
    assert [found[f"gpu{host}-{number}"]["state"] for host in (1, 2, 3) for number in (0, 1)] == ["running"] * 6
    assert [sessions(host) for host in hosts] == [count + 1 for count in before]


def test_looking_changes_nothing_on_the_host(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    run_id = launch_on(reprun, ssh_host, "--", "sh", "-c", "sleep 1000")["run_id"]
    for command in (["status"], ["gc", "--on", "gpu1"]):  # Python keeps what it compiled of the runner
        reprun(*command, env=ssh_host.environ)
    os.kill(record(ssh_host, run_id)["supervisor"]["pid"], signal.SIGSTOP)  # it touches its record now and then
    before = fingerprint(ssh_host.home / PLACE)
    for words in (["status"], ["ls"], ["show", run_id], ["diff", run_id, run_id], ["resume", run_id], ["gc", "--on", "gpu1"]):
        assert reprun(*words, env=ssh_host.environ).rc == 0, words
        assert fingerprint(ssh_host.home / PLACE) == before, words


def test_a_host_that_is_cut_off_and_comes_back(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    gone, there = ssh_lab.host("gpu1"), ssh_lab.host("gpu2")
    describe(repo, gone, there)
    run_id = launch_on(reprun, gone, "--name", "far", *FOREVER)["run_id"]
    launch_on(reprun, there, "--name", "near", *FOREVER)
    assert states(reprun, gone)["far"]["link"] == "ok"
    cut(gone)
    found = states(reprun, gone)
    assert (found["near"]["state"], found["far"]["state"], found["far"]["link"]) == ("running", "unreachable", "unreachable")
    assert found["far"]["last_known"]["state"] == "running" and "last seen running" in found["far"]["state_words"]
    assert "gpu1 cannot be reached" in reprun("status", env=gone.environ).stderr
    for words in (["stop", run_id], ["resume", run_id], ["attach", run_id], ["logs", run_id]):
        answer = reprun(*words, env=gone.environ)
        assert answer.rc == 4 and "gpu1 cannot be reached" in answer.stderr, (words, answer)
    assert reprun("show", "--json", run_id, env=gone.environ).data["state"] == "unreachable"
    gone.start()
    assert {name: item["state"] for name, item in states(reprun, gone).items()} == {"near": "running", "far": "running"}


def test_an_end_that_was_seen_is_known_when_the_host_is_gone(repo: Path, reprun: Reprun, git: Run, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    script = 'echo \'{"acc": 0.5}\' > "$REPRUN_METRICS"; exit 3'
    run_id = launch_on(reprun, ssh_host, "--name", "ended", "--", "sh", "-c", script)["run_id"]
    assert reprun("wait", run_id, env=ssh_host.environ).rc == 3
    assert git("for-each-ref", "--format=%(refname)", "refs/reprun/outcomes") == f"refs/reprun/outcomes/{run_id}"
    cut(ssh_host)
    data = reprun("show", "--json", run_id, env=ssh_host.environ).data
    assert data["state_words"] == "failed 3" and data["outcome"]["metrics"]["acc"]["last"] == 0.5
    assert reprun("wait", run_id, env=ssh_host.environ).rc == 3
    answer = reprun("ls", "--json", env=ssh_host.environ)
    assert answer.data[0]["state_words"] == "failed 3" and answer.stderr == ""


def test_a_host_that_hangs_does_not_hold_up_the_others(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    hanging, there = ssh_lab.host("gpu1"), ssh_lab.host("gpu2")
    describe(repo, hanging, there, timeout=2)
    launch_on(reprun, hanging, "--name", "far", *FOREVER)
    launch_on(reprun, there, "--name", "near", *FOREVER)
    cut(hanging)
    with socket.create_server(("127.0.0.1", hanging.port)):  # takes connections, and never says a word
        found = states(reprun, hanging)
    assert (found["near"]["state"], found["far"]["state"]) == ("running", "unreachable")


def test_offline_asks_nobody(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    launch_on(reprun, ssh_host, "--name", "far", *FOREVER)
    assert states(reprun, ssh_host)["far"]["state"] == "running"
    before = sessions(ssh_host)
    for command in ("ls", "status"):
        item = reprun(command, "--offline", "--json", env=ssh_host.environ).data[0]
        assert (item["state"], item["link"], item["last_known"]["state"]) == ("unknown", "not asked", "running")
    assert sessions(ssh_host) == before


def test_what_ends_a_run_far_away_reads_as_it_does_here(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    ids = {name: launch_on(reprun, ssh_host, "--name", name, *FOREVER)["run_id"] for name in ("viewed", "killed", "rebooted")}
    assert ssh_host.run(f"tmux -S {PLACE}/tmux.sock kill-server").returncode == 0
    started = record(ssh_host, ids["killed"])
    kill(started["supervisor"]["pid"], started["job"]["pid"])
    started = record(ssh_host, ids["rebooted"])
    kill(started["supervisor"]["pid"], started["job"]["pid"])
    (folder(ssh_host, ids["rebooted"]) / "started.json").write_text(json.dumps({**started, "boot_id": "another"}))
    found = {name: item["state_words"] for name, item in states(reprun, ssh_host).items()}
    wanted = {"viewed": "running", "killed": "lost (its supervisor was killed)", "rebooted": "lost (host rebooted)"}
    assert found == wanted
    cut(ssh_host)
    found = {name: item["state"] for name, item in states(reprun, ssh_host).items()}
    assert found == {"viewed": "unreachable", "killed": "lost", "rebooted": "lost"}  # what is over stays over


@pytest.mark.parametrize("what", ["empty", "of-another-boot"])
def test_another_machine_under_the_name_is_said_so(repo: Path, reprun: Reprun, ssh_host: SshHost, what: str) -> None:
    """Never `lost`, and never started there."""
    describe(repo, ssh_host)
    run_id = launch_on(reprun, ssh_host, "--name", "far", *FOREVER)["run_id"]
    started = record(ssh_host, run_id)
    kill(started["supervisor"]["pid"], started["job"]["pid"])
    if what == "empty":
        folder(ssh_host, run_id).rename(ssh_host.folder / "elsewhere")
    else:  # as through a home that several machines share
        (folder(ssh_host, run_id) / "started.json").write_text(json.dumps({**started, "boot_id": "another"}))
    _launched_on_another_machine(repo, run_id)
    item = states(reprun, ssh_host)["far"]
    assert item["state"] == "unknown" and "gpu1 is another machine now" in item["reason"]
    answer = reprun("resume", run_id, env=ssh_host.environ)
    assert answer.rc == 3 and "another machine" in answer.stderr
    assert reprun("wait", run_id, env=ssh_host.environ).rc == 4
    assert not list(ssh_host.home.rglob("claim.2"))


def _launched_on_another_machine(repo: Path, run_id: str) -> None:
    (path,) = (repo / ".git" / "reprun" / "journal").rglob(f"{run_id}.jsonl")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert any(line.get("machine_id") for line in lines if line["step"] == "submit")
    changed = [{**line, "machine_id": "another"} if line["step"] == "submit" else line for line in lines]
    path.write_text("".join(json.dumps(line) + "\n" for line in changed))


def test_a_wait_goes_on_when_the_link_does(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    describe(repo, ssh_host)
    script = "until test -e ../../end; do sleep 0.05; done; exit 5"
    run_id = launch_on(reprun, ssh_host, "--", "sh", "-c", f"cd $REPRUN_OUTPUT; {script}")["run_id"]
    cut(ssh_host)
    waiting = subprocess.Popen(["reprun", "wait", run_id], env={**os.environ, **ssh_host.environ}, stderr=subprocess.PIPE)
    assert waiting.stderr is not None
    assert b"gpu1 cannot be reached" in waiting.stderr.readline()
    (folder(ssh_host, run_id).parent / "end").touch()
    until((folder(ssh_host, run_id) / "outcome.json").exists, "the run ended by itself")
    ssh_host.start()
    assert waiting.wait() == 5
    waiting.stderr.close()
