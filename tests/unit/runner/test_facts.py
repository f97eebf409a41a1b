"""What nvidia-smi prints, read without faith in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reprun.runner.facts import ask_gpus, host_facts, parse_gpus, read_gpus

LINE = "0, NVIDIA H200, GPU-8f2c1a7e-0000-1111-2222-333344445555, 143771, 550.54.15\n"
GPU = {
    "index": 0,
    "name": "NVIDIA H200",
    "uuid": "GPU-8f2c1a7e-0000-1111-2222-333344445555",
    "memory": 143771,
    "driver": "550.54.15",
}


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        (LINE, [GPU]),
        (LINE + LINE.replace("0,", "1,", 1), [GPU, {**GPU, "index": 1}]),
        (LINE.replace("143771", "[N/A]"), [{**GPU, "memory": 0}]),
        (LINE.replace("\n", "\r\n"), [GPU]),
        ("", []),
        ("No devices were found\n", []),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver, a, b, c, d\n", []),
        ("0, short\n", []),
        ("²" + LINE[1:], []),
    ],
)
def test_the_table(text: str, gpus: list[dict[str, object]]) -> None:
    assert parse_gpus(text) == gpus


@pytest.mark.parametrize(
    ("script", "count"),
    [(f"printf '{LINE}'", 1), ("echo broken; exit 9", 0), (f"printf '{LINE}'; exit 15", 0), ("printf '\\377\\n'", 0)],
)
def test_the_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, count: int) -> None:
    program = tmp_path / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert len(read_gpus(ask_gpus())) == count


def test_a_machine_without_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_gpus(ask_gpus()) == []


def test_the_host() -> None:
    facts = host_facts()
    assert facts["hostname"] == os.uname().nodename
    assert facts["cpus"] == len(os.sched_getaffinity(0)) and facts["memory"] > 1 << 20
    assert all(isinstance(facts[name], str) for name in ("machine_id", "os", "kernel", "arch", "cpu", "runner_python"))
