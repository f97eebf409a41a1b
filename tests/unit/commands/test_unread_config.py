"""A config that nothing reads is noticed; where it cannot be known, nothing is said."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from reprun.commands.unread_config import find_unread


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python deaf.py", "deaf.py"),
        ("python -m pkg.deaf --lr 1", "pkg/deaf.py"),
        ("python -m pkg", "pkg/__main__.py"),
        ("python deaf.py --seed {seed} --out {output}", "deaf.py"),
        ("python deaf.py {config}", ""),
        ("python deaf.py --lr {lr}", ""),
        ("sh -c 'python deaf.py $REPRUN_CONFIG'", ""),
        ("python reads.py", ""),
        ("python other/place.py", ""),
        ("true", ""),
    ],
)
def test_what_reads_the_config(tmp_path: Path, command: str, found: str) -> None:
    (tmp_path / "pkg").mkdir()
    for name in ("deaf.py", "pkg/deaf.py", "pkg/__main__.py"):
        (tmp_path / name).write_text("print(1)\n")
    (tmp_path / "reads.py").write_text('import os\nopen(os.environ["REPRUN_CONFIG"])\n')
    assert find_unread(shlex.split(command), str(tmp_path)) == found
    assert find_unread(["python", "a\0.py"], str(tmp_path)) == ""
