"""A sweep file is the desired state: run, run again, fail, mend, shrink. As a user does it, with the installed command."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from lab import REPRUN, until

pytestmark = pytest.mark.e2e

JOB = """
import json, os, pathlib, sys
stage, out, width = sys.argv[1:4]
note = pathlib.Path(out, "notes.txt")
if stage == "train":
    note.write_text("trained " + width)
else:
    if pathlib.Path(os.environ["MARKS"], width).exists():
        sys.exit(3)
    text = note.read_text()
    note.write_text(text + " tested")
    with open(os.environ["REPRUN_METRICS"], "a") as file:
        file.write(json.dumps({"acc": len(text) + float(width)}) + "\\n")
"""
SWEEP = """
template:
  train: python3 job.py train {_output} {width}
  test: python3 job.py test {_output} {width}
metric: acc
resource: [0]
---
width: [1, 'two $(touch MARK)', 3]
"""


def outputs(repo: Path, stage: str) -> dict[str, str]:
    root = repo / ".git/reprun/sweeps/tasks/sweep"
    return {
        path.name: (path / stage / "notes.txt").read_text() for path in root.iterdir() if (path / stage / "notes.txt").exists()
    }


def test_a_sweep_from_its_file_to_its_summary(repo, reprun, tmp_path, git):
    marks = tmp_path / "marks"
    marks.mkdir()
    (repo / "job.py").write_text(JOB)
    (repo / "reprun.toml").write_text(f'[env]\nMARKS = "{marks}"\n')
    text = SWEEP.replace("'two $(touch MARK)'", "2").strip()
    (repo / "sweep.yaml").write_text(text)
    (marks / "2").touch()
    before = git("status", "--porcelain", "--untracked-files=all", cwd=repo)

    def sweep(*words: str) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {"start": [], "skip": [], "keep": []}
        for step in reprun("sweep", "sweep.yaml", *words, "--json").data["steps"]:
            found[step["action"]].append(f"{step['name']}/{step['stage']}")
        return found

    def rest() -> None:
        until(lambda: not [one for one in reprun("ls", "--json").data if one["state"] in ("queued", "starting", "running")])

    shown = reprun("sweep", "sweep.yaml", "--dry-run")
    assert "python3 job.py train output/Width_1 1" in shown.stdout
    assert reprun("ls", "--json").data == []

    assert len(sweep()["start"]) == 6
    rest()
    assert outputs(repo, "train") == {f"Width_{width}": f"trained {width}" for width in (1, 2, 3)}  # as train left them
    assert outputs(repo, "test")["Width_1"] == "trained 1 tested"

    (marks / "2").unlink()
    finished = [f"Width_{one}" for one in ("1/train", "1/test", "2/train", "3/train", "3/test")]
    assert sweep() == {"start": ["Width_2/test"], "skip": finished, "keep": []}
    rest()
    assert "finished" in reprun("sweep", "why", "Width_2").stdout

    data = reprun("sweep", "summary", "sweep.yaml", "--json").data
    assert [one["target"] for one in data["answers"]] == [{"width": 3}, {"width": 2}, {"width": 1}]

    wide = text.replace("[1, 2, 3]", "{from: 3, to: 4, num: 400}") + "\ny: {from: 1, to: 2, num: 400}\n"
    (repo / "sweep.yaml").write_text(wide)  # too many tasks, but for a sample
    assert reprun("sweep", "summary", "sweep.yaml").rc == 2
    assert "metric acc" in reprun("sweep", "summary", "sweep.yaml", "--sample", "1").stderr
    (repo / "sweep.yaml").write_text(text.replace("job.py", "-O job.py"))  # the same parameters, other commands
    assert reprun("sweep", "summary", "sweep.yaml").rc == 6
    (repo / "sweep.yaml").write_text(text.replace("job.py train", "-O job.py train"))
    would = reprun("sweep", "sweep.yaml", "--dry-run", "--json").data["runs"]
    assert {one["action"] for one in would} == {"start"}  # test is made of what train leaves

    (repo / "sweep.yaml").write_text(text + "\n---\nwidth: 4\n")  # what is asked for is no code
    assert sweep("-c", "train")["start"] == ["Width_4/train"]
    rest()
    (repo / "job.py").write_text(JOB + "# edited\n")
    assert len(sweep("--since-commit", "any", "-c", "train")["skip"]) == 4
    assert git("status", "--porcelain", "--untracked-files=all", cwd=repo).replace(" M sweep.yaml", "") == before


def test_what_the_file_no_longer_asks_for_is_stopped_only_with_a_yes(repo, reprun, tmp_path):
    stage = tmp_path / "stage"  # its name says where links are put, and must not lead anywhere else
    reprun("queue", "pause")
    (repo / "sweep.yaml").write_text(f"template: {{'{stage}': 'sleep {{seconds}}'}}\n---\nseconds: [600, 601]\n")
    first = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    assert not os.path.lexists(stage) and (repo / ".git/reprun/sweeps/tasks/sweep/Seconds_600").is_dir()
    (repo / "sweep.yaml").write_text(f"template: {{'{stage}': 'sleep {{seconds}}'}}\n---\nseconds: [600]\n")
    kept = reprun("sweep", "sweep.yaml", "--json").data
    assert [step["action"] for step in kept["steps"]] == ["keep"]
    assert (kept["removed"], kept["stopped"]) == ([first[1]["run_id"]], [])
    assert reprun("sweep", "sweep.yaml", "--yes", "--json").data["stopped"] == [first[1]["run_id"]]
    states = {one["run_id"]: one["state"] for one in reprun("ls", "--json").data}
    assert states == {first[0]["run_id"]: "queued", first[1]["run_id"]: "canceled"}
    (repo / "new.py").write_text("the code is another\n")
    edited = reprun("sweep", "sweep.yaml", "--yes", "--json").data
    assert edited["stopped"] == [first[0]["run_id"]] and [step["action"] for step in edited["steps"]] == ["start"]
    assert reprun("sweep", "sweep.yaml", "--json").data["removed"] == []


def test_a_value_is_never_read_by_a_shell_and_debug_runs_here(repo, reprun, home):
    value = "a b; touch $(echo gotcha) `touch gotcha` \"'"
    (repo / "sweep.yaml").write_text(
        'template: {train: \'printf "%s" "{x}" | cat > {_output}/x\'}\n---\nx: ' + repr_yaml(value) + "\n"
    )
    answer = reprun("sweep", "sweep.yaml", "--debug")
    assert answer.rc == 0, answer
    run = reprun("ls", "--json").data[0]
    assert (home / "runs" / run["run_id"] / "output" / "x").read_text() == value
    assert not [name for _, _, names in os.walk(repo) for name in names if name == "gotcha"]
    (repo / "sweep.yaml").write_text("template: {train: 'true', test: 'false', plot: 'true'}\n")
    answer = reprun("sweep", "sweep.yaml", "--debug", "--json")  # one document, up to the first stage that fails
    runs = json.loads(answer.stdout)["data"]["runs"]
    assert [(one["stage"], one["state"]) for one in runs] == [("train", "finished"), ("test", "failed")]
    assert answer.rc == 1


def test_what_git_ignores_and_a_run_sees_is_code(repo, reprun):
    (repo / "reprun.toml").write_text('carry = ["local.txt"]\n')
    (repo / ".gitignore").write_text("local.txt\nlocal.yaml\n")
    (repo / "local.yaml").write_text("lr: 1\n")
    (repo / "local.txt").write_text("one")
    (repo / "sweep.yaml").write_text("template: {train: 'cat {config} local.txt'}\nconfig: local.yaml\n")

    def actions(*words):
        return [step["action"] for step in reprun("sweep", "sweep.yaml", *words, "--json").data["runs" if words else "steps"]]

    reprun("queue", "pause")
    assert [actions(), actions()] == [["start"], ["keep"]]
    (repo / "local.txt").write_text("two")
    assert actions("--dry-run") == ["start"]
    assert [actions(), actions()] == [["start"], ["keep"]]
    (repo / "local.yaml").write_text("lr: 2\n")
    assert actions() == ["start"]


def repr_yaml(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("none.yaml",), "there is no file"),
        (("",), "names no file"),
        (("sweep.yaml", "-t", "x"), "its titles: none"),
        (("sweep.yaml", "-c", "x"), "its stages: train"),
        (("sweep.yaml", "--since-commit", "x"), "is no policy"),
        (("sumary", "sweep.yaml"), "did you mean reprun sweep summary?"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_happens(repo, reprun, words, said):
    (repo / "sweep.yaml").write_text("template: {train: 'true [x]'}\n---\nx: 1\n")
    answer = reprun("sweep", *words)
    assert answer.rc == 2
    assert "hint:" in answer.stderr and said in answer.stderr
    assert not (repo / ".git/refs/reprun").exists()


def test_what_was_sealed_and_not_queued_is_taken_back_by_the_next_sweep(repo, reprun, home, git):
    (repo / "sweep.yaml").write_text("template: {train: 'true [x]'}\n---\nx: [1, 2, 3]\n")
    home.mkdir(exist_ok=True)
    (home / "queue").write_text("in the way")  # the target cannot queue anything
    answer = reprun("sweep", "sweep.yaml")
    assert (answer.rc, "same command" in answer.stderr) == (5, True), answer
    (home / "queue").unlink()
    reprun("queue", "pause")
    steps = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    assert [step["action"] for step in steps] == ["start"] * 3
    refs = git("for-each-ref", "--format=%(refname)", "refs/reprun/runs", "refs/reprun/manifests").splitlines()
    assert {ref.rpartition("/")[2] for ref in refs} == {step["run_id"] for step in steps}
    assert reprun("sweep", "sweep.yaml", "--json").data["steps"][0]["action"] == "keep"


def test_of_a_sweep_that_was_killed_the_next_one_leaves_nothing(repo, reprun, home):
    (repo / "sweep.yaml").write_text("template: {train: 'true [x]'}\n---\nx: [1, 2]\n")
    reprun("queue", "pause")
    journals = repo / ".git/reprun/journal/open"
    killed = subprocess.Popen(
        [REPRUN, "sweep", "sweep.yaml"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: journals.exists() and any(journals.glob("*.jsonl")))
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    steps = reprun("sweep", "sweep.yaml", "--json").data["steps"]
    assert not list(journals.iterdir())
    assert {one["run_id"] for one in reprun("ls", "--json").data} == {step["run_id"] for step in steps}
    assert len(steps) == 2
    first = steps[0]["run_id"]  # and of one that was killed between the journals and the manifests
    text = (journals.parent / f"{first}.jsonl").read_text()
    (journals / f"{first[:-6]}zzzzzz.jsonl").write_text(text)
    assert len(reprun("ls", "--json").data) == 3
    assert [step["action"] for step in reprun("sweep", "sweep.yaml", "--json").data["steps"]] == ["keep", "keep"]
    assert len(reprun("ls", "--json").data) == 2 and not list(journals.iterdir())
