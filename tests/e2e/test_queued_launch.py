"""Runs that wait for a slot: what was launched is what runs, in the order that was asked for, once."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, is_alive, launch, output_of, says_nicely, show, wait
from lab import REPRUN, Run, until

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("repo", "home")]
CODE = ("--", "sh", "-c", "cat train.py")


@pytest.fixture
def queue(reprun: Reprun) -> Reprun:
    """A queue with one slot, which gives out nothing until it is resumed."""
    assert reprun("queue", "slots", "--cpu", "1").rc == 0 and reprun("queue", "pause").rc == 0
    return reprun


def put(reprun: Reprun, *words: str) -> str:
    """Queues a run; its id."""
    return str(launch(reprun, "--queue", *words)["run_id"])


def waiting(reprun: Reprun) -> list[tuple[str, str, str]]:
    """Name, state and what it waits for, of what has not begun, in the order of the queue."""
    entries = reprun("queue", "--json").data[0]["entries"]
    return [(entry["name"], entry["state"], entry["reason"]) for entry in entries if entry["state"] != "running"]


def test_what_was_launched_is_what_runs(queue: Reprun, repo: Path) -> None:
    answer = launch(queue, "--queue", "--kind", "tune", "--retries", "0", "--gpus", "none", *CODE)
    run_id = answer["run_id"]
    assert answer["state"] == "queued" and answer["reason"] == "position 1" and answer["session"] == ""
    (repo / "train.py").write_text("print('edited since')\n")
    shown = show(queue, run_id)
    assert shown["state_words"] == "queued (position 1, paused)"
    assert shown["manifest"]["run"]["queue"] == {"kind": "tune", "gpus": -1, "retries": 0}
    again = queue("resume", "--json", run_id).data
    assert again["state"] == "queued" and again["resumed"] is False
    assert queue("queue", "resume").rc == 0
    assert wait(queue, run_id)["state_words"] == "finished 0"
    assert queue("logs", "--stdout", run_id).stdout == "print('training')\n"
    outcome = show(queue, run_id)["outcome"]
    assert outcome["slot"]["name"] == "cpu0" and outcome["slot"]["gpus"] == []
    assert queue("ls", "--state", "queued", "--json").data == []


def test_the_line_is_seen_and_changed(queue: Reprun, git: Run, tmp_path: Path) -> None:
    words = ("--", "sh", "-c", 'echo {seed} >> "$0"', str(tmp_path / "order"))
    for number, name, more in (
        (1, "late", ["--kind", "tune"]),
        (2, "soon", ["--kind", "explore"]),
        (3, "held", []),
        (4, "gone", ["--priority", "99"]),
        (5, "clock", ["--not-before", "+1h"]),
    ):
        put(queue, "--name", name, "--seed", str(number), *more, *words)
    assert [name for name, _, _ in waiting(queue)] == ["gone", "soon", "held", "clock", "late"]
    assert queue("queue", "move", "late", "--top").rc == 0
    assert queue("queue", "hold", "held", "held").stdout.count("held: ") == 1
    assert queue("queue", "rm", "gone").rc == 0
    line = waiting(queue)
    assert launch(queue, "--queue", "--name", "clock2", "--not-before", "+1h", *words)["reason"] == "position 5"  # one is held
    assert queue("queue", "rm", "clock2", "clock2").stdout.count("canceled") == 1
    assert [(name, state) for name, state, _ in line] == [
        ("late", "queued"), ("soon", "queued"), ("held", "held"), ("clock", "queued")
    ]  # fmt: skip
    assert "not before" in line[3][2]
    text = queue("queue").stdout
    assert "4 queued, paused" in text and text.index("late") < text.index("soon") < text.index("held")
    listed = {item["name"]: item["state_words"] for item in queue("ls", "--json").data}
    assert listed["held"] == "queued (position 3, held)" and listed["gone"] == "canceled (removed)"
    gone = queue("wait", "--json", "gone")
    assert gone.rc == 3 and git("for-each-ref", f"refs/reprun/outcomes/{gone.json['data'][0]['run_id']}")  # for git push
    queue("queue", "resume")
    assert wait(queue, "soon")["state"] == "finished"
    assert (tmp_path / "order").read_text() == "1\n2\n"
    assert queue("stop", "clock").stdout.split()[1] == "canceled"
    assert queue("queue", "release", "held").rc == 0 and wait(queue, "held")["state"] == "finished"
    again = queue("queue", "rm", "held")
    assert again.rc == 6 and says_nicely(again)


def test_a_run_that_depends_on_others(queue: Reprun) -> None:
    acc = 'echo \'{"acc": 0.5}\' > $REPRUN_METRICS; exit "$0"'
    put(queue, "--name", "good", "--", "sh", "-c", acc, "0")
    put(queue, "--name", "bad", "--", "sh", "-c", acc, "3")
    put(queue, "--name", "any", "--after", "bad", "--", "true")
    put(queue, "--name", "ok", "--after-ok", "bad", "--", "true")
    put(queue, "--name", "yes", "--if", "good.acc > 0.4", "--", "true")
    put(queue, "--name", "no", "--if", "good.acc > 0.6", "--", "true")
    assert "waits for" in {name: reason for name, _, reason in waiting(queue)}["ok"]
    queue("queue", "resume")
    words = {name: wait(queue, name)["state_words"] for name in ("any", "ok", "yes", "no")}
    assert words["any"] == words["yes"] == "finished 0"
    assert words["ok"].startswith("canceled (") and words["no"].startswith("canceled (")
    bad = show(queue, "bad")["run_id"]
    for asked, text in (
        (["--after-ok", "bad"], f"--after-ok {bad}: it is failed 3"),
        (["--if", "good.acc > 0.6"], "it has ended with 0.5"),
        (["--if", "good.acc.max > 0.6"], "it has ended with 0.5"),
        (["--if", "good.loss > 0.6"], "has no such metric"),
        (["--memory", "999T"], " TiB: the target has"),
        (["--if", "nobody.acc > 1"], "no run is called nobody"),
        (["--after", "nobody"], "no run is called nobody"),
    ):
        answer = queue("launch", "--queue", *asked, "--", "true")
        assert answer.rc in (3, 6) and text in answer.stderr and says_nicely(answer)
    assert launch(queue, "--queue", "--if", "good.acc == 0.5", "--after-ok", "good", "--", "true")["state"]  # it need not wait


def test_another_attempt_only_where_it_is_needed(queue: Reprun, tmp_path: Path) -> None:
    count = tmp_path / "count"
    twice = 'echo x >> "$0"; test "$(wc -l < "$0")" -ge 2'
    twice += " && echo '{\"acc\": 0.5}' > $REPRUN_METRICS"
    answer = launch(queue, "--queue", "--name", "flaky", "--retries", "2", "--", "sh", "-c", twice, str(count))
    first = str(answer["run_id"])
    assert answer["reason"] == "position 1" and len(answer["retries"]) == 2
    assert show(queue, "@last")["run_id"] == first  # the spare runs come before it
    assert len(waiting(queue)) == 3
    assert queue("resume", first).rc == 0 and len(waiting(queue)) == 3
    put(queue, "--name", "after", "--after-ok", "flaky", "--if", "flaky.acc < 1", "--", "true")  # whichever attempt it is
    queue("queue", "resume")
    until(lambda: not queue("queue", "--json").data[0]["entries"], "the queue is empty")
    states = {item["name"] or item["why"][:9]: item["state"] for item in queue("ls", "--json").data}
    assert states == {"after": "finished", "flaky": "failed", "attempt 2": "finished", "attempt 3": "canceled"}
    assert count.read_text() == "x\nx\n"
    assert launch(queue, "--queue", "--after-ok", "flaky", "--if", "flaky.acc < 1", "--", "true")["state"]  # also afterwards


def _launch_with_retries(home: Path, ends: int) -> None:
    """Ends a launch with a signal as soon as anything is in the queue."""
    words = (REPRUN, "launch", "--queue", "--name", "main", "--retries", "3", "--", "true")
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        with closing(sqlite3.connect(home / "queue" / "queue.db")) as db:
            until(lambda: db.execute("SELECT 1 FROM entries").fetchone(), "something is queued")
        process.send_signal(ends)


def test_a_run_never_waits_without_its_retries(queue: Reprun, home: Path) -> None:
    _launch_with_retries(home, signal.SIGKILL)
    line = [name for name, _, _ in waiting(queue)]
    assert "main" not in line or len(line) == 4, line
    assert queue("resume", "main").rc == 0 and queue("queue", "resume").rc == 0
    assert wait(queue, "main")["state"] == "finished"
    until(lambda: not queue("queue", "--json").data[0]["entries"], "the queue is empty")
    assert sorted(item["state"] for item in queue("ls", "--json").data) == ["canceled"] * 3 + ["finished"]


def test_no_retry_waits_for_a_launch_that_was_taken_back(queue: Reprun, home: Path) -> None:
    _launch_with_retries(home, signal.SIGINT)
    assert not waiting(queue) or show(queue, "main")["state"] in ("queued", "unstarted")


def test_its_log_is_awaited(queue: Reprun) -> None:
    run_id = put(queue, "--", "echo", "hello")
    for command in ("logs", "attach"):
        answer = queue(command, run_id)
        assert answer.rc in (3, 6) and "queued (position 1" in answer.stderr and f"reprun logs -f {run_id}" in answer.stderr
    put(queue, "--name", "behind", "--after", run_id, "--", "true")
    queue("queue", "resume")
    answer = queue("logs", "-f", "--stdout", run_id)
    assert answer.rc == 0 and answer.stdout == "hello\n"
    answer = queue("launch", "--queue", "--follow", "--", "sh", "-c", "echo hello; exit 4")
    assert answer.rc == 4 and "hello" in answer.stdout


def test_a_reproduction_waits_too(queue: Reprun) -> None:
    queue("queue", "resume")
    original = put(queue, "--", "sh", "-c", "echo same > {output}/file")
    wait(queue, original)
    answer = queue("reproduce", "--queue", "--json", original)
    assert answer.rc == 0 and answer.data["verdict"]["word"] == "IDENTICAL"
    new = show(queue, answer.data["run_id"])
    assert new["outcome"]["slot"]["name"] == "cpu0" and new["manifest"]["parent"] == original


def test_a_launch_without_it_just_starts(queue: Reprun) -> None:
    put(queue, "--", "true")
    assert output_of(queue, "--", "echo", "at once") == "at once\n"
    assert len(waiting(queue)) == 1
    answer = queue("launch", "--kind", "tune", "--", "true")
    assert answer.rc == 2 and says_nicely(answer) and "--queue" in answer.stderr


def test_a_killed_worker_loses_nothing(queue: Reprun, home: Path, tmp_path: Path) -> None:
    import os

    gate = tmp_path / "gate"
    first = put(queue, "--", "sh", "-c", 'while [ ! -e "$0" ]; do sleep 0.02; done', str(gate))
    second = put(queue, "--", "true")
    queue("queue", "resume")
    pid = until(lambda: _worker(queue) if show(queue, first)["state"] == "running" else 0, "the first one runs")
    os.kill(pid, signal.SIGKILL)
    until(lambda: not is_alive(pid), "the worker is gone")
    assert "no worker: reprun queue resume" in queue("queue").stdout
    assert queue("queue", "resume").rc == 0
    assert show(queue, second)["state"] == "queued"  # the slot is known to be busy
    gate.touch()
    assert [wait(queue, one)["state_words"] for one in (first, second)] == ["finished 0"] * 2


def _worker(reprun: Reprun) -> int:
    return int(reprun("queue", "--json").data[0]["worker"]["pid"])


def test_settings_say_the_slots_once(queue: Reprun, repo: Path) -> None:
    def slots() -> list[str]:
        return [slot["name"] for slot in queue("queue", "--json").data[0]["slots"]]

    (repo / "reprun.toml").write_text('[queue]\ncpu_slots = 3\nkind = "baseline"\nlimit = 2\n')
    run_id = put(queue, "--", "true")
    assert slots() == ["cpu0", "cpu1", "cpu2"]
    assert show(queue, run_id)["manifest"]["run"]["queue"] == {"kind": "baseline", "limit": 2}
    assert queue("queue", "slots", "--cpu", "1").rc == 0
    put(queue, "--", "true")
    assert slots() == ["cpu0"]  # what was said by hand since then stays
    (repo / "reprun.toml").write_text("[queue]\ncpu_slots = 2\n")
    put(queue, "--", "true")
    assert slots() == ["cpu0", "cpu1"]
    (repo / "reprun.toml").write_text("[queue]\nslots = [true]\n")
    answer = queue("launch", "--queue", "--", "true")
    assert answer.rc == 2 and says_nicely(answer)


def test_it_is_looked_at_from_anywhere(queue: Reprun, tmp_path: Path) -> None:
    run_id = put(queue, "--name", "far", "--", "true")
    for words in (["queue"], ["queue", "ls"], ["top", "--once"]):
        answer = queue(*words, cwd=tmp_path)
        assert answer.rc == 0 and run_id in answer.stdout, answer
    assert queue("queue", "hold", "far", cwd=tmp_path).rc == 0
    assert queue("queue", "rm", run_id[:-2], cwd=tmp_path).rc == 0
    assert queue("queue", "rm", "nobody", cwd=tmp_path).rc == 6
    idle: dict[str, Any] = queue("idle", "--json", cwd=tmp_path).data[0]
    assert [slot["slot"] for slot in idle["slots"]] == ["cpu0"] and idle["slots"][0]["busy"] == 0
    look = queue("top", "--json", cwd=tmp_path).data[0]
    assert look["target"] == "local" and look["hostname"]
    assert queue("queue", "move", run_id, "--top", "--bottom", cwd=tmp_path).rc == 2
    assert queue("queue", "--on", "nowhere", cwd=tmp_path).rc == 2
