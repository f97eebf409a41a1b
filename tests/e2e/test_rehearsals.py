"""What is run before a launch: sanity experiments before long jobs, the determinism probe; and the time that a target gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, fingerprint, run, says_nicely, show
from far_lab import open_far

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
JOB = """
import os, random, sys
from reprun_job import log
open(os.path.join(sys.argv[2], "here"), "a").write("x")
for step in range(5):
    log(step=step, acc=step / 5 if sys.argv[1] == "learns" else 0.1, dice=random.random())
"""
SETTINGS = """
[preflight]
determinism = { steps = 3 }
[verdict]
ignore = ["dice"]
[sanity.overfit]
command = ["python", "job.py", "learns", "."]
metric = "acc"
pass = "> 0.5"
before = "2h"
[targets.short]
host = "local"
time_limit = "1h"
"""


def runs(reprun: Reprun) -> list[dict[str, Any]]:
    return list(reversed(reprun("ls", "--json").data))


def test_before_a_long_job(repo: Path, tmp_path: Path, reprun: Reprun) -> None:
    (repo / "job.py").write_text(JOB)
    (repo / "reprun.toml").write_text(SETTINGS.replace('"learns", "."', f'"learns", "{tmp_path}"'))
    (repo / "sub").mkdir()
    (repo / "sub" / "a").write_text("")
    before = fingerprint(repo, times=False)
    words = ("--", "python", "../job.py", "learns", str(tmp_path))
    plan = reprun("launch", "--dry-run", "--time", "2h", *words, cwd=repo / "sub")
    assert "before it  overfit" in plan.stdout and runs(reprun) == []
    looked = reprun("preflight", "--time", "2h", "--json", *words, cwd=repo / "sub").data
    status = {check["check"]: check["status"] for check in looked["checks"]}
    assert looked["cleared"] and (status["sanity"], status["determinism"]) == ("warn", "warn") and runs(reprun) == []
    first = run(reprun, "--time", "2h", *words, cwd=repo / "sub")["run_id"]
    done = runs(reprun)
    assert [row["why"].split(" before")[0] for row in done] == ["", "sanity: overfit", *["determinism probe"] * 2]
    assert done[0]["run_id"] == first and len({row["commit"] for row in done}) == 1
    manifest = show(reprun, first)["manifest"]
    assert {"sanity", "determinism"} <= set(manifest["run"]["preflight"])
    assert manifest["preflight"]["sanity"] == {"overfit": done[1]["run_id"]}
    marked = manifest["preflight"]["determinism"]
    assert marked["deterministic"] is True and marked["runs"] == [row["run_id"] for row in done[2:]]
    assert "deterministic: probed" in reprun("show", first).stdout
    second = run(reprun, "--time", "2h", *words, cwd=repo / "sub")["run_id"]  # known by now
    assert show(reprun, second)["manifest"]["preflight"] == manifest["preflight"] and len(runs(reprun)) == len(done) + 1
    assert {path for path in fingerprint(repo, times=False).keys() - before.keys() if "/.git/" not in path} == set()


def test_what_does_not_pass_refuses_and_starts_nothing(repo: Path, tmp_path: Path, reprun: Reprun) -> None:
    (repo / "job.py").write_text(JOB)
    (repo / "reprun.toml").write_text(SETTINGS.replace('"learns", "."', f'"no", "{tmp_path}"'))
    job = ("--", "python", "job.py", "job", str(tmp_path / "job"))
    (tmp_path / "job").mkdir()
    answer = reprun("launch", "--time", "3h", *job)
    (only,) = runs(reprun)
    assert answer.rc == 3 and says_nicely(answer) and "the sanity experiment overfit did not pass: acc = 0.1" in answer.stderr
    assert f"reprun logs {only['run_id']}" in answer.stderr and not (tmp_path / "job" / "here").exists()
    answer = reprun("launch", "--preflight", "full", *job)  # whatever it takes; and what has not passed is tried again
    assert answer.rc == 3 and len(runs(reprun)) == 2
    assert run(reprun, "--time", "1h", "--preflight", "off", *job)["run_id"]
    answer = reprun("launch", "--time", "3h", "--on", "short", *job)
    assert answer.rc == 3 and says_nicely(answer) and "short ends it after 1 h 00 min" in answer.stderr and len(runs(reprun)) == 3


def test_long_is_what_took_long_before(repo: Path, reprun: Reprun) -> None:
    settings = '[sanity.late]\ncommand = ["false"]\nbefore = "1s"\n[targets.short]\nhost = "local"\ntime_limit = "1s"\n'
    (repo / "reprun.toml").write_text(settings)
    job = ("--", "sleep", "1.7")
    answer = reprun("launch", "--follow", *job)
    assert answer.rc == 0 and "how long this takes is not known yet, so late was not tried" in answer.stderr
    answer = reprun("launch", *job)
    assert answer.rc == 3 and "the sanity experiment late did not pass: the run is failed" in answer.stderr
    answer = reprun("preflight", "--json", "--on", "short", *job)
    assert [(one["check"], one["severity"]) for one in answer.data["findings"]] == [("time", "warn"), ("sanity", "warn")]


@pytest.mark.parametrize(
    "text",
    [
        '[sanity.a]\ncommand = ["true"]\nbefore = "soon"\n', "[preflight]\nduration = -1\n", "[preflight]\ndeterminism = 1\n",
        "[preflight]\ndeterminism = { steps = 0 }\n", '[targets.a]\nhost = "local"\ntime_limit = []\n',
    ],
)  # fmt: skip
def test_settings_that_are_wrong(repo: Path, reprun: Reprun, text: str) -> None:
    (repo / "reprun.toml").write_text(text)
    answer = reprun("launch", "--", "true")
    assert answer.rc == 2 and says_nicely(answer) and "reprun.toml" in answer.stderr, answer


@pytest.mark.needs("sshd")
def test_on_another_machine() -> None:
    """Nothing is sent ahead of what has to pass first."""
    with open_far() as far:
        far.describe(timeout=60)
        (far.repo / "job.py").write_text("from reprun_job import log\nlog(step=0, acc=1)\n")
        bound = '[sanity.fine]\ncommand = ["python3", "job.py"]\nmetric = "acc"\npass = "> 0.5"\nbefore = "1s"\n'
        settings = far.repo / "reprun.toml"
        settings.write_text((settings.read_text() if settings.exists() else "") + bound)
        job = ("--time", "1h", "--", "python3", "job.py")
        far.call("launch", "--json", "--on", far.name, "--", *job[3:]).data  # noqa: B018  # what the next one could be sent ahead by
        answer = far.call("launch", "--json", "--on", far.name, *job)
        manifest = far.call("show", "--json", answer.data["run_id"]).data["manifest"]
        assert list(manifest["preflight"]["sanity"]) == ["fine"]
        settings.write_text(settings.read_text().replace("> 0.5", "> 1.5"))
        answer = far.call("launch", "--json", "--on", far.name, *job)
        assert answer.rc == 3 and "the sanity experiment fine did not pass" in answer.json["error"]["message"]
