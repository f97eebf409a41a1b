"""Whether a machine's virtual package is what a package needs."""

from __future__ import annotations

import pytest

from reprun.env.versions import satisfies


@pytest.mark.parametrize(
    ("version", "spec", "fits"),
    [
        ("2.36", "", True), ("2.36", "*", True), (None, "", False), (None, ">=2.17", False),
        ("2.36", ">=2.17,<3.0.a0", True), ("2.5", ">=2.17,<3.0.a0", False), ("3.0", ">=2.17,<3.0.a0", False),
        ("2.17", ">=2.17", True), ("2.17.0", "<=2.17", True), ("2.17", ">2.17", False), ("2.17", "!=2.17", False),
        ("12.4", "12.*", True), ("12.4", "=12", True), ("120.4", "12.*", False), ("13.0", "11.*|12.*", False),
        ("12.4", "11.*|12.*", True), ("12.4", "==12.4", True), ("12.4", "!=12.*", False), ("12.4", ">=12 cuda*", True),
        ("zen2", "1", True), ("x86_64_v3", "x86_64_v3", True),
    ],
)  # fmt: skip
def test_what_fits(version: str | None, spec: str, fits: bool) -> None:
    assert satisfies(version, spec) is fits
