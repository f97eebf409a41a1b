"""An adaptive search over real runs: pass by pass, killed in the middle of one, its study lost; each trial is run once."""

import os
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from lab import REPRUN, until

pytestmark = pytest.mark.e2e

SWEEP = """
template:
  train: 'echo {x} > {_output}/x'
  test: 'python3 job.py {_output}/x'
search: {sampler: tpe, trials: 8, metric: loss, direction: min, parallel: 4, startup: 4}
---
x: {from: 0, to: 1}
"""
JOB = """
import json, os, sys
with open(sys.argv[1]) as file, open(os.environ["REPRUN_METRICS"], "a") as metrics:
    metrics.write(json.dumps({"loss": (float(file.read()) - 0.3) ** 2}) + "\\n")
"""


def studies(repo: Path) -> Path:
    return repo / ".git/reprun/sweeps/studies"


def test_a_search_finds_the_optimum_and_no_kill_makes_it_run_a_trial_twice(repo, reprun):
    optuna = pytest.importorskip("optuna")
    (repo / "sweep.yaml").write_text(SWEEP)
    (repo / "job.py").write_text(JOB)

    def log() -> dict:
        return reprun("sweep", "log", "sweep.yaml", "--json").data

    def sweep() -> dict:
        """How the search stands when its keeper has ended, or was not needed."""
        reprun("sweep", "sweep.yaml", "--json")
        until(lambda: log()["state"] == "over: done")
        data = reprun("sweep", "sweep.yaml", "--json").data
        return {**data["search"]["studies"][0], "started": sum(step["action"] == "start" for step in data["steps"])}

    shown = reprun("sweep", "sweep.yaml", "--dry-run")
    assert "8 trials, sampler tpe for loss (min)" in shown.stdout
    assert "4 are known" in shown.stdout
    assert not studies(repo).exists()

    killed = subprocess.Popen(
        [REPRUN, "sweep", "sweep.yaml"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until(lambda: any(studies(repo).glob("*.json")))
    os.killpg(killed.pid, signal.SIGKILL)  # trials are asked for, and nothing is queued yet
    killed.wait()
    reprun("sweep", "sweep.yaml", "--json")
    until(lambda: len(reprun("ls", "--json").data) > 8 or log()["state"] == "over: done")
    keeper = next((line.rpartition(" ")[2] for line in log()["lines"] if "the keeper begins" in line), "")
    with suppress(ProcessLookupError):
        os.kill(int(keeper), signal.SIGKILL)
    found = sweep()
    assert (found["asked"], found["complete"], found["running"], found["started"]) == (8, 8, 0, 0)
    assert abs(found["best"]["chosen"]["x"] - 0.3) < 0.15
    assert len(reprun("ls", "--json").data) == 16

    journal = Path(reprun("sweep", "sweep.yaml", "--dry-run", "--json").data["search"]["journal"])
    shutil.rmtree(studies(repo))
    assert sweep()["started"] == 0
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(journal)))
    study = optuna.load_study(study_name=found["study"], storage=storage)
    assert [trial.user_attrs["trial"] for trial in study.trials] == list(range(8))
    assert study.best_value == found["best"]["value"]
    assert f"trial {found['best']['trial']}" in reprun("sweep", "summary", "sweep.yaml").stdout

    (repo / "sweep.yaml").write_text(SWEEP.replace("trials: 8", "trials: 9"))
    assert sweep()["asked"] == 9
    assert len(reprun("ls", "--json").data) == 18  # both stages of the one that was missing
