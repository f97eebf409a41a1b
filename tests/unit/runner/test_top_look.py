"""What is read of a running job and of nvidia-smi."""

from __future__ import annotations

import os
import time
from pathlib import Path

from reprun.runner.paths import RunDir
from reprun.runner.top import last_metrics, look_at, parse_use


def test_the_last_values_of_each_metric() -> None:
    lines = b'{"step": 1, "loss": 3}\nnoise\n{"loss": 2, "eval": {"acc": 0.5}}\n[1]\n{"loss": NaN}\n{"loss": 1'
    assert last_metrics(lines) == {"loss": [3, 2, "NaN"], "eval/acc": [0.5]}
    assert len(last_metrics(b'{"loss": 1}\n' * 500)["loss"]) == 40


def test_a_run_says_how_far_it_is(tmp_path: Path) -> None:
    run = RunDir(str(tmp_path))
    Path(run.started).write_text('{"started": %f}' % (time.time() - 30))
    Path(run.metrics).write_text("x" * 100_000 + '\n{"progress": 0.25, "loss": 1}\n')
    found = look_at(run)
    assert found["progress"] == 0.25 and found["metrics"] == {"loss": [1]} and found["seconds"] >= 30
    Path(run.metrics).write_text('{"progress": 25}\n')
    Path(run.started).write_text("{")
    assert look_at(run) == {"seconds": 0.0, "metrics": {}}


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    run = RunDir(str(tmp_path))
    os.mkfifo(run.metrics)
    assert look_at(run)["metrics"] == {}
    os.unlink(run.metrics)
    os.mkdir(run.metrics)
    assert look_at(run)["metrics"] == {}


def test_the_table_of_nvidia_smi() -> None:
    text = "0, GPU-a, NVIDIA H200, 93, 2048, 143771\n1, GPU-b, MIG, [N/A], [N/A], 1\nNo devices were found\n"
    assert parse_use(text) == [
        {"index": 0, "uuid": "GPU-a", "name": "NVIDIA H200", "use": 93, "used": 2048, "memory": 143771},
        {"index": 1, "uuid": "GPU-b", "name": "MIG", "use": None, "used": None, "memory": 1},
    ]
