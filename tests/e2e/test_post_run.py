"""`post-run`: told of every run once, by whoever sees its end first; on the host as well where that is wished."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, fingerprint, kill, launch, pid, run, wait
from hooks_lab import notes, put_hook
from lab import REPRUN, Run, until
from remote_lab import describe, folder
from ssh_lab import SshHost

pytestmark = pytest.mark.e2e


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where the hooks of a test write to."""
    return tmp_path / "seen"


def published(repo: Path, run_id: str) -> None:
    until((repo / ".git" / "refs" / "reprun" / "outcomes" / run_id).exists, "the outcome is in the object database")


def test_each_run_once_with_its_end(repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
    put_hook(repo, "post-run", f"echo $REPRUN_RUN_ID $REPRUN_STATE $REPRUN_EXIT_CODE >> {seen}; cat > {seen}.json; echo said")
    bad = launch(reprun, "--name", "bad", "--", "sh", "-c", "exit 3")["run_id"]
    good = launch(reprun, "--", "true")["run_id"]
    published(repo, good)
    published(repo, bad)
    assert notes(seen) == []
    reprun("ls")
    assert sorted(notes(seen)) == [f"{bad} failed 3", f"{good} finished 0"]
    for words in (["ls"], ["status"], ["show", bad], ["wait", good], ["logs", "-f", good], ["resume", bad]):
        reprun(*words)
    assert len(notes(seen)) == 2
    told = json.loads(Path(f"{seen}.json").read_text())["run"]
    assert told["run_id"] == good and told["outcome"]["hostname"] and "variables" not in told
    marks = repo / ".git" / "reprun" / "hooks"
    assert (marks / bad / "post-run.log").read_text() == "said\n" and not list((marks / "pending").iterdir())
    by_hand = reprun("hooks", "run", "post-run", "bad")
    assert (by_hand.rc, by_hand.stdout, len(notes(seen))) == (0, "said\n", 3)


def test_many_that_look_at_once_tell_it_once(repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
    put_hook(repo, "post-run", f"echo $REPRUN_RUN_ID >> {seen}")
    gate = repo.parent / "gate"
    ids = [launch(reprun, "--", "sh", "-c", f"until test -e {gate}; do sleep 0.05; done")["run_id"] for _ in range(2)]
    lookers = [["wait", *ids], ["wait", *reversed(ids)], ["logs", "-f", ids[0]], ["wait", ids[1]]]
    processes = [subprocess.Popen([REPRUN, *words], stdout=subprocess.DEVNULL) for words in lookers]
    gate.touch()
    assert [process.wait() for process in processes] == [0] * 4
    assert sorted(notes(seen)) == ids


def test_a_hook_that_came_later_hears_of_what_ends_from_then_on(repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
    run(reprun, "--name", "before", "--", "true")
    data = launch(reprun, "--", "sh", "-c", "sleep 600")
    put_hook(repo, "post-run", f"echo $REPRUN_RUN_ID $REPRUN_STATE >> {seen}")
    reprun("show", "before")
    reprun("stop", data["run_id"])
    reprun("ls")
    assert notes(seen) == [f"{data['run_id']} stopped"]


def test_of_a_lost_run_too(repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
    put_hook(repo, "post-run", f"echo $REPRUN_STATE >> {seen}")
    data = launch(reprun, "--", "sleep", "600")
    kill(pid(data, "supervisor"), pid(data, "job"))
    reprun("status")
    reprun("ls")
    assert notes(seen) == ["lost"]


def test_one_that_fails_is_said_and_changes_nothing(repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
    (repo / "reprun.toml").write_text("[hooks]\ntimeout = 0.5\n")
    put_hook(repo, "post-run", "sleep 1000")
    data = launch(reprun, "--", "true")
    done = reprun("wait", "--json", data["run_id"])
    assert done.data[0]["state"] == "finished"
    assert f"the post-run hook of {data['run_id']} did not end within 0.5 s, and was ended" in done.stderr
    put_hook(repo, "post-run", f"echo $REPRUN_RUN_ID >> {seen}")
    reprun("wait", data["run_id"])
    assert notes(seen) == []  # it had its time


def test_one_that_is_not_trusted_waits(repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path) -> None:
    put_hook(repo, "post-run", f"echo $REPRUN_RUN_ID >> {seen}", folder="hooks")
    git("config", "core.hooksPath", "hooks")
    data = launch(reprun, "--", "true")
    said = reprun("wait", data["run_id"]).stderr
    assert "1 run waits for it" in said and "reprun hooks trust post-run" in said and notes(seen) == []
    assert reprun("hooks", "trust").rc == 0
    reprun("ls")
    assert notes(seen) == [data["run_id"]]


def test_one_that_was_killed_is_not_run_twice_but_said(repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
    put_hook(repo, "post-run", f"echo $PPID >> {seen}", "sleep 1000")
    data = launch(reprun, "--", "true")
    looking = subprocess.Popen([REPRUN, "wait", data["run_id"]], stdout=subprocess.DEVNULL)
    parent = int(until(lambda: notes(seen), "the hook runs")[0])
    assert parent == looking.pid
    looking.kill()
    looking.wait()
    assert f"was interrupted: reprun hooks run post-run {data['run_id']}" in reprun("ls").stderr
    assert "interrupted" not in reprun("ls").stderr and len(notes(seen)) == 1


def test_looking_without_a_hook_still_changes_nothing(repo: Path, home: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "true")
    wait(reprun, data["run_id"])
    before = fingerprint(repo, home)
    reprun("ls")
    reprun("show", data["run_id"])
    assert fingerprint(repo, home) == before


def test_on_the_host_where_that_is_wished(repo: Path, home: Path, reprun: Reprun, ssh_host: SshHost, seen: Path) -> None:
    describe(repo, ssh_host)
    with (repo / "reprun.toml").open("a") as file:
        file.write("[hooks]\npost_run_on_host = true\n")
    lines = [
        'echo "$REPRUN_HOOK_PLACE $REPRUN_RUN_ID $REPRUN_STATE $REPRUN_EXIT_CODE $(pwd)"',
        "cat > told.json",
        "rm -rf ./[!t]*",
        "exit 5",
    ]
    put_hook(repo, "post-run", *lines, f'test "$REPRUN_HOOK_PLACE" = host || echo >> {seen}')
    data = launch(reprun, "--on", "gpu1", "--", "sh", "-c", "exit 4", env=ssh_host.environ)
    place = folder(ssh_host, data["run_id"])
    log = until(lambda: notes(place / "post-run.log"), "the hook has run on the host")
    assert log[0] == f"host {data['run_id']} failed 4 {place}/hooks" and log[-1] == "reprun: the hook ended with 5"
    told = json.loads((place / "hooks" / "told.json").read_text())
    assert (told["place"], told["run"]["state"], told["run"]["outcome"]["exit_code"]) == ("host", "failed", 4)
    done = reprun("wait", "--json", data["run_id"], env=ssh_host.environ)
    assert (done.rc, done.json["data"][0]["state_words"]) == (4, "failed 4")


def test_on_this_machine_it_delays_no_end(repo: Path, home: Path, reprun: Reprun) -> None:
    """The outcome is there while the hook of the host still runs."""
    (repo / "reprun.toml").write_text("[hooks]\npost_run_on_host = true\ntimeout = 600\n")
    lines = ["test $REPRUN_HOOK_PLACE = host || exit 0", "echo $$ > pid", "until test -e go; do sleep 0.05; done"]
    put_hook(repo, "post-run", *lines)
    data = launch(reprun, "--", "true")
    place = Path(data["run_dir"])
    until((place / "hooks" / "pid").exists, "the hook runs")
    assert wait(reprun, data["run_id"])["state"] == "finished" and not (place / "post-run.log").exists()
    (place / "hooks" / "go").touch()
    until((place / "post-run.log").exists, "the hook has ended")
