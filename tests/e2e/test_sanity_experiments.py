"""`reprun sanity`: experiments whose result is known, one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_lab import Reprun, says_nicely, show

pytestmark = pytest.mark.e2e
JOB = """
import os, pathlib, sys
from reprun_job import checkpoint, log
before = pathlib.Path(os.environ.get("REPRUN_AFTER", "/nowhere"), "c").exists()
for step in range(10 ** 6):
    log(step=step, acc=step / 10, resumed=before)
    path = pathlib.Path(os.environ["REPRUN_OUTPUT"], "c")
    path.write_text("x")
    checkpoint(path)
"""
SETTINGS = """
[sanity.resume]
command = ["python", "job.py"]
after = "steps"
steps = 3
metric = "acc"
pass = "0.2 .. 0.2"
[sanity.steps]
command = ["python", "job.py"]
steps = 2
checkpoint = true
[sanity.broken]
command = ["sh", "-c", "exit 3"]
[sanity.later]
command = ["true"]
after = "broken"
"""


def test_the_table_and_the_order(repo: Path, reprun: Reprun) -> None:
    (repo / "job.py").write_text(JOB)
    (repo / "reprun.toml").write_text(SETTINGS)
    found = reprun("sanity", "resume", "--json").data
    assert [(item["name"], item["passed"]) for item in found] == [("steps", True), ("resume", True)]
    resumed = show(reprun, found[1]["run_id"])
    assert resumed["manifest"]["variables"]["values"]["REPRUN_AFTER"].endswith(f"{found[0]['run_id']}/output")
    assert resumed["manifest"]["run"]["limit"] == {"seconds": 600, "steps": 3} and resumed["state"] == "finished"
    answer = reprun("sanity", "later")
    assert answer.rc == 3 and "FAILED" in answer.stdout and "the run is failed" in answer.stdout
    assert "not run: broken did not pass" in answer.stdout and "reprun logs" in answer.stderr


def test_what_is_refused_starts_nothing(repo: Path, reprun: Reprun) -> None:
    for settings, words, said in (
        ("", (), "declares no sanity experiment"),
        (SETTINGS, ("over",), "there is no sanity experiment 'over'"),
        ('[sanity.a]\ncommand = ["x"]\nafter = "a"', (), "comes after itself"),
        ('[sanity.a]\ncommand = ["x"]\nafter = "b"', (), "there is no sanity experiment 'b'"),
        ('[sanity.a]\ncommand = ["x"]\n[sanity.b]\ncommand = ["{nothing}"]', (), "nothing"),
    ):
        (repo / "reprun.toml").write_text(settings)
        answer = reprun("sanity", *words)
        assert answer.rc == 2 and says_nicely(answer) and said in answer.stderr, answer
    assert reprun("ls", "--json").data == []
