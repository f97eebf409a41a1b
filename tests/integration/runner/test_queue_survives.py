"""The queue of a host after damage, kills and a reboot, and beside other versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lab import SECONDS, until
from queue_lab import QueueLab, gate, say

from reprun.runner.files import ensure_dir, locked
from reprun.runner.identity import is_alive
from reprun.runner.queue_db import opened
from reprun.runner.queue_enter import take_up


def test_a_damaged_database_is_set_aside_and_made_anew(queue_lab: QueueLab, tmp_path: Path) -> None:
    queue_lab.do("pause")
    runs = [queue_lab.put(*say(str(number))) for number in range(3)]
    queue_lab.do("hold", runs[1])
    folder = Path(queue_lab.home.queue())
    (folder / "queue.db").write_bytes(b"not a database" * 999)
    for end in ("-wal", "-shm"):
        (folder / f"queue.db{end}").unlink(missing_ok=True)
    assert [(one["run_id"], one["state"]) for one in queue_lab.do("ls")["entries"]] == [
        (runs[0], "queued"), (runs[1], "held"), (runs[2], "queued")
    ]  # fmt: skip
    assert any(name.startswith("queue.db.damaged-") for name in os.listdir(folder))
    queue_lab.do("slots", cpu_slots=1)
    queue_lab.do("resume")
    queue_lab.await_all([runs[0], runs[2]])
    assert queue_lab.lines() == ["0", "2"]


@pytest.mark.parametrize("damage", ["entry = '{'", "entry = '[]'", "priority = 'high'", "", "link"])
def test_what_sqlite_takes_for_sound_may_be_damaged_too(queue_lab: QueueLab, damage: str) -> None:
    queue_lab.do("pause")
    run = queue_lab.put(*say("x"))
    path = os.path.join(queue_lab.home.queue(), "queue.db")
    if "=" in damage:
        with opened(queue_lab.home) as table, table.writing() as db:
            db.execute("UPDATE entries SET " + damage)
    else:
        os.unlink(path)
        os.symlink("/nowhere/x", path) if damage else os.mkdir(path)
    assert [(one["run_id"], one["state"]) for one in queue_lab.do("ls")["entries"]] == [(run, "queued")]


@pytest.mark.parametrize("damage", ["entry = '{'", """entry = '{"fence":{'"""])
def test_a_worker_begins_where_an_entry_cannot_be_read(queue_lab: QueueLab, damage: str) -> None:
    queue_lab.do("pause")
    run = queue_lab.put(*say("x"))
    queue_lab.await_worker_end()
    with opened(queue_lab.home) as table, table.writing() as db:
        db.execute("UPDATE entries SET " + damage)
    queue_lab.do("resume")
    queue_lab.await_all([run])
    assert queue_lab.lines() == ["x"]


def test_a_supervisor_without_a_run_has_none_to_give_back() -> None:
    code = (
        "import os, socket; from reprun.runner.queue_supervisor import serve; "
        "ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET); "
        "ours.send(b'{}'); ours.close(); serve(theirs, {}, os.open(os.devnull, 0))"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=SECONDS)


def test_a_database_that_is_damaged_under_a_worker(queue_lab: QueueLab, tmp_path: Path) -> None:
    first = queue_lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: queue_lab.lines() == ["first"], "the first has begun")
    second = queue_lab.put(*say("second"))
    folder = Path(queue_lab.home.queue())
    for name in ("queue.db", "queue.db-wal", "queue.db-shm"):
        (folder / name).unlink(missing_ok=True)
    third = queue_lab.put(*say("third"))
    (tmp_path / "go").touch()
    queue_lab.await_all([first, second, third])
    assert queue_lab.lines() == ["first", "second", "third"]


def test_a_note_that_is_just_written_is_left_alone(queue_lab: QueueLab) -> None:
    """Somebody enters runs while a worker begins and looks for what others have left."""
    entering = Path(ensure_dir(os.path.join(queue_lab.home.queue(), "entering")))
    names = ["7-7.json", "7-7.json.list.1.7.tmp", "8-8.json.list.1.8.tmp", "9-9.json.list"]
    for name in names:
        (entering / name).touch()
    with opened(queue_lab.home) as table:
        with locked(str(entering / names[0]), exclusive=True):
            take_up(queue_lab.home, table)
            assert sorted(os.listdir(entering)) == names[:2]
        (entering / "3-3.json").touch()
        (entering / "3-3.json.list").write_text('{"runs": ["../../elsewhere", 5, null, []]}')  # damaged, or not ours
        (entering / "4-4.json").touch()
        (entering / "4-4.json.list").write_text("[]")
        for _ in range(2):  # what it stands beside may come first
            take_up(queue_lab.home, table)
    assert os.listdir(entering) == []


def test_who_was_killed_while_entering_a_run_has_entered_it(queue_lab: QueueLab) -> None:
    """The folder of the run says that it is queued, and the note says that the table may not know of it."""
    request = queue_lab.request(say("found"), {})
    queue_lab.do("pause")
    assert queue_lab.ask("start", **request)["state"] == "queued"
    entering = Path(queue_lab.home.queue(), "entering")
    (entering / "1-1.json").touch()
    (entering / "1-1.json.list").write_text(json.dumps({"runs": [request["run_id"]]}))
    Path(queue_lab.home.queue(), "queue.db").unlink()
    for end in ("-wal", "-shm"):
        Path(queue_lab.home.queue(), f"queue.db{end}").unlink(missing_ok=True)
    queue_lab.do("resume")
    queue_lab.await_all([request["run_id"]])
    assert queue_lab.lines() == ["found"]
    until(lambda: not os.listdir(entering), "the note is gone")


def test_a_worker_that_was_killed_is_followed_by_one_that_finds_its_runs(queue_lab: QueueLab, tmp_path: Path) -> None:
    queue_lab.do("slots", cpu_slots=2)
    first, second = queue_lab.put(*gate(tmp_path / "go", "first")), queue_lab.put(*gate(tmp_path / "go2", "second"))
    until(lambda: sorted(queue_lab.lines()) == ["first", "second"], "both have begun")
    queue_lab.kill_worker()
    assert queue_lab.state(first) == "running"
    (tmp_path / "go2").touch()
    queue_lab.outcome(second)  # its supervisor goes on by itself
    queue_lab.do("pause")
    others = [queue_lab.put("true") for _ in range(4)]
    queue_lab.do("resume")
    queue_lab.await_all(others)
    assert queue_lab.state(first) == "running" and queue_lab.entry(first)["state"] == "running"
    assert queue_lab.outcome(second)["slot"]["name"] != json.loads(Path(queue_lab.run(first).started).read_text())["slot"]["name"]
    assert {queue_lab.outcome(one)["slot"]["name"] for one in others} == {queue_lab.outcome(second)["slot"]["name"]}
    assert [one["run_id"] for one in queue_lab.do("ls")["slots"] if one["run_id"]] == [first]
    (tmp_path / "go").touch()
    queue_lab.await_all([first])
    queue_lab.await_worker_end()
    assert [queue_lab.entry(one)["state"] for one in (first, second, *others)] == ["done"] * 6


def test_a_killed_supervisor_keeps_its_slot_until_its_job_ends(queue_lab: QueueLab, tmp_path: Path) -> None:
    first = queue_lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: queue_lab.lines() == ["first"], "the first has begun")
    started = json.loads(Path(queue_lab.run(first).started).read_text())
    second = queue_lab.put(*say("second"))
    os.kill(started["supervisor"]["pid"], 9)
    until(lambda: not is_alive(started["supervisor"]), "the supervisor is gone")
    third = queue_lab.put(*say("third"))  # the worker has heard of both
    assert queue_lab.lines() == ["first"] and queue_lab.state(first) == "running"
    (tmp_path / "go").touch()
    queue_lab.await_all([second, third])
    assert queue_lab.state(first) == "lost" and queue_lab.lines() == ["first", "second", "third"]


def test_many_at_once(queue_lab: QueueLab) -> None:
    requests = [queue_lab.request(("true",), {"sweep": "s"}) for _ in range(20)]
    answer = queue_lab.put_many(requests)
    assert answer["queued"] == [one["run_id"] for one in requests] and answer["states"] == {}
    queue_lab.await_all(answer["queued"])
    assert set(queue_lab.put_many(requests)["states"]) == set(answer["queued"])


def test_a_worker_of_another_version_makes_room(queue_lab: QueueLab, tmp_path: Path) -> None:
    first = queue_lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: queue_lab.lines() == ["first"], "the first has begun")
    known = Path(queue_lab.home.queue(), "worker.json")
    before = json.loads(known.read_text())
    known.write_text(json.dumps({**before, "runner": "/another/one"}))
    second = queue_lab.put(*say("second"))
    assert until(lambda: known.exists() and json.loads(known.read_text()), "there is another")["process"] != before["process"]
    assert queue_lab.state(first) == "running" and queue_lab.state(second) == "queued"
    (tmp_path / "go").touch()
    queue_lab.await_all([first, second])
    assert queue_lab.lines() == ["first", "second"] and queue_lab.state(first) == "finished"


def test_after_a_reboot_what_never_ran_is_queued_again_and_the_rest_is_what_its_folder_says(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    fresh, begun = queue_lab.put(*say("fresh")), queue_lab.put(*say("begun"))
    with opened(queue_lab.home) as table, table.writing() as db:
        db.execute("UPDATE entries SET state = 'taken'")
    started = {
        "state": "running",
        "started": 1.0,
        "boot_id": "another",
        "hostname": os.uname().nodename,
        "slot": {"names": ["cpu0"]},
    }
    Path(queue_lab.run(begun).started).write_text(json.dumps(started))
    queue_lab.do("resume")
    queue_lab.await_all([fresh, begun])
    queue_lab.await_worker_end()
    assert queue_lab.lines() == ["fresh"] and queue_lab.words(begun) == ("lost", "host rebooted")
    assert [(queue_lab.entry(one)["state"], queue_lab.entry(one)["reason"]) for one in (fresh, begun)] == [
        ("done", "finished"), ("done", "lost (host rebooted)")
    ]  # fmt: skip


def test_removing_what_is_spare_leaves_queued_runs_alone(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    run = queue_lab.put(*say("kept"))
    found = queue_lab.ask("survey", key="project", keep=0)
    assert found["worktrees"] == [] and found["unstarted"] == [] and found["in_use"] == 1
    removed = queue_lab.ask("remove", key="project", runs=[run], worktrees=[Path(queue_lab.tree["path"]).name])["removed"]
    assert removed == [] and queue_lab.state(run) == "queued"


def test_a_worker_lives_in_a_session_of_tmux_and_longer(queue_lab: QueueLab, tmp_path: Path) -> None:
    tmux = ["tmux", "-S", queue_lab.home.socket(), "-f", "/dev/null"]
    first, second = queue_lab.put(*gate(tmp_path / "go", "first")), queue_lab.put(*say("second"))
    until(lambda: queue_lab.lines() == ["first"], "the first has begun")
    assert subprocess.run([*tmux, "has-session", "-t", "=reprun-worker"], capture_output=True, check=False).returncode == 0
    subprocess.run([*tmux, "kill-server"], check=True)
    until(lambda: subprocess.run([*tmux, "ls"], capture_output=True, check=False).returncode, "the server is gone")
    (tmp_path / "go").touch()
    queue_lab.await_all([first, second])
    assert queue_lab.lines() == ["first", "second"] and queue_lab.state(first) == "finished"
