"""`reprun probe` and `reprun noise`: whether the same comes out again, how far it moves, and what verdicts make of it."""

from __future__ import annotations

from pathlib import Path

import pytest
from away_lab import know
from e2e_lab import Reprun, fingerprint, launch, run, show, wait
from lab import until
from ssh_lab import SshHost

pytestmark = pytest.mark.e2e
GOOD = """
import os, random
from reprun_job import checkpoint, data, log, seed_everything
seed_everything()
for step in range(1000):
    log({"val/acc": 0.5}, step=step, loss=random.random())
path = os.path.join(os.environ["REPRUN_OUTPUT"], "m.txt")
open(data("a.txt")).read()
with open(path, "w") as file:
    file.write("model")
checkpoint(path, step=step)
"""
# It does not know of reprun_job, and ends by being ended. The first steps are equal.
BAD = """
import json, os, random, time
with open(os.environ["REPRUN_METRICS"], "a", buffering=1) as file:
    for step in range(10 ** 6):
        print(json.dumps({"step": step, "loss": random.random() if step > 1 else 1.0}), file=file)
        time.sleep(0.001)
"""
# Each run takes the next of the numbers in a file outside of the tree; the last one stays.
NOISY = """
import os, pathlib, sys
from reprun_job import log
path = pathlib.Path(sys.argv[1])
first, *rest = path.read_text().split()
path.write_text(" ".join(rest or [first]))
log(loss=1.0 + float(first), acc=0.5)
(pathlib.Path(os.environ["REPRUN_OUTPUT"]) / "model.txt").write_text(first)
"""


def test_a_deterministic_project(repo: Path, reprun: Reprun) -> None:
    (repo / "good.py").write_text(GOOD)
    (repo / "a.txt").write_text("a")
    before = fingerprint(repo / "good.py", repo / "a.txt")
    found = reprun("probe", "-n", "5", "--json", "--seed", "7", "--", "python", "good.py").data
    assert found["deterministic"] is True and (found["steps"], found["values"]) == (5, 10) and found["culprits"] == []
    first, second = (show(reprun, run_id) for run_id in found["runs"])
    assert second["manifest"]["parent"] == found["runs"][0] and second["manifest"]["seeds"] == first["manifest"]["seeds"]
    assert first["manifest"]["run"]["limit"] == {"steps": 5, "seconds": 600}
    assert (first["state"], first["outcome"]["unseeded"]) == ("finished", [])
    assert first["outcome"]["seeded"]["python"] == first["manifest"]["seeds"]["named"]["python"]
    whole = run(reprun, "--", "python", "good.py")["run_id"]
    record = show(reprun, whole)["outcome"]
    assert record["checkpoints"][0]["path"] == "{output}/m.txt" and record["data_read"][0]["path"] == "a.txt"
    assert "unseeded" not in record and "val/acc" in record["metrics"]
    said = reprun("show", whole).stdout
    assert " deterministic: probed" in said and found["runs"][0] in said and "checkpoint" in said
    assert "deterministic: probed" in reprun("reproduce", whole).stdout
    assert fingerprint(repo / "good.py", repo / "a.txt") == before


def test_one_that_is_not(repo: Path, reprun: Reprun) -> None:
    (repo / "bad.py").write_text(BAD)
    answer = reprun("probe", "-n", "9", "--json", "--", "python", "bad.py")
    found = answer.json["data"]
    assert answer.rc == 7 and found["deterministic"] is False
    assert (found["parting"]["metric"]["name"], found["parting"]["metric"]["step"]) == ("loss", 2)
    assert "random.random at bad.py:5" in found["culprits"][0]
    record = show(reprun, found["runs"][0])
    assert (record["state"], record["outcome"]["limit"], record["manifest"]["run"]["watch_randomness"]) == (
        "stopped",
        "steps",
        True,
    )
    shown = reprun("probe", "--of", found["runs"][0], "-n", "9")
    assert shown.rc == 7 and "NOT DETERMINISTIC" in shown.stdout and "they part at step 2: metric loss" in shown.stdout


def test_a_watched_launch_warns_at_its_end(repo: Path, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text("[launch]\nwatch_randomness = true\n")
    data = launch(reprun, "--", "python", "-c", "import random; print(random.random())")
    until(lambda: wait(reprun, data["run_id"])["state"] == "finished")
    assert "drew random numbers without a seed: random.random" in reprun("wait", data["run_id"]).stderr
    assert "UNSEEDED" in reprun("show", data["run_id"]).stdout
    answer = reprun(
        "launch", "--follow", "--watch-randomness", "--", "python", "-c", "import random; random.seed(1); random.random()"
    )
    assert answer.rc == 0 and "without a seed" not in answer.stderr and "every generator" in reprun("show", "@last").stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["probe"], 2, "there is no command"),
        (["probe", "--of", "@last", "--", "true"], 2, "--of names a run"),
        (["probe", "--", "true"], 7, "neither run wrote"),
        (["probe", "--", "sh", "-c", "exit 3"], 7, "is failed 3"),
        (["probe", "--of", "nowhere"], 6, "nowhere"),
        (["noise", "nowhere"], 6, "nowhere"),
        (["noise", "quiet", "--show"], 6, "was not measured"),
        (["noise", "quiet", "-n", "2"], 3, "records no metrics"),
        (["noise", "broken", "-n", "2"], 5, "repeat 1 of 2"),
        (["noise", "seeded", "--vary-seed"], 2, "stands in its config"),
    ],
)
def test_what_is_refused(repo: Path, reprun: Reprun, words: list[str], code: int, said: str) -> None:
    if words[0] == "noise" and words[1] != "nowhere":
        (repo / "c.yaml").write_text("seed: 3\n")
        more = {"quiet": ["--", "true"], "broken": ["--", "false"], "seeded": ["--config", "c.yaml", "--", "true"]}[words[1]]
        run(reprun, "--name", words[1], *more)
    answer = reprun(*words)
    assert answer.rc == code and said in answer.stdout + answer.stderr and "Traceback" not in answer.stderr, answer


def test_noise_is_measured_once_and_verdicts_go_by_it(repo: Path, tmp_path: Path, reprun: Reprun) -> None:
    (repo / "noisy.py").write_text(NOISY)
    moves = tmp_path / "moves"
    moves.write_text("0.0004 0.0007 0.0 0.0005 0.001")
    original = run(reprun, "--name", "base", "--", "python", "noisy.py", str(moves))["run_id"]
    assert reprun("reproduce", original).rc == 7
    before = fingerprint(repo, times=False).keys()
    measured = reprun("noise", "base", "-n", "3", "--json").data
    assert measured["n"] == 3 and measured["metrics"]["acc"]["deviation"] == 0.0 and measured["outputs"] == ["model.txt"]
    loss = measured["metrics"]["loss"]
    assert 1.0 <= loss["least"] <= loss["mean"] <= loss["most"] <= 1.001 and loss["tolerance"] > loss["deviation"] > 0
    assert {
        path for path in fingerprint(repo, times=False).keys() - before if "/.git/" not in path
    } == set()  # the dev tree is sacred
    moves.write_text("0")
    answer = reprun("reproduce", original)
    assert (
        answer.rc == 0 and "EQUIVALENT" in answer.stdout and "within the measured noise (n=3)" in " ".join(answer.stdout.split())
    )
    assert reprun("reproduce", original, "--tolerance", "0").rc == 7  # what is said on the command line is meant
    moves.write_text("5")
    answer = reprun("reproduce", original)
    assert answer.rc == 7 and "DRIFTED" in answer.stdout and "the measured noise (n=3)" in " ".join(answer.stdout.split())
    assert reprun("noise", "base", "--show", "--json").data == measured
    moves.write_text("0")
    assert reprun("noise", "base", "--forget", "--json").data["forgotten"] is True
    assert reprun("reproduce", original).rc == 7
    over_seeds = reprun("noise", "base", "-n", "2", "--vary-seed", "--json").data
    roots = {show(reprun, run_id)["manifest"]["seeds"]["root"] for run_id in over_seeds["runs"]}
    assert len(roots) == 2 and reprun("noise", "base", "--show").rc == 6


def test_on_another_machine(repo: Path, home: Path, reprun: Reprun, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> None:
    """reprun_job and the watch travel with the runner, and nothing of it has to be brought back to be compared."""
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host)
    (repo / "good.py").write_text(GOOD)
    found = reprun("probe", "-n", "3", "--json", "--on", "gpu1", "--", "python3", "good.py").data
    assert found["deterministic"] is True and found["values"] == 6
    assert show(reprun, found["runs"][0])["outcome"]["unseeded"] == []
    reprun("pull", "--json", found["runs"][0])
    assert (home / "pulled" / found["runs"][0] / "events.jsonl").exists()
