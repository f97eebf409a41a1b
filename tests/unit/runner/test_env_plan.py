"""A plan comes from a lock, and that may come from a stranger: what could mean something else to pip is refused."""

from __future__ import annotations

from typing import Any

import pytest

from reprun.runner.env_plan import check_plan
from reprun.runner.errors import RunnerError

GOOD = {
    "manager": "pip",
    "name": "dial",
    "version": "1.0+cpu",
    "file": "dial-1.0-py3-none-any.whl",
    "sha256": "a" * 64,
    "md5": "",
}


def plan(**more: Any) -> dict[str, Any]:
    return {"digest": "0" * 64, "platform": "linux-64", "python": {"version": "3.11.7"}, "packages": [{**GOOD, **more}]}


def test_a_plan_for_a_virtual_environment() -> None:
    check_plan(plan())


@pytest.mark.parametrize(
    "more",
    [
        {"name": "x\n--index-url https://evil"}, {"name": "-e ."}, {"version": "1 --config-settings=x"}, {"version": ""},
        {"file": "../x.whl"}, {"sha256": ""}, {"manager": "conda", "file": "x-1-0.conda"},
    ],
)  # fmt: skip
def test_what_is_no_package_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(RunnerError):
        check_plan(plan(**more))
