"""`make test` runs few failed tests once more, alone, and nothing else gets a second chance: scripts/run_tests.py."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "run_tests.py"
FLAKE = """
import os
def test_flake():
    assert os.path.exists("seen") or open("seen", "w").close()
"""
GOOD, BROKEN = "def test_good(): pass\n", "def test_broken(): assert False\n"
NINE = "import pytest\n@pytest.mark.parametrize('n', range(9))\ndef test_broken(n): assert False\n"
DEAD = FLAKE.replace("open(", "os._exit(3) or open(")


def run_tests(folder: Path, text: str, *words: str) -> tuple[int, str]:
    """The exit status and what was said of a run of tests with this text, and others that are fine."""
    (folder / "test_it.py").write_text(text)
    (folder / "test_other.py").write_text(GOOD)
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "-p", "no:cacheprovider", *(words or ("-n", "0"))],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_a_flake_passes_alone_and_is_named_last(tmp_path: Path) -> None:
    status, said = run_tests(tmp_path, FLAKE)
    assert status == 0 and "1 test failed; once more, alone" in said, said
    assert said.endswith("bugs, to be mended:\n  test_it.py::test_flake\n"), said


def test_what_fails_twice_is_broken(tmp_path: Path) -> None:
    status, said = run_tests(tmp_path, FLAKE + BROKEN)
    assert status == 1 and "2 tests failed; once more, alone" in said and "1 failed, 1 passed" in said, said
    assert said.endswith("failed beside others:\n  test_it.py::test_flake\n  test_it.py::test_broken\n"), said


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        (GOOD, (), 0),
        (NINE, (), 1),  # many
        (FLAKE + "import no_such_module\n", (), 2),  # what cannot be read
        (FLAKE, ("-n", "0", "-x"), 1),  # the rest is not known
        (DEAD, ("-n", "2", "--max-worker-restart", "1"), 1),  # a worker died
        (FLAKE, ("-n", "0", "-k", "nothing"), 5),
        (FLAKE, ("-n", "0", "--no-such-option"), 4),
    ],
)
def test_all_else_counts_at_once(tmp_path: Path, text: str, words: tuple[str, ...], expected: int) -> None:
    status, said = run_tests(tmp_path, text, *words)
    assert status == expected and "once more" not in said, said
