"""The queue of a host: runs that are put into it, and a real worker that starts them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import Run, end_processes_of, until
from queue_lab import QueueLab, gate, say
from supervisor_lab import make_tree, sh

from reprun.runner.errors import RunnerError
from reprun.runner.identity import is_alive
from reprun.runner.queue_db import opened


@pytest.fixture
def lab(repo: Path, home: Path, git: Run) -> Iterator[QueueLab]:
    """A queue with one slot."""
    made = QueueLab(home, make_tree(repo, home, git))
    made.do("slots", cpu_slots=1)
    yield made
    end_processes_of(str(home))


def test_queued_runs_run_in_order_and_leave_nothing_behind(lab: QueueLab) -> None:
    lab.do("pause")
    runs = [lab.put(*say(text), kind=kind) for text, kind in [("1", "tune"), ("2", "tune"), ("3", "explore"), ("4", "method")]]
    assert [lab.words(one) for one in runs] == [("queued", "")] * 4
    found = lab.do("ls")
    assert [one["run_id"] for one in found["entries"]] == [runs[2], runs[3], runs[0], runs[1]]
    assert [one["position"] for one in found["entries"]] == [1, 2, 3, 4] and found["paused"]
    lab.do("resume")
    lab.await_all(runs)
    assert lab.lines() == ["3", "4", "1", "2"]
    lab.await_worker_end()
    assert [lab.entry(one)["state"] for one in runs] == ["done"] * 4 and lab.do("ls")["entries"] == []
    outcome = lab.outcome(runs[0])
    assert outcome["slot"] == {"name": "cpu0", "names": ["cpu0"], "gpus": []} and "queue" not in outcome
    assert sorted(os.listdir(lab.run(runs[0]).path)) == [
        "claim", "manifest.toml", "outcome.json", "output", "stderr.log", "stdout.log"
    ]  # fmt: skip


def test_a_run_sees_its_slot_and_no_gpu(lab: QueueLab) -> None:
    run = lab.put(
        *sh("env | grep -E '^(CUDA|HIP|ROCR|NVIDIA|REPRUN_SLOT|REPRUN_GPUS)' | sort"), plan={"env": {"CUDA_VISIBLE_DEVICES": "7"}}
    )
    lab.outcome(run)
    assert Path(lab.run(run).stdout).read_text().split() == [
        "CUDA_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=", "NVIDIA_VISIBLE_DEVICES=void", "REPRUN_GPUS=", "REPRUN_SLOT=cpu0"
    ]  # fmt: skip


def test_entering_again_changes_nothing(lab: QueueLab) -> None:
    request = lab.request(say("once"), {})
    states = [lab.ask("start", **request)["state"] for _ in range(3)]
    lab.await_all([request["run_id"]])
    states.append(lab.ask("start", **request)["state"])
    lab.await_worker_end()
    assert lab.lines() == ["once"] and states[0] in ("queued", "starting", "running", "finished") and states[-1] == "finished"


def test_conditions(lab: QueueLab, tmp_path: Path) -> None:
    lab.do("slots", cpu_slots=2)
    first = lab.put(
        *sh(f"""while ! test -e {tmp_path}/go; do sleep 0.02; done; echo '{{"loss": 0.5}}' >> $REPRUN_METRICS; exit 3""")
    )
    metric = {"run": first, "metric": "loss", "value": 0.4}
    better = lab.put(*say("better"), if_={**metric, "op": ">"})
    worse = lab.put(*say("worse"), if_={**metric, "op": "<"})
    after = lab.put(*say("after"), after=[{"run": first}, {"run": better, "ok": True}])
    after_ok = lab.put(*say("ok"), after=[{"run": first, "ok": True}])
    chained = lab.put(*say("chained"), after=[{"run": after_ok, "ok": True}])
    unknown = lab.put(*say("unknown"), after=[{"run": "20200101-000000-000000"}])
    assert lab.entry(after)["reason"] == f"waits for {first}"
    assert lab.entry(unknown)["reason"] == "20200101-000000-000000 is not known on this host"
    (tmp_path / "go").touch()
    lab.await_all([first, better, worse, after, after_ok, chained])
    assert sorted(lab.lines()) == ["after", "better"] and lab.state(unknown) == "queued"
    assert lab.words(worse) == ("canceled", f"its condition is not met: {first}.loss is 0.5, not < 0.4")
    assert lab.words(after_ok) == ("canceled", f"{first} failed with 3")
    assert lab.words(chained) == ("canceled", f"{after_ok} was canceled")
    until(lambda: lab.entry(chained)["state"] == "dropped", "it is dropped")
    assert lab.do("rm", unknown) == {"removed": [unknown], "kept": {}}


def test_hold_release_move_and_remove(lab: QueueLab, tmp_path: Path) -> None:
    first = lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: lab.lines() == ["first"], "the first has begun")
    held, moved, gone, last = (lab.put(*say(text)) for text in ("held", "moved", "gone", "last"))
    assert lab.do("hold", held, reason="not today")["changed"] == [held]
    assert lab.words(held) == ("queued", "not today") and lab.entry(held)["reason"] == "not today"
    assert lab.do("rm", gone, first) == {"removed": [gone], "kept": {first: "it is running"}}
    assert lab.words(gone) == ("canceled", "removed")
    lab.do("move", last, to="top")
    assert [one["run_id"] for one in lab.do("ls")["entries"]] == [first, last, held, moved]
    lab.do("move", moved, priority=99)
    (tmp_path / "go").touch()
    lab.await_all([first, last, moved])
    assert lab.lines() == ["first", "moved", "last"] and lab.state(held) == "queued"
    lab.await_worker_end()
    lab.do("release", held)
    lab.await_all([held])
    assert lab.lines()[-1] == "held"


def test_stopping_a_queued_run_cancels_it(lab: QueueLab, tmp_path: Path) -> None:
    first = lab.put(*gate(tmp_path / "go", "first"))
    run = lab.put(*say("never"))
    assert lab.ask("stop", run_id=run, grace=1)["state"] == "canceled"
    assert not os.path.exists(lab.run(run).launch)  # it may hold secrets
    (tmp_path / "go").touch()
    lab.await_all([first])
    assert lab.lines() == ["first"]


def test_drain_lets_what_runs_end_and_starts_nothing(lab: QueueLab, tmp_path: Path) -> None:
    first = lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: lab.lines() == ["first"], "the first has begun")
    second = lab.put(*say("second"))
    lab.do("drain")
    (tmp_path / "go").touch()
    lab.await_all([first])
    lab.await_worker_end()
    assert lab.state(second) == "queued" and lab.do("ls")["draining"]
    assert lab.put(*say("third")) and lab.do("ls")["worker"]["state"] == "none"
    lab.do("resume")
    until(lambda: lab.lines() == ["first", "second", "third"], "the others follow")


def test_what_is_not_before_a_time_waits_for_it(lab: QueueLab) -> None:
    at = time.time() + 1.5
    run = lab.put(*say("then"), not_before=at)
    assert lab.outcome(run)["started"] >= at


def test_a_sweep_that_fails_alike_is_held(lab: QueueLab) -> None:
    lab.do("pause")
    fails = sh('echo line $RANDOM >&2; echo "CUDA error at 0x7f$$: no memory" >&2; exit 4')
    runs = [lab.put(*fails, sweep="s", stop_after=2) for _ in range(4)]
    other = lab.put(*say("other"), sweep="t", stop_after=2)
    lab.do("resume")
    lab.await_all([*runs[:2], other])
    until(lambda: lab.entry(runs[3])["state"] == "held", "the rest is held")
    assert lab.words(runs[2]) == ("queued", "2 runs of its sweep ended alike: failed 4: CUDA error at …: no memory")
    lab.do("release", *runs[2:])
    lab.await_all(runs)


def test_a_retry_is_wanted_or_there_already(lab: QueueLab) -> None:
    lab.do("pause")
    first = lab.put(*sh("exit 5"), retries=1)
    spare = lab.put(*say("again"), retries=1, attempt=2, retry_of=first)
    good = lab.put(*say("good"))
    needless = lab.put(*say("needless"), attempt=2, retry_of=good)
    alone = lab.put(*sh("exit 6"), retries=2)
    lab.do("resume")
    lab.await_all([first, spare, good, needless, alone])
    assert sorted(lab.lines()) == ["again", "good"]
    assert lab.words(needless) == ("canceled", f"{good} finished: no retry is needed")
    until(lambda: lab.entry(alone)["state"] == "done", "it is done")
    assert lab.entry(alone)["reason"] == "failed 6; retry wanted (1 of 2)" and lab.entry(first)["reason"] == "failed 5"


@pytest.mark.parametrize(
    "entry",
    [{"priority": float("nan")}, {"gpus": "two"}, {"after": [{"run": "../x"}]}, {"kind": "mean"},
     {"if_": {"run": "a", "op": "~"}},
     {"limit": -1}, {"memory": 1 << 70}, {"needs": []}, {"after": "x"}],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_refused(lab: QueueLab, entry: dict[str, object]) -> None:
    with pytest.raises(RunnerError, match="cannot be queued"):
        lab.put("true", **entry)
    assert lab.do("ls")["entries"] == []


def test_looking_at_a_queue_that_was_never_used_makes_nothing(tmp_path: Path, repo: Path, home: Path, git: Run) -> None:
    lab = QueueLab(tmp_path / "other", make_tree(repo, home, git))
    assert lab.do("ls")["entries"] == [] and lab.do("idle")["slots"] == [] and lab.do("events")["events"] == []
    assert not (tmp_path / "other").exists()


def test_a_damaged_database_is_set_aside_and_made_anew(lab: QueueLab, tmp_path: Path) -> None:
    lab.do("pause")
    runs = [lab.put(*say(str(number))) for number in range(3)]
    lab.do("hold", runs[1])
    folder = Path(lab.home.queue())
    (folder / "queue.db").write_bytes(b"not a database" * 999)
    for end in ("-wal", "-shm"):
        (folder / f"queue.db{end}").unlink(missing_ok=True)
    assert [(one["run_id"], one["state"]) for one in lab.do("ls")["entries"]] == [
        (runs[0], "queued"), (runs[1], "held"), (runs[2], "queued")
    ]  # fmt: skip
    assert any(name.startswith("queue.db.damaged-") for name in os.listdir(folder))
    lab.do("slots", cpu_slots=1)
    lab.do("resume")
    lab.await_all([runs[0], runs[2]])
    assert lab.lines() == ["0", "2"]


def test_a_database_that_is_damaged_under_a_worker(lab: QueueLab, tmp_path: Path) -> None:
    first = lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: lab.lines() == ["first"], "the first has begun")
    second = lab.put(*say("second"))
    folder = Path(lab.home.queue())
    for name in ("queue.db", "queue.db-wal", "queue.db-shm"):
        (folder / name).unlink(missing_ok=True)
    third = lab.put(*say("third"))
    (tmp_path / "go").touch()
    lab.await_all([first, second, third])
    assert lab.lines() == ["first", "second", "third"]


def test_who_was_killed_while_entering_a_run_has_entered_it(lab: QueueLab) -> None:
    """The folder of the run says that it is queued, and the note says that the table may not know of it."""
    request = lab.request(say("found"), {})
    lab.do("pause")
    assert lab.ask("start", **request)["state"] == "queued"
    entering = Path(lab.home.queue(), "entering")
    (entering / "1-1.json").touch()
    (entering / "1-1.json.list").write_text(json.dumps({"runs": [request["run_id"]]}))
    Path(lab.home.queue(), "queue.db").unlink()
    for end in ("-wal", "-shm"):
        Path(lab.home.queue(), f"queue.db{end}").unlink(missing_ok=True)
    lab.do("resume")
    lab.await_all([request["run_id"]])
    assert lab.lines() == ["found"]
    until(lambda: not os.listdir(entering), "the note is gone")


def test_a_worker_that_was_killed_is_followed_by_one_that_finds_its_runs(lab: QueueLab, tmp_path: Path) -> None:
    lab.do("slots", cpu_slots=2)
    first, second = lab.put(*gate(tmp_path / "go", "first")), lab.put(*gate(tmp_path / "go2", "second"))
    until(lambda: sorted(lab.lines()) == ["first", "second"], "both have begun")
    lab.kill_worker()
    assert lab.state(first) == "running"
    (tmp_path / "go2").touch()
    lab.outcome(second)  # its supervisor goes on by itself
    lab.do("pause")
    others = [lab.put("true") for _ in range(4)]
    lab.do("resume")
    lab.await_all(others)
    assert lab.state(first) == "running" and lab.entry(first)["state"] == "running"
    assert lab.outcome(second)["slot"]["name"] != json.loads(Path(lab.run(first).started).read_text())["slot"]["name"]
    assert {lab.outcome(one)["slot"]["name"] for one in others} == {lab.outcome(second)["slot"]["name"]}
    assert [one["run_id"] for one in lab.do("ls")["slots"] if one["run_id"]] == [first]
    (tmp_path / "go").touch()
    lab.await_all([first])
    lab.await_worker_end()
    assert [lab.entry(one)["state"] for one in (first, second, *others)] == ["done"] * 6


def test_a_killed_supervisor_keeps_its_slot_until_its_job_ends(lab: QueueLab, tmp_path: Path) -> None:
    first = lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: lab.lines() == ["first"], "the first has begun")
    started = json.loads(Path(lab.run(first).started).read_text())
    second = lab.put(*say("second"))
    os.kill(started["supervisor"]["pid"], 9)
    until(lambda: not is_alive(started["supervisor"]), "the supervisor is gone")
    third = lab.put(*say("third"))  # the worker has heard of both
    assert lab.lines() == ["first"] and lab.state(first) == "running"
    (tmp_path / "go").touch()
    lab.await_all([second, third])
    assert lab.state(first) == "lost" and lab.lines() == ["first", "second", "third"]


def test_many_at_once(lab: QueueLab) -> None:
    requests = [lab.request(("true",), {"sweep": "s"}) for _ in range(20)]
    answer = lab.put_many(requests)
    assert answer["queued"] == [one["run_id"] for one in requests] and answer["states"] == {}
    lab.await_all(answer["queued"])
    assert set(lab.put_many(requests)["states"]) == set(answer["queued"])


def test_a_worker_of_another_version_makes_room(lab: QueueLab, tmp_path: Path) -> None:
    first = lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: lab.lines() == ["first"], "the first has begun")
    known = Path(lab.home.queue(), "worker.json")
    before = json.loads(known.read_text())
    known.write_text(json.dumps({**before, "runner": "/another/one"}))
    second = lab.put(*say("second"))
    assert until(lambda: known.exists() and json.loads(known.read_text()), "there is another")["process"] != before["process"]
    assert lab.state(first) == "running" and lab.state(second) == "queued"
    (tmp_path / "go").touch()
    lab.await_all([first, second])
    assert lab.lines() == ["first", "second"] and lab.state(first) == "finished"


def test_after_a_reboot_what_never_ran_is_queued_again_and_the_rest_is_what_its_folder_says(lab: QueueLab) -> None:
    lab.do("pause")
    fresh, begun = lab.put(*say("fresh")), lab.put(*say("begun"))
    with opened(lab.home) as table, table.writing() as db:
        db.execute("UPDATE entries SET state = 'taken'")
    started = {
        "state": "running",
        "started": 1.0,
        "boot_id": "another",
        "hostname": os.uname().nodename,
        "slot": {"names": ["cpu0"]},
    }
    Path(lab.run(begun).started).write_text(json.dumps(started))
    lab.do("resume")
    lab.await_all([fresh, begun])
    lab.await_worker_end()
    assert lab.lines() == ["fresh"] and lab.words(begun) == ("lost", "host rebooted")
    assert [(lab.entry(one)["state"], lab.entry(one)["reason"]) for one in (fresh, begun)] == [
        ("done", "finished"), ("done", "lost (host rebooted)")
    ]  # fmt: skip


def test_removing_what_is_spare_leaves_queued_runs_alone(lab: QueueLab) -> None:
    lab.do("pause")
    run = lab.put(*say("kept"))
    found = lab.ask("survey", key="project", keep=0)
    assert found["worktrees"] == [] and found["unstarted"] == [] and found["in_use"] == 1
    removed = lab.ask("remove", key="project", runs=[run], worktrees=[Path(lab.tree["path"]).name])["removed"]
    assert removed == [] and lab.state(run) == "queued"


def test_a_worker_lives_in_a_session_of_tmux_and_longer(lab: QueueLab, tmp_path: Path) -> None:
    tmux = ["tmux", "-S", lab.home.socket(), "-f", "/dev/null"]
    first, second = lab.put(*gate(tmp_path / "go", "first")), lab.put(*say("second"))
    until(lambda: lab.lines() == ["first"], "the first has begun")
    assert subprocess.run([*tmux, "has-session", "-t", "=reprun-worker"], capture_output=True, check=False).returncode == 0
    subprocess.run([*tmux, "kill-server"], check=True)
    until(lambda: subprocess.run([*tmux, "ls"], capture_output=True, check=False).returncode, "the server is gone")
    (tmp_path / "go").touch()
    lab.await_all([first, second])
    assert lab.lines() == ["first", "second"] and lab.state(first) == "finished"
