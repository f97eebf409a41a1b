"""What a queued run waits for in others, and how failures are told to be alike: rules without a process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reprun.runner.errors import RunnerError
from reprun.runner.paths import RunDir
from reprun.runner.queue_conditions import MET, NEVER, WAITS, judge, named
from reprun.runner.queue_ends import Alike, signature, words_of
from reprun.runner.queue_entry import parse_entry
from reprun.runner.queue_gpus import judge as judge_gpus
from reprun.runner.queue_gpus import parse
from reprun.runner.queue_policy import Slot
from reprun.runner.queue_slots import variables

ENDS = ("finished", "failed", "stopped", "lost", "canceled")


def state(word: str, **metrics: float | str) -> dict[str, Any]:
    record = {"metrics": {name: {"last": value, "min": 0.1, "max": 9.0} for name, value in metrics.items()}}
    return {"state": word, "reason": "", "exit_code": 1 if word == "failed" else None, "record": record}


@pytest.mark.parametrize("word", [*ENDS, "running", "starting", "queued", "unstarted", "unknown"])
def test_after(word: str) -> None:
    any_end = judge(parse_entry({"after": [{"run": "a"}]}), {"a": state(word)}).what
    ok = judge(parse_entry({"after": [{"run": "a", "ok": True}]}), {"a": state(word)}).what
    retry = judge(parse_entry({"retry_of": "a"}), {"a": state(word)}).what
    if word not in ENDS:
        assert (any_end, ok, retry) == (WAITS, WAITS, WAITS)
        return
    assert any_end == MET
    assert ok == (MET if word == "finished" else NEVER)
    assert retry == (MET if word in ("failed", "lost") else NEVER)


@pytest.mark.parametrize(
    ("first", "second", "what"),
    [
        ("running", "queued", WAITS), ("failed", "queued", WAITS), ("failed", "running", WAITS), ("failed", "finished", MET),
        ("finished", "queued", MET), ("finished", "canceled", MET), ("failed", "failed", NEVER), ("stopped", "canceled", NEVER),
    ],
)  # fmt: skip
def test_after_whichever_attempt_finishes(first: str, second: str, what: str) -> None:
    entry = parse_entry({"after": [{"run": "a", "ok": True, "or": ["b"]}]})
    assert named(entry) == ["a", "b"]
    answer = judge(entry, {"a": state(first), "b": state(second)})
    assert answer.what == what and ("a " in answer.why) == (what == NEVER)


@pytest.mark.parametrize("more", ["b", [1], ["../x"], {}])
def test_further_attempts_are_runs(more: Any) -> None:
    with pytest.raises(RunnerError, match="cannot be queued"):
        parse_entry({"after": [{"run": "a", "ok": True, "or": more}]})


class TestAlike:
    """The rest of a sweep is held by the failures of one `reprun sweep`."""

    def count(self, alike: Alike, tmp_path: Path, name: str, line: str, **more: Any) -> str:
        run = RunDir(str(tmp_path / name))
        (tmp_path / name).mkdir()
        Path(run.stderr).write_text(f"something else {name}\n{line}\n")
        entry = parse_entry({"project": "p", "sweep": "s", "stop_after": 2, **more})
        return alike.count(run, entry, state("failed"))

    def test_equal_but_for_numbers_and_paths(self, tmp_path: Path) -> None:
        alike = Alike()
        assert not self.count(alike, tmp_path, "a", "no memory at 0x12 in /tmp/a")
        assert not self.count(alike, tmp_path, "b", "another thing")
        why = self.count(alike, tmp_path, "c", "no memory at 0x3456 in /var/b")
        assert why == "2 runs of its sweep ended alike: failed 1: no memory at 0x3456 in /var/b"

    def test_another_round_begins_anew(self, tmp_path: Path) -> None:
        alike = Alike()
        assert not self.count(alike, tmp_path, "a", "x", round="1")
        assert not self.count(alike, tmp_path, "b", "x", round="2")
        assert self.count(alike, tmp_path, "c", "x", round="2")

    def test_another_sweep_and_another_project_are_others(self, tmp_path: Path) -> None:
        alike = Alike()
        assert not self.count(alike, tmp_path, "a", "x")
        assert not self.count(alike, tmp_path, "b", "x", sweep="t")
        assert not self.count(alike, tmp_path, "c", "x", project="q")


@pytest.mark.parametrize(
    ("metric", "op", "value", "what"),
    [
        ("loss", "<", 0.6, MET), ("loss", ">", 0.6, NEVER), ("loss.min", "==", 0.1, MET), ("loss.max", ">=", 9, MET),
        ("loss.mean", ">", 0, NEVER), ("acc", ">", 0, NEVER), ("nan", ">", 0, NEVER), ("nan", "<", 0, NEVER),
        ("inf", ">", 1e9, MET),
    ],
)  # fmt: skip
def test_if(metric: str, op: str, value: float, what: str) -> None:
    entry = parse_entry({"if": {"run": "a", "metric": metric, "op": op, "value": value}})
    known = state("finished", loss=0.5, nan="NaN", inf="Infinity")
    assert judge(entry, {"a": known}).what == what and judge(entry, {"a": state("running")}).what == WAITS
    assert judge(entry, {}).why == "a is not known on this host"


def test_what_can_never_be_met_counts_more_than_what_waits() -> None:
    entry = parse_entry({"after": [{"run": "a"}, {"run": "b", "ok": True}], "retry_of": "c"})
    assert named(entry) == ["a", "b", "c"]
    assert judge(entry, {"a": state("running"), "b": state("failed")}) == (NEVER, "b failed with 1")


def test_defaults_and_what_is_not_known() -> None:
    entry = parse_entry({"kind": "explore", "colour": "red", "if": None})
    assert (entry["priority"], entry["colour"], entry["retries"], entry["attempt"]) == (50.0, "red", 0, 1)
    assert parse_entry({})["priority"] == 30.0 and parse_entry({"priority": 7})["priority"] == 7.0


def test_failures_that_look_alike(tmp_path: Path) -> None:
    failed = {"state": "failed", "exit_code": 1, "reason": ""}
    marks = set()
    for number, text in enumerate(["x\nOOM at 0x7f at /tmp/a1 of 12 GB\n", "y\n\nOOM at 0x90 at /home/b/c of 7.5 GB\n\n"]):
        run = RunDir(str(tmp_path / str(number)))
        Path(run.path).mkdir()
        Path(run.stderr).write_text(text)
        marks.add(signature(run, failed))
    assert marks == {"failed 1: OOM at … at … of … GB"}
    assert signature(run, {**failed, "exit_code": 2}) not in marks
    assert signature(run, {"state": "finished", "reason": ""}) == ""
    assert signature(RunDir(str(tmp_path / "none")), failed) == "failed 1"
    assert words_of({"state": "lost", "reason": "host rebooted"}) == "lost (host rebooted)"


def test_who_computes_on_the_gpus() -> None:
    rows = parse("GPU-a, 4194300\nGPU-b, 4194301\nnonsense\nGPU-c, [N/A]\n")
    assert rows == [("GPU-a", 4194300), ("GPU-b", 4194301)]
    assert judge_gpus(rows, {"GPU-a"}, "/h") == {"GPU-b": "another process computes on this GPU (4194301)"}
    assert set(judge_gpus([("GPU-a", 1)], {"GPU-a"}, "/h")) == {"GPU-a"}  # pid 1 is nobody's run


def test_what_a_job_sees_of_its_slots() -> None:
    nvidia, amd = Slot("0", ("GPU-11",)), Slot("2,3", ("2", "3"))
    assert variables([nvidia]) == {
        "REPRUN_SLOT": "0", "REPRUN_GPUS": "GPU-11", "CUDA_VISIBLE_DEVICES": "GPU-11", "NVIDIA_VISIBLE_DEVICES": "GPU-11",
        "SLURM_JOB_GPUS": "0", "SLURM_STEP_GPUS": "0",
    }  # fmt: skip
    assert variables([amd]) == {
        "REPRUN_SLOT": "2,3", "REPRUN_GPUS": "2,3", "CUDA_VISIBLE_DEVICES": "2,3", "HIP_VISIBLE_DEVICES": "2,3",
        "GPU_DEVICE_ORDINAL": "2,3", "SLURM_JOB_GPUS": "2,3", "SLURM_STEP_GPUS": "2,3",
    }  # fmt: skip
    hidden = variables([nvidia], is_hidden=True)
    assert "SLURM_JOB_GPUS" not in variables([Slot("GPU-11", ("GPU-11",))])
    assert variables([Slot("0", ("GPU-11",)), Slot("1#2", ("GPU-12",))])["SLURM_STEP_GPUS"] == "0,1"
    assert "SLURM_JOB_GPUS" not in hidden and hidden["CUDA_VISIBLE_DEVICES"] == "" and hidden["NVIDIA_VISIBLE_DEVICES"] == "void"
    assert variables([Slot("cpu0")])["CUDA_VISIBLE_DEVICES"] == ""
    assert "CUDA_VISIBLE_DEVICES" not in variables([Slot("cpu")])  # the only slot of a host that nobody has divided
