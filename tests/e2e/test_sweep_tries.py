"""Sweeps that fail: retries, a sweep that is held, what a dry run says of it, hooks, what is no longer wanted."""

import json
import os
from pathlib import Path

import pytest
from hooks_lab import notes, put_hook
from lab import until

pytestmark = pytest.mark.e2e

JOB = """
import os, pathlib, sys
stage, x, out = sys.argv[1:4]
marks = pathlib.Path(os.environ["MARKS"])
if stage == "test":
    (marks / ("tested" + x)).write_text(pathlib.Path(out, "model").read_text())
    sys.exit()
pathlib.Path(out, "model").write_text(os.environ["REPRUN_RUN_ID"])
if not (marks / ("may" + x)).exists():
    (marks / ("may" + x)).touch()
    sys.exit("not yet " + x)
if not (marks / "mended").exists():
    sys.exit("broken " + x)
"""
SWEEP = """
template: {train: 'python3 job.py train {x} {_output}', test: 'python3 job.py test {x} {_output}'}
retries: 1
---
x: [1, 2]
"""


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and "memo" not in path.name}


@pytest.fixture
def marks(repo: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "marks"
    folder.mkdir()
    (repo / "job.py").write_text(JOB)
    (repo / "reprun.toml").write_text(f'[env]\nMARKS = "{folder}"\n')
    return folder


def all_over(reprun):
    until(lambda: not [one for one in reprun("ls", "--json").data if one["state"] in ("queued", "starting", "running")])


def test_a_stage_follows_the_attempt_that_finishes_and_none_that_fail(repo, reprun, marks):
    (repo / "sweep.yaml").write_text(SWEEP)
    (marks / "may1").touch()  # fails twice, as long as nothing is mended; the other fails once
    reprun("queue", "pause")
    steps = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    runs = {(step["name"], step["stage"]): step["run_id"] for step in steps}
    reprun("queue", "resume")
    all_over(reprun)
    shown = {one["run_id"]: one for one in reprun("ls", "--json").data}
    test = shown[runs["X_1", "test"]]
    assert (test["state"], test["reason"]) == ("canceled", f"{runs['X_1', 'train']} failed with 1")
    (marks / "mended").touch()
    before = files_of(repo / ".git")
    dry = reprun("sweep", "sweep.yaml", "--dry-run", "--json").data["runs"]
    assert {(one["name"], one["stage"], one["action"]) for one in dry} == {
        (name, stage, "start") for name in ("X_1", "X_2") for stage in ("train", "test")
    }
    assert files_of(repo / ".git") == before
    (marks / "may2").unlink()
    again = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    all_over(reprun)
    second = next(step["run_id"] for step in again if (step["name"], step["stage"]) == ("X_2", "train"))
    followed = (marks / "tested2").read_text()
    assert followed != second and reprun("show", followed, "--json").data["manifest"]["parent"] == second
    assert reprun("sweep", "sweep.yaml").stdout.splitlines()[-1] == "0 runs queued, 4 finished before, 0 under way"
    assert "; " not in reprun("sweep", "sweep.yaml", "--dry-run").stdout.splitlines()[-1]


def test_a_sweep_that_fails_alike_is_held_until_it_is_run_again(repo, reprun, marks):
    text = SWEEP.replace("retries: 1", "stop_after: 2").replace("[1, 2]", "[1, 2, 3, 4]")
    (repo / "sweep.yaml").write_text(text)
    for x in range(1, 5):
        (marks / f"may{x}").touch()
    reprun("sweep", "sweep.yaml")
    rest = {f"X_{x}/{stage}" for x in (3, 4) for stage in ("train", "test")}
    until(lambda: rest <= {one["name"] for one in reprun("queue", "ls", "--json").data[0]["entries"] if one["state"] == "held"})
    held = [one for one in reprun("ls", "--json").data if one["state"] == "queued"]
    assert all("2 runs of its sweep ended alike: failed 1: broken 2" in one["reason"] for one in held)
    (marks / "mended").touch()
    steps = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    assert [step["action"] for step in steps] == ["start"] * 8
    assert "was held (queued (2 runs of its sweep ended alike" in steps[-1]["reason"]
    all_over(reprun)
    states = {one["run_id"]: one["state"] for one in reprun("ls", "--json").data}
    assert {states[one["run_id"]] for one in held} == {"canceled"}
    assert {states[step["run_id"]] for step in steps} == {"finished"}


def test_hooks_hear_of_a_sweep_once_and_of_each_end(repo, reprun, tmp_path):
    (repo / "sweep.yaml").write_text("template: {train: 'true {x}'}\n---\nx: [1, 2, 3]\n")
    for name in ("pre-launch", "post-launch", "post-run"):
        put_hook(repo, name, f'echo "{name} $1" >> "{tmp_path}/seen"', f'cat > "{tmp_path}/{name}.json"')
    steps = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    runs = [step["run_id"] for step in steps]
    until(lambda: len([one for one in notes(tmp_path / "seen") if one.startswith("post-run")]) == len(runs) or not reprun("ls"))
    seen = notes(tmp_path / "seen")
    assert sorted(one for one in seen if one.startswith("post-run")) == [f"post-run {run_id}" for run_id in sorted(runs)]
    assert [one for one in seen if one.startswith("post-launch")] == [f"post-launch {runs[0]}"]
    assert len([one for one in seen if one.startswith("pre-launch")]) == 1
    told = json.loads((tmp_path / "post-launch.json").read_text())
    assert [one["run_id"] for one in told["runs"]] == runs
    assert (told["run"]["sweep"]["file"], told["runs"][2]["params"]) == ("sweep.yaml", {"x": 3})
    assert reprun("show", runs[1], "--json").data["manifest"]["code"]["ref"] == f"refs/reprun/runs/{runs[1]}"


def test_what_waits_leaves_before_what_runs_is_stopped(repo, reprun):
    (repo / "sweep.yaml").write_text("template: {train: 'sleep {x}'}\nresource: [0]\n---\nx: [600, 601]\n")
    runs = [step["run_id"] for step in reprun("sweep", "sweep.yaml", "--json").data["steps"]]
    until(lambda: reprun("show", runs[0], "--json").data["state"] == "running")
    assert sorted(reprun("sweep", "stop", "sweep.yaml", "--json").data["under_way"]) == sorted(runs)
    (repo / "sweep.yaml").write_text("template: {train: 'true {x}'}\nresource: [0]\n---\nx: 1\n")
    offered = reprun("sweep", "sweep.yaml").stderr
    assert "to stop 1 run and take 1 run out of the queue: reprun sweep sweep.yaml --yes" in offered
    assert sorted(reprun("sweep", "sweep.yaml", "--yes", "--json").data["stopped"]) == sorted(runs)
    states = {one["run_id"]: one["state"] for one in reprun("ls", "--json").data}
    assert [states[run_id] for run_id in runs] == ["stopped", "canceled"]
    (repo / "sweep.yaml").write_text("template: {train: 'true {x} [y]'}\ndefault: {y: 1}\n---\nx: 1\n")
    assert reprun("sweep", "sweep.yaml").rc == 0
    assert reprun("sweep", "why", "X_1", "--json").data[0]["params"] == {"x": 1, "y": 1}  # the one of that name that is asked for


def test_each_config_is_compared_with_the_schema(repo, reprun):
    (repo / "conf" / "schema.json").write_text('{"properties": {"lr": {"maximum": 1}}}')
    (repo / "conf" / "sweep.yaml").write_text("lr: 0.1\n")
    (repo / "reprun.toml").write_text('[preflight]\nschema = "conf/schema.json"\n')
    (repo / "sweep.yaml").write_text("template: {train: 'true {config}'}\nconfig: conf/sweep.yaml\n---\nlr: [0.1, 2, 1, 3]\n")
    answer = reprun("sweep", "sweep.yaml")
    assert answer.rc == 3 and "2 runs are refused" in answer.stderr and "Lr_3: lr: 3" in answer.stderr, answer
    assert reprun("ls", "--json").data == []
    assert not os.listdir(repo / ".git/reprun/journal/open")
