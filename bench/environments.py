"""Environments: what one adds to a launch, and how long making one takes against `conda-lock install` of the same lock."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.launching import FIRST, PROMPT, Side
from bench.place import REPRUN, environment, remove, run, start_server, timed
from bench.project import copy_project, make_dirty, make_project
from bench.report import MORE, Measure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from conda_channel import ensure_channel

_CONDA = Path(__file__).resolve().parent.parent / "tests" / "rattler_conda.py"
_FILES = 100
_PACKAGES = ("python", "greeter", "prefixdemo", "dialer", "activator", "antique")
# What a launch does for an environment that is not there, without the launch.
_MAKE = """
import sys
from reprun.commands.env_making import ensure_environment
from reprun.env.lockfile import read_packages
from reprun.env.plan import make_plan
from reprun.hosts.local import LocalHost
from reprun.runner.virtual import find_platform
with open(sys.argv[1], "rb") as file:
    text = file.read()
platform = find_platform()["platform"]
ensure_environment(LocalHost(), make_plan(read_packages(text, platform, ("main",)), platform, {}), lambda said: None)
"""


def measure(place: str, rounds: int) -> Iterator[list[Measure]]:
    """The lines; the launches first."""
    if not (shutil.which("gcc") and shutil.which("strip")):
        print("no gcc and strip are here: no channel can be made, nothing is measured of environments", file=sys.stderr)
        return
    project = make_project(os.path.join(place, "project-env"), _FILES)
    sides = [_make_side(place, project, with_one) for with_one in (True, False)]
    yield _case("warm environment, known tree: a launch with it and without", sides, rounds, 15, changing=False)
    yield _case("unchanged environment.yml, new tree: a launch with it and without", sides, rounds, 30, changing=True)
    run([REPRUN, "env", "lock"], sides[0].path, sides[0].environment())
    lock = os.path.join(sides[0].path, "conda-lock.yml")
    yield [_creation(place, lock, max(3, rounds // 3), is_cached) for is_cached in (False, True)]
    for path in (project, *(side.path for side in sides)):
        remove(path)


def _make_side(place: str, project: str, with_one: bool) -> Side:
    path = copy_project(project, f"{project}-{'with' if with_one else 'without'}")
    if with_one:
        text = f"channels: ['{ensure_channel().url}']\ndependencies: [{', '.join(_PACKAGES)}]\n"
        Path(path, "environment.yml").write_text(text)
        run(["git", "add", "environment.yml"], path)  # else it would be a dirty file, which takes git longer than all the rest
        run(["git", "-c", "user.name=bench", "-c", "user.email=bench@localhost", "commit", "--quiet", "-m", "environment"], path)
    side = Side(path, os.path.join(place, f"home-{os.path.basename(path)}"), "reprun")
    start_server(side.home)
    side.launch(count=False)
    return side


def _case(title: str, sides: list[Side], rounds: int, target: float, *, changing: bool) -> list[Measure]:
    for side in sides:
        side.samples = {FIRST: [], PROMPT: []}
    for round_ in range(-1, rounds):
        for side in sides if round_ % 2 else sides[::-1]:
            if changing:
                make_dirty(side.path, f"{title} {round_}")
            side.launch(count=round_ >= 0)
    ours, theirs = sides
    return [
        Measure(f"{title}, to the {what}", ours.samples[what], theirs.samples[what], MORE, target) for what in (FIRST, PROMPT)
    ]


def _creation(place: str, lock: str, rounds: int, is_cached: bool) -> Measure:
    """Both as programs, from nothing but the lock to the finished prefix; each has a package cache of its own."""
    ours, theirs = [], []
    home, cache, prefix = (os.path.join(place, name) for name in ("home-made", "conda-pkgs", "conda-prefix"))
    conda = os.path.join(place, "conda")
    Path(conda).write_text(f'#!/bin/sh\nexec {sys.executable} {_CONDA} "$@"\n')
    os.chmod(conda, 0o755)
    solver = next(filter(None, map(shutil.which, ("micromamba", "mamba", "conda"))), conda)
    install = [sys.executable, "-m", "conda_lock", "install", "--conda", solver, "--prefix", prefix, lock]
    for round_ in range(-1, rounds):
        for path in (prefix, os.path.join(home, "envs"), *(() if is_cached else (cache, home))):
            if os.path.lexists(path):
                remove(path)
        made = timed([sys.executable, "-c", _MAKE, lock], place, environment(home))
        installed = timed(install, place, {**environment(home), "CONDA_PKGS_DIRS": cache})
        if round_ >= 0:
            ours.append(made)
            theirs.append(installed)
    state = "all packages unpacked before" if is_cached else "nothing cached"
    return Measure(f"making an environment, {state}; conda-lock install", ours, theirs, target=1.1)
