"""What every preflight check must do: find nothing in a launch that is fine, and say what to do about one that is not."""

from __future__ import annotations

from typing import Any

import pytest

from reprun.core.seeds import Seeds
from reprun.core.spec import RunSpec
from reprun.preflight import clearing
from reprun.preflight.base import Check, Finding
from reprun.preflight.disk import DiskCheck
from reprun.preflight.gpus import GpuCheck
from reprun.preflight.program import ProgramCheck

GPU = {"index": 0, "name": "Test", "uuid": "GPU-1234", "memory": 1, "driver": "1"}
FINE: dict[str, Any] = {"program": "/bin/true", "gpus": [GPU], "free_bytes": 1 << 40, "run_dir": "/runs/x"}
# Each check with a change of the request or the answer that it must find.
WRONG = [
    (ProgramCheck(), {}, {"program": ""}),
    (GpuCheck(), {"gpus": "7"}, {}),
    (GpuCheck(), {"gpus": "0"}, {"gpus": []}),
    (DiskCheck(), {}, {"free_bytes": 0}),
]
CHECKS = list({check.name: check for check, _, _ in WRONG}.values())


def spec(**changes: Any) -> RunSpec:
    return RunSpec(**{"argv": ("true",), "cwd": "", "seeds": Seeds(1, "option"), "gpus": "0", **changes})


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_nothing_is_found_where_nothing_is_wrong(check: Check) -> None:
    assert check.findings(spec(), FINE) == []
    assert check.findings(spec(gpus="none"), {**FINE, "gpus": []}) == []


@pytest.mark.parametrize(("check", "asked", "answered"), WRONG, ids=lambda value: getattr(value, "name", None))
def test_what_is_wrong_is_found_and_can_be_mended(check: Check, asked: dict[str, Any], answered: dict[str, Any]) -> None:
    found = check.findings(spec(**asked), {**FINE, **answered})
    assert len(found) == 1 and isinstance(found[0], Finding)
    assert found[0].check == check.name and found[0].message and found[0].hint and "\n" not in found[0].message


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_target_that_says_less_is_no_crash(check: Check) -> None:
    assert isinstance(check.findings(spec(gpus=""), {"program": "/bin/true"}), list)


def test_every_check_that_runs_is_held_here() -> None:
    assert {check.name for check in clearing.CHECKS} == {check.name for check in CHECKS}
