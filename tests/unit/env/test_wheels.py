"""Which wheel fits which Python: by tags that are computed for another machine, and for this one are what the library says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.tags import sys_tags
from python_lab import a_python

from reprun.env.wheels import Wheel, choose_wheel, may_fit, tags_of
from reprun.runner.paths import Home
from reprun.runner.pythons import find_pythons


def wheels(*files: str) -> list[Wheel]:
    return [Wheel(file, f"https://host/{file}", "0" * 64) for file in files]


def best(python: dict[str, object], *files: str) -> str:
    ranks = {tag: rank for rank, tag in reversed(list(enumerate(tags_of(python))))}
    chosen = choose_wheel(wheels(*files), ranks)
    return chosen.file if chosen else ""


def test_the_tags_of_this_python_are_those_that_packaging_finds(tmp_path: Path) -> None:
    here = ".".join(map(str, sys.version_info[:3]))
    python = next(one for one in find_pythons(Home(str(tmp_path))) if one["markers"]["python_full_version"] == here)
    assert tags_of(python) == [str(tag) for tag in sys_tags()]


MANY = (
    "numpy-1.26.4-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
    "numpy-1.26.4-cp311-cp311-manylinux_2_34_x86_64.whl",
    "numpy-1.26.4-cp311-cp311-macosx_11_0_arm64.whl",
    "numpy-1.26.4-cp312-cp312-manylinux2014_x86_64.whl",
    "numpy-1.26.4-cp311-cp311-manylinux2014_aarch64.whl",
)


@pytest.mark.parametrize(
    ("python", "files", "wanted"),
    [
        (a_python(), MANY, MANY[0]),
        (a_python(glibc="2.36"), MANY, MANY[1]),
        (a_python(glibc="2.12"), MANY, ""),
        (a_python(glibc=""), MANY, ""),  # musl
        (a_python("3.12.1"), MANY, MANY[3]),
        (a_python(machine="aarch64"), MANY, MANY[4]),
        (a_python(), ("x-1-py3-none-any.whl", "x-1-2-py3-none-any.whl", "x-1-10-py3-none-any.whl"), "x-1-10-py3-none-any.whl"),
        (a_python(), ("x-1-cp38-abi3-manylinux1_x86_64.whl", "x-1-py2-none-any.whl"), "x-1-cp38-abi3-manylinux1_x86_64.whl"),
        (a_python("3.13.0", soabi="cpython-313t-x86_64-linux-gnu"), ("x-1-cp313-cp313-linux_x86_64.whl",), ""),
        (a_python(), ("x-1.tar.gz", "nonsense.whl", "../x-1-py3-none-any.whl/y"), ""),
    ],
)
def test_the_best_wheel_that_fits(python: dict[str, object], files: tuple[str, ...], wanted: str) -> None:
    assert best(python, *files) == wanted


def test_wheels_of_other_pythons_are_told_from_those_of_other_machines() -> None:
    fits = [file for file in (*MANY, "x-1-py2.py3-none-any.whl", "x-1-cp38-abi3-win_amd64.whl") if may_fit(file, (3, 11))]
    assert fits == [MANY[0], MANY[1], MANY[2], MANY[4], "x-1-py2.py3-none-any.whl", "x-1-cp38-abi3-win_amd64.whl"]
