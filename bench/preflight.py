"""Preflight of a job that imports numpy and scikit-learn, against the same imports done by their interpreter alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from bench.place import REPRUN, environment, run, timed
from bench.report import RATIO, VALUE, Measure

_HEAVY = "import numpy\nimport sklearn.ensemble\nimport sklearn.linear_model\n"
_MODULES = 300  # of a package that stands in where there is no scikit-learn


def measure(place: str, rounds: int, python: str = "") -> Iterator[list[Measure]]:
    """The first time, when nothing is remembered, and every time after it. `python`: an interpreter that has the two packages."""
    path, env = os.path.join(place, "preflight"), environment(os.path.join(place, "home-preflight"))
    python = python or os.environ.get("BENCH_PYTHON", sys.executable)
    name = _make_project(path, python)
    env["PYTHONPYCACHEPREFIX"] = os.path.join(place, "home-preflight", "cache", "pycache")  # both read the same compiled modules
    job = [python, "train.py"]
    words = [REPRUN, "preflight", "--json", "--", *job]
    run(words, path, env)
    bare: list[float] = []
    trial: list[float] = []
    first: list[float] = []
    later: list[float] = []
    for _ in range(rounds):
        bare.append(timed(job, path, env))
        shutil.rmtree(os.path.join(env["REPRUN_HOME"], "cache", "imports"), ignore_errors=True)
        taken = timed(words, path, env)
        first.append(taken)
        later.append(timed(words, path, env))
        trial.append(_trial(words, path, env))
    yield [
        Measure(f"looking at {name}, nothing remembered; the bare imports", trial, bare, RATIO, 1.2),
        Measure(f"reprun preflight of {name}, nothing remembered; the bare imports", first, bare, RATIO, 1.2),
        Measure(f"reprun preflight of {name}, as seen before; the bare imports", later, bare, RATIO, 1.2),
        Measure(
            "what is beside the imports", [one - other for one, other in zip(first, bare, strict=True)], how=VALUE, target=3000
        ),
    ]


def _trial(words: list[str], path: str, env: dict[str, str]) -> float:
    """Milliseconds of the probe itself, as the target says it."""
    shutil.rmtree(os.path.join(env["REPRUN_HOME"], "cache", "imports"), ignore_errors=True)
    checks = json.loads(run(words, path, env))["data"]["checks"]
    return float(next(check["seconds"] for check in checks if check["check"] == "imports")) * 1000


def _make_project(path: str, python: str) -> str:
    os.makedirs(path)
    found = subprocess.run([python, "-c", _HEAVY], check=False, capture_output=True).returncode == 0
    text = _HEAVY if found else "import heavy\n"
    if not found:
        print(f"{python} has no numpy and scikit-learn: a package of {_MODULES} modules stands in for them", file=sys.stderr)
        _make_package(os.path.join(path, "heavy"))
    with open(os.path.join(path, "train.py"), "w", encoding="ascii") as file:
        file.write(text)
    git = ["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost"]
    for some in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "-m", "the project"]):
        run([*git, *some], path)
    return "numpy and scikit-learn" if found else f"{_MODULES} modules"


def _make_package(path: str) -> None:
    os.makedirs(path)
    names = [f"part{number:03}" for number in range(_MODULES)]
    for name in names:
        with open(os.path.join(path, name + ".py"), "w", encoding="ascii") as file:
            file.write("\n".join(f"def function{n}(a, b={n}):\n    return a * b + {n}\n" for n in range(200)))
    with open(os.path.join(path, "__init__.py"), "w", encoding="ascii") as file:
        file.write("".join(f"from . import {name}\n" for name in names))
