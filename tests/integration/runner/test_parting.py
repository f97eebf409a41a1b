"""Where two runs part, told by the host where both lie."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reprun.runner.main import handle
from reprun.runner.paths import Home


class Two:
    """The folders of two runs that have ended."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runs = [Home(str(root)).run(name) for name in ("one", "two")]
        for run in self.runs:
            Path(run.output).mkdir(parents=True)

    def metrics(self, *texts: str) -> None:
        for run, text in zip(self.runs, texts, strict=True):
            Path(run.metrics).write_text(text)

    def part(self, steps: int | None = None, **more: Any) -> dict[str, Any]:
        for run in self.runs:
            files = sorted(path for path in Path(run.output).rglob("*") if path.is_file())
            outputs = [{"path": path.name, "size": path.stat().st_size, "sha256": path.read_text()[:9]} for path in files]
            end = {
                "state": more.get("state", "finished"),
                "outputs": outputs,
                **({"limit": more["limit"]} if "limit" in more else {}),
            }
            Path(run.outcome).write_text(json.dumps(end))
        request = {"op": "part", "home": str(self.root), "old": "one", "new": "two", "steps": steps}
        return handle({**request, "ignore": more.get("ignore", [])})


@pytest.fixture
def two(tmp_path: Path) -> Two:
    return Two(tmp_path)


def line(step: int, **values: Any) -> str:
    return json.dumps({"step": step, **values}) + "\n"


def test_the_first_value_that_differs(two: Two) -> None:
    first = line(0, a=1.0, b=2) + line(1, a=1.5) + line(1, b=3) + line(2, a=2.0, b=4, time=7)
    second = line(0, a=1.0, b=2) + line(1, b=3) + line(1, a=1.5) + line(2, a=2.1, b=5, time=8)
    two.metrics(first, second)
    found = two.part()
    assert found["metric"] == {"name": "a", "number": 3, "step": 2, "old": 2.0, "new": 2.1}
    assert found["metrics"] == ["a", "b"] and (found["steps"], found["values"]) == (3, 6)
    assert "metric" not in two.part(steps=2) and two.part(steps=2)["values"] == 4
    assert "metric" not in two.part(ignore=["a", "b"])


def test_nan_is_nan_and_the_last_bit_counts(two: Two) -> None:
    two.metrics(line(0, a=float("nan"), b=0.1), line(0, a=float("nan"), b=0.1))
    assert "metric" not in two.part()
    two.metrics(line(0, b=0.1), line(0, b=0.1 + 2**-56))
    assert two.part()["metric"]["new"] == 0.10000000000000002
    two.metrics(line(0, b=float("nan")), line(0, b=1))
    assert two.part()["metric"]["old"] == "NaN"


def test_values_that_one_lacks(two: Two) -> None:
    """They count, except where a time limit has cut the longer one off somewhere."""
    two.metrics(line(0, a=1) + line(1, a=2), line(0, a=1))
    assert two.part()["metric"] == {"name": "a", "number": 2, "step": 1, "old": 2, "new": None}
    assert "metric" not in two.part(state="stopped", limit="seconds")
    two.metrics("", "garbage\n[1]\n" + line(0, a=1))
    assert two.part()["metric"]["old"] is None
    for run in two.runs:
        Path(run.metrics).unlink()
    assert two.part()["values"] == 0


def test_the_first_byte_of_an_output(two: Two) -> None:
    for run, texts in zip(
        two.runs, (("same", "abcd", "x" * (1 << 20) + "1"), ("same", "abXd", "x" * (1 << 20) + "12")), strict=True
    ):
        for name, text in zip(("s", "m", "long"), texts, strict=True):
            Path(run.output, name).write_text(text)
    Path(two.runs[1].output, "new").write_text("n")
    found = two.part()
    assert found["compared"] == 3 and found["outputs_more"] == 0
    assert [(item["path"], item.get("offset"), item.get("only")) for item in found["outputs"]] == [
        ("long", (1 << 20) + 1, None), ("m", 2, None), ("new", None, "new"),
    ]  # fmt: skip
    assert two.part(ignore=["*"])["outputs"] == []
    assert "outputs" not in two.part(state="stopped")  # a job that was ended has half of its files
