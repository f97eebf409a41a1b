"""Checks of other people's packages: a wheel that is installed, and named in reprun.toml."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_lab import Reprun, says_nicely
from wheel_lab import write_wheel

pytestmark = pytest.mark.e2e
CHECKS = """
from reprun.preflight.base import Finding

class Memory:
    name = "memory"
    def findings(self, spec, prepared):
        print("this is not the answer")
        least = 1 << 60 if "big" in spec.argv else 1
        return [] if prepared["host"]["memory"] >= least else [Finding(self.name, "too little\\nmemory", "another --on")]

class Broken:
    def findings(self, spec, prepared):
        raise SystemExit("no")
"""
POINTS = "\n[reprun.preflight_checks]\nmemory = memory_check:Memory\nbroken = memory_check:Broken\ngone = nowhere:Check\n"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `pip install` leaves it, in a folder on the path of Python."""
    wheel = write_wheel(tmp_path / "wheels", "memory_check", "1.0", CHECKS, script="memory_check:Memory" + POINTS)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", str(tmp_path / "site")]
    subprocess.run([*pip, str(wheel.path)], check=True, capture_output=True)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site") + os.pathsep + os.environ.get("PYTHONPATH", ""))


@pytest.mark.usefixtures("installed")
def test_a_check_of_an_installed_package(repo: Path, reprun: Reprun) -> None:
    def checks(*words: str) -> dict[str, str]:
        data = reprun("preflight", "--json", "--", *words).json["data"]
        return {check["check"]: check["status"] for check in data["checks"]}

    assert "memory" not in checks("true")  # being installed is not enough
    (repo / "reprun.toml").write_text('[preflight]\nplugins = ["memory"]\n')
    assert checks("true")["memory"] == "ok" and checks("echo", "big")["memory"] == "refuse"
    answer = reprun("launch", "--", "echo", "big")
    assert answer.rc == 3 and says_nicely(answer) and answer.stderr == "error: too little memory\n hint: another --on\n"
    (repo / "reprun.toml").write_text('[preflight]\nplugins = ["*"]\n')
    found = checks("true")
    assert (found["memory"], found["broken"], found["gone"]) == ("ok", "warn", "warn")
    (repo / "reprun.toml").write_text('[preflight]\nplugins = ["memroy"]\n')
    answer = reprun("launch", "--", "true")
    assert (
        answer.rc == 3 and "memory" in answer.stderr and "no preflight check memroy installed here; there are:" in answer.stderr
    )
