"""What a keeper works from, read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reprun.commands.sweep_pin import Pin, find_pin

PIN = Pin("s.yaml", {"file": "s.yaml", "stages": ["train"]}, "", "text", "time", "since", "at")


def test_a_pin_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "pin.json").write_text(json.dumps({"version": 1, **vars(PIN)}))
    assert find_pin(str(tmp_path)) == PIN and PIN.what().stages == ("train",)


@pytest.mark.parametrize(
    "change", [{"options": {"file": "s.yaml", "of_a_later_version": 1}}, {"options": []}, {"options": None}, {"newer": 1}]
)
def test_one_that_cannot_be_understood_is_as_good_as_none(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "pin.json").write_text(json.dumps({"version": 1, **vars(PIN), **change}))
    assert find_pin(str(tmp_path)) is None
