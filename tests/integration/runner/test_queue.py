"""The queue of a host: runs that are put into it, and a real worker that starts them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from lab import until
from queue_lab import QueueLab, gate, say
from supervisor_lab import sh

from reprun.core.queue_plan import free_slots
from reprun.runner.errors import RunnerError


def test_queued_runs_run_in_order_and_leave_nothing_behind(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    runs = [
        queue_lab.put(*say(text), kind=kind) for text, kind in [("1", "tune"), ("2", "tune"), ("3", "explore"), ("4", "method")]
    ]
    assert [queue_lab.words(one) for one in runs] == [("queued", "")] * 4
    found = queue_lab.do("ls")
    assert [one["run_id"] for one in found["entries"]] == [runs[2], runs[3], runs[0], runs[1]]
    assert [one["position"] for one in found["entries"]] == [1, 2, 3, 4] and found["paused"]
    queue_lab.do("resume")
    queue_lab.await_all(runs)
    assert queue_lab.lines() == ["3", "4", "1", "2"]
    queue_lab.await_worker_end()
    assert [queue_lab.entry(one)["state"] for one in runs] == ["done"] * 4 and queue_lab.do("ls")["entries"] == []
    outcome = queue_lab.outcome(runs[0])
    assert outcome["slot"] == {"name": "cpu0", "names": ["cpu0"], "gpus": []} and "queue" not in outcome
    assert sorted(os.listdir(queue_lab.run(runs[0]).path)) == [
        "claim", "manifest.toml", "outcome.json", "output", "stderr.log", "stdout.log"
    ]  # fmt: skip


def test_a_run_sees_its_slot_and_no_gpu(queue_lab: QueueLab) -> None:
    run = queue_lab.put(
        *sh("env | grep -E '^(CUDA|HIP|ROCR|NVIDIA|REPRUN_SLOT|REPRUN_GPUS)' | sort"), plan={"env": {"CUDA_VISIBLE_DEVICES": "7"}}
    )
    queue_lab.outcome(run)
    assert Path(queue_lab.run(run).stdout).read_text().split() == [
        "CUDA_VISIBLE_DEVICES=", "HIP_VISIBLE_DEVICES=", "NVIDIA_VISIBLE_DEVICES=void", "REPRUN_GPUS=", "REPRUN_SLOT=cpu0"
    ]  # fmt: skip


def test_what_comes_first_is_first_when_the_worker_begins(queue_lab: QueueLab) -> None:
    """However long the queue is, and whoever was entered before."""
    queue_lab.do("pause")
    many = [queue_lab.request(say("later"), {}) for _ in range(100)]
    queue_lab.put_many(many)
    first = queue_lab.put(*say("first"), priority=90)
    queue_lab.do("resume")
    queue_lab.await_all([first])
    queue_lab.do("rm", *(one["run_id"] for one in many))
    assert queue_lab.lines()[0] == "first"


def test_entering_again_changes_nothing(queue_lab: QueueLab) -> None:
    request = queue_lab.request(say("once"), {})
    states = [queue_lab.ask("start", **request)["state"] for _ in range(3)]
    queue_lab.await_all([request["run_id"]])
    states.append(queue_lab.ask("start", **request)["state"])
    queue_lab.await_worker_end()
    assert (
        queue_lab.lines() == ["once"] and states[0] in ("queued", "starting", "running", "finished") and states[-1] == "finished"
    )


def test_conditions(queue_lab: QueueLab, tmp_path: Path) -> None:
    queue_lab.do("slots", cpu_slots=2)
    first = queue_lab.put(
        *sh(f"""while ! test -e {tmp_path}/go; do sleep 0.02; done; echo '{{"loss": 0.5}}' >> $REPRUN_METRICS; exit 3""")
    )
    metric = {"run": first, "metric": "loss", "value": 0.4}
    better = queue_lab.put(*say("better"), if_={**metric, "op": ">"})
    worse = queue_lab.put(*say("worse"), if_={**metric, "op": "<"})
    after = queue_lab.put(*say("after"), after=[{"run": first}, {"run": better, "ok": True}])
    after_ok = queue_lab.put(*say("ok"), after=[{"run": first, "ok": True}])
    chained = queue_lab.put(*say("chained"), after=[{"run": after_ok, "ok": True}])
    unknown = queue_lab.put(*say("unknown"), after=[{"run": "20200101-000000-000000"}])
    assert queue_lab.entry(after)["reason"] == f"waits for {first}"
    assert queue_lab.entry(unknown)["reason"] == "20200101-000000-000000 is not known on this host"
    (tmp_path / "go").touch()
    queue_lab.await_all([first, better, worse, after, after_ok, chained])
    assert sorted(queue_lab.lines()) == ["after", "better"] and queue_lab.state(unknown) == "queued"
    assert queue_lab.words(worse) == ("canceled", f"its condition is not met: {first}.loss is 0.5, not < 0.4")
    assert queue_lab.words(after_ok) == ("canceled", f"{first} failed with 3")
    assert queue_lab.words(chained) == ("canceled", f"{after_ok} was canceled")
    until(lambda: queue_lab.entry(chained)["state"] == "dropped", "it is dropped")
    assert queue_lab.do("rm", unknown) == {"removed": [unknown], "kept": {}}


def test_hold_release_move_and_remove(queue_lab: QueueLab, tmp_path: Path) -> None:
    first = queue_lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: queue_lab.lines() == ["first"], "the first has begun")
    held, moved, gone, last = (queue_lab.put(*say(text)) for text in ("held", "moved", "gone", "last"))
    assert queue_lab.do("hold", held, reason="not today")["changed"] == [held]
    assert queue_lab.words(held) == ("queued", "not today") and queue_lab.entry(held)["reason"] == "not today"
    assert queue_lab.do("rm", gone, first) == {"removed": [gone], "kept": {first: "it is running"}}
    assert queue_lab.words(gone) == ("canceled", "removed")
    queue_lab.do("move", last, to="top")
    assert [one["run_id"] for one in queue_lab.do("ls")["entries"]] == [first, last, held, moved]
    queue_lab.do("move", moved, priority=99)
    (tmp_path / "go").touch()
    queue_lab.await_all([first, last, moved])
    assert queue_lab.lines() == ["first", "moved", "last"] and queue_lab.state(held) == "queued"
    queue_lab.await_worker_end()
    queue_lab.do("release", held)
    queue_lab.await_all([held])
    assert queue_lab.lines()[-1] == "held"


def test_stopping_a_queued_run_cancels_it(queue_lab: QueueLab, tmp_path: Path) -> None:
    first = queue_lab.put(*gate(tmp_path / "go", "first"))
    run = queue_lab.put(*say("never"))
    assert queue_lab.ask("stop", run_id=run, grace=1)["state"] == "canceled"
    assert not os.path.exists(queue_lab.run(run).launch)  # it may hold secrets
    (tmp_path / "go").touch()
    queue_lab.await_all([first])
    assert queue_lab.lines() == ["first"]


def test_drain_lets_what_runs_end_and_starts_nothing(queue_lab: QueueLab, tmp_path: Path) -> None:
    first = queue_lab.put(*gate(tmp_path / "go", "first"))
    until(lambda: queue_lab.lines() == ["first"], "the first has begun")
    second = queue_lab.put(*say("second"))
    queue_lab.do("drain")
    (tmp_path / "go").touch()
    queue_lab.await_all([first])
    queue_lab.await_worker_end()
    assert queue_lab.state(second) == "queued" and queue_lab.do("ls")["draining"]
    assert queue_lab.put(*say("third")) and queue_lab.do("ls")["worker"]["state"] == "none"
    queue_lab.do("resume")
    until(lambda: queue_lab.lines() == ["first", "second", "third"], "the others follow")


def test_what_is_not_before_a_time_waits_for_it(queue_lab: QueueLab) -> None:
    at = time.time() + 1.5
    run = queue_lab.put(*say("then"), not_before=at)
    assert queue_lab.outcome(run)["started"] >= at


def test_a_sweep_that_fails_alike_is_held(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    fails = sh('echo line $RANDOM >&2; echo "CUDA error at 0x7f$$: no memory" >&2; exit 4')
    runs = [queue_lab.put(*fails, sweep="s", stop_after=2) for _ in range(4)]
    other = queue_lab.put(*say("other"), sweep="t", stop_after=2)
    queue_lab.do("resume")
    queue_lab.await_all([*runs[:2], other])
    until(lambda: queue_lab.entry(runs[3])["state"] == "held", "the rest is held")
    state, why = queue_lab.words(runs[2])
    assert state == "queued" and why.startswith("2 runs of its sweep ended alike: failed 4: CUDA error at 0x7f")
    queue_lab.do("release", *runs[2:])
    queue_lab.await_all(runs)


def test_a_retry_is_wanted_or_there_already(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    first = queue_lab.put(*sh("exit 5"), retries=1)
    spare = queue_lab.put(*say("again"), retries=1, attempt=2, retry_of=first)
    good = queue_lab.put(*say("good"))
    needless = queue_lab.put(*say("needless"), attempt=2, retry_of=good)
    alone = queue_lab.put(*sh("exit 6"), retries=2)
    queue_lab.do("resume")
    queue_lab.await_all([first, spare, good, needless, alone])
    assert sorted(queue_lab.lines()) == ["again", "good"]
    assert queue_lab.words(needless) == ("canceled", f"{good} finished: no retry is needed")
    until(lambda: queue_lab.entry(alone)["state"] == "done", "it is done")
    assert (
        queue_lab.entry(alone)["reason"] == "failed 6; retry wanted (1 of 2)" and queue_lab.entry(first)["reason"] == "failed 5"
    )


def test_a_stage_follows_whichever_attempt_finishes_and_begins_with_its_output(queue_lab: QueueLab) -> None:
    queue_lab.do("pause")
    first = queue_lab.put(*sh('echo first > "$OUT"; exit 5'), plan={"env": {"OUT": "/dev/null"}})
    spare = queue_lab.put(*sh('echo spare > "${REPRUN_METRICS%/*}/output/model"'), attempt=2, retry_of=first)
    outputs = [queue_lab.run(one).output for one in (first, spare)]
    after = [{"run": first, "ok": True, "or": [spare]}]
    stage = queue_lab.put(*sh('cat "${REPRUN_METRICS%/*}/output/model" >> "$LOG"'), plan={"inherit": outputs}, after=after)
    queue_lab.do("resume")
    assert queue_lab.outcome(stage)["builds_on"] == spare
    assert queue_lab.lines() == ["spare"] and queue_lab.state(stage) == "finished"


@pytest.mark.parametrize(
    "entry",
    [{"priority": float("nan")}, {"gpus": "two"}, {"after": [{"run": "../x"}]}, {"kind": "mean"},
     {"if_": {"run": "a", "op": "~"}},
     {"limit": -1}, {"memory": 1 << 70}, {"needs": []}, {"after": "x"}],
)  # fmt: skip
def test_an_entry_that_makes_no_sense_is_refused(queue_lab: QueueLab, entry: dict[str, object]) -> None:
    with pytest.raises(RunnerError, match="cannot be queued"):
        queue_lab.put("true", **entry)
    assert queue_lab.do("ls")["entries"] == []


def test_looking_at_a_queue_that_was_never_used_makes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = QueueLab(tmp_path / "other", {})
    gpus = "".join(f"{number}, H100, GPU-{number}, 81559, 550.54.15\\n" for number in range(3))
    put_smi(tmp_path / "bin", f"printf '{gpus}'")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=os.pathsep)
    found = lab.do("ls")
    assert found["entries"] == [] and lab.do("idle")["slots"] == [] and lab.do("events")["events"] == []
    assert [(slot["name"], slot["gpus"]) for slot in found["slots"]] == [(str(one), [f"GPU-{one}"]) for one in range(3)]
    assert free_slots(found) == 3 and {slot["why"] for slot in found["slots"]} == {"nothing was queued yet"}
    put_smi(tmp_path / "bin", "exit 9")
    assert [(slot["name"], slot["gpus"]) for slot in lab.do("ls")["slots"]] == [("cpu", [])]
    assert not (tmp_path / "other").exists()


def test_a_queue_that_no_worker_has_seen_has_its_usual_slots(tmp_path: Path) -> None:
    lab = QueueLab(tmp_path / "other", {})
    lab.do("pause")
    assert lab.do("ls")["slots"] and {slot["why"] for slot in lab.do("ls")["slots"]} == {"no worker is running"}


def put_smi(folder: Path, script: str) -> None:
    folder.mkdir(exist_ok=True)
    path = folder / "nvidia-smi"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
