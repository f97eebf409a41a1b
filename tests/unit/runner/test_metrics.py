"""Metrics from JSON lines: whatever a job writes there, reading them ends, in bounded memory, with what could be understood."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reprun.runner.metrics import MAX_LINE, MAX_METRICS, read_metrics


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def read(path: Path, text: str | bytes) -> tuple[dict[str, dict[str, Any]], int]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_metrics(str(path))


def test_last_min_max_and_count(path: Path) -> None:
    metrics, skipped = read(path, '{"loss": 2, "step": 1}\n{"loss": 0.5, "step": 2}\n{"loss": 1, "acc": 0.9, "epoch": 3}\n')
    assert metrics == {
        "loss": {"last": 1, "min": 0.5, "max": 2, "count": 3},
        "acc": {"last": 0.9, "min": 0.9, "max": 0.9, "count": 1},
    }
    assert skipped == 0


def test_nested_ones_have_a_path(path: Path) -> None:
    metrics, _ = read(path, '{"val": {"loss": 1, "top": {"5": 0.9}, "step": 7}, "step": {"x": 1}}\n')
    assert set(metrics) == {"val/loss", "val/top/5", "val/step", "step/x"}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_no_number_is_a_word_that_json_can_hold(path: Path, text: str) -> None:
    metrics, skipped = read(path, f'{{"loss": {text}}}\n')
    word = {"1e999": "Infinity", "-1e999": "-Infinity"}.get(text, text)
    assert metrics["loss"] == {"last": word, "min": word, "max": word, "count": 1} and skipped == 0
    json.dumps(metrics, allow_nan=False)


def test_a_nan_stays_visible(path: Path) -> None:
    metrics, _ = read(path, '{"loss": 1}\n{"loss": NaN}\n{"loss": 2}\n')
    assert metrics["loss"] == {"last": 2, "min": "NaN", "max": "NaN", "count": 3}


@pytest.mark.parametrize(
    "line",
    [
        b"noise", b"{", b"[1, 2]", b"7", b'"loss"', b"null", b'{"loss": 1', b'{"loss": 1} {"loss": 2}', b"\xff\xfe{}", b"{'a'}",
        b"[" * 100_000, b'{"a":' * 100_000, b'{"a": ' + b"9" * 5000 + b"}", b"\x00",
    ],
    ids=lambda line: repr(line[:12]),
)  # fmt: skip
def test_a_bad_line_is_counted_and_passed_over(path: Path, line: bytes) -> None:
    metrics, skipped = read(path, b'{"loss": 1}\n' + line + b'\n\n  \n{"loss": 3}')
    assert metrics["loss"] == {"last": 3, "min": 1, "max": 3, "count": 2}
    assert skipped == 1


def test_what_is_no_number_is_no_metric(path: Path) -> None:
    metrics, skipped = read(path, '{"a": "1", "b": true, "c": null, "d": [1], "e": {}, "f": 1}\n')
    assert (set(metrics), skipped) == ({"f"}, 0)


def test_a_torn_last_line_is_skipped(path: Path) -> None:
    metrics, skipped = read(path, '{"loss": 1}\n{"loss": 0.')
    assert (metrics["loss"]["count"], skipped) == (1, 1)


def test_no_file_and_no_lines(path: Path, tmp_path: Path) -> None:
    assert read_metrics(str(path)) == ({}, 0)
    assert read_metrics(str(tmp_path)) == ({}, 0)
    assert read(path, "") == ({}, 0)


def test_names_without_end_are_bounded(path: Path) -> None:
    metrics, _ = read(path, "".join(f'{{"metric{number}": 1}}\n' for number in range(MAX_METRICS + 500)))
    assert len(metrics) == MAX_METRICS


def test_many_lines_take_little_memory(path: Path) -> None:
    with path.open("wb") as file:
        for _ in range(200):
            file.write(b'{"loss": 0.25, "step": 1}\n' * 1000)
        file.write(b'{"loss": 1, "junk": "' + b"x" * (MAX_LINE * 20) + b'"}\n')
    code = (
        "import json, resource, sys\n"
        "from reprun.runner.metrics import read_metrics\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "answer = read_metrics(sys.argv[1])\n"
        "print(json.dumps([*answer, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=True)
    metrics, skipped, grown = json.loads(done.stdout)
    assert metrics["loss"]["count"] == 200_000
    assert skipped >= 1
    assert grown << 10 < 16 * MAX_LINE


@settings(max_examples=200)
@given(st.lists(st.floats() | st.integers(-(10**30), 10**30), min_size=1))
def test_it_agrees_with_python(values: list[float]) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as file:
        file.writelines(json.dumps({"x": value}) + "\n" for value in values)
        file.flush()
        metrics, skipped = read_metrics(file.name)
    plain = [value for value in values if value == value]
    assert skipped == 0 and metrics["x"]["count"] == len(values)
    if len(plain) == len(values) and all(math.isfinite(value) for value in values):
        assert metrics["x"] == {"last": values[-1], "min": min(values), "max": max(values), "count": len(values)}
