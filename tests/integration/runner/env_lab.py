"""Environments made by the runner from plans for the tests' channel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import rattler
from lab import SECONDS

from reprun.runner.files import locked
from reprun.runner.main import handle

TOOLS = {"interpreter": sys.executable, "path": os.path.dirname(os.path.dirname(rattler.__file__))}


def request(home: Path, plan: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The request for an environment."""
    return {"op": "env", "home": str(home), "digest": plan["digest"], "plan": plan, "tools": TOOLS, "wait": SECONDS, **more}


def make(home: Path, plan: dict[str, Any], **more: Any) -> dict[str, Any]:
    """Asks until the environment is there, and its maker gone; returns its record."""
    wish = request(home, plan, **more)
    while True:
        answer = handle(wish)
        if "record" in answer:
            with locked(answer["record"]["prefix"] + ".lock", exclusive=True):
                return dict(answer["record"])
        assert "doing" in answer, answer
        wish["awaited"] = answer["awaited"]


def said(*words: str, env: dict[str, str] | None = None) -> str:
    """What a program prints, in an environment that has nothing."""
    done = subprocess.run(words, env=env or {"PATH": os.defpath}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
