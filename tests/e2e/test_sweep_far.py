"""A sweep on another machine: sealed there once, queued there, stages built on each other there."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_lab import Reprun
from lab import until
from remote_lab import cut, describe, folder
from ssh_lab import SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]

SWEEP = """
template:
  train: cp train.py {_output}/model-{x}
  test: cat {_output}/model-{x}
---
x: [1, 2]
"""


def test_a_sweep_on_another_machine(repo: Path, reprun: Reprun, ssh_lab: SshLab) -> None:
    gpu1 = ssh_lab.host("gpu1")
    how = {"env": gpu1.environ}
    describe(repo, gpu1, timeout=20)
    (repo / "sweep.yaml").write_text(SWEEP)
    steps = reprun("sweep", "sweep.yaml", "--on", "gpu1", "--json", **how).data["steps"]
    assert [step["action"] for step in steps] == ["start"] * 4

    def states() -> set[str]:
        return {row["state"] for row in reprun("ls", "--json", **how).data}

    until(lambda: states() <= {"finished", "failed", "canceled", "lost"})
    assert states() == {"finished"}
    assert (folder(gpu1, steps[1]["run_id"]) / "stdout.log").read_text() == "print('training')\n"
    again = reprun("sweep", "sweep.yaml", "--on", "gpu1", "--json", **how).data["steps"]
    assert [(step["action"], step["run_id"]) for step in again] == [("skip", step["run_id"]) for step in steps]
    cut(gpu1)
    answer = reprun("sweep", "sweep.yaml", "--on", "gpu1", "--force", **how)
    assert answer.rc == 4 and "hint:" in answer.stderr
    assert len(reprun("ls", "--json", **how).data) == 4
