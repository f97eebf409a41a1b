"""The level of a processor by its flags."""

from __future__ import annotations

from pathlib import Path

import pytest

from reprun.runner.virtual import flags, level

V2 = "fpu cx16 lahf_lm popcnt sse4_1 sse4_2 ssse3"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma abm movbe xsave"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize(
    ("able", "name"),
    [("fpu", "x86_64"), (V2, "x86_64_v2"), (V3, "x86_64_v3"), (V4, "x86_64_v4"), (V4.replace(" fma", ""), "x86_64_v2")],
)
def test_a_level_needs_all_below_it(able: str, name: str) -> None:
    assert level(set(able.split())) == name


def test_the_flags_of_the_first_processor(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    path.write_text(f"processor\t: 0\nflags\t\t: {V2}\nbugs\t\t:\n\nprocessor\t: 1\nflags\t\t: none\n" * 100)
    assert flags(str(path)) == set(V2.split())
    assert flags(str(tmp_path / "missing")) == set()
