"""Which solver conda-lock is given: one that the user has, else py-rattler behind a command line that looks like conda's."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping

from reprun.core.errors import ToolError, UsageError
from reprun.core.frozen import dataclass
from reprun.core.text import show
from reprun.system.files import write_atomic
from reprun.system.process import run

OURS = "py-rattler"
_PROGRAMS = ("micromamba", "mamba", "conda")
_PIXI = "pixi"  # has no command line that conda-lock knows: the library that it solves with does its work
_VARIABLES = {"MAMBA_EXE": "micromamba", "CONDA_EXE": "conda", "PIXI_EXE": _PIXI}  # set where they are functions of the shell
_SECONDS = 60


@dataclass(frozen=True)
class Solver:
    """A solver: its name and version as they are recorded, and the program; empty for py-rattler. `found` is the tool of the user
    whose library solves in its place."""

    name: str
    version: str
    path: str = ""
    found: str = ""

    @property
    def words(self) -> str:
        """For people and records: `py-rattler 0.28.0`, `py-rattler 0.28.0 (found: pixi 0.59.0)`."""
        return f"{self.name} {self.version}" + (f" (found: {self.found})" if self.found else "")

    @property
    def notes(self) -> tuple[str, ...]:
        """What should be said of it when it has solved something."""
        if not self.found:
            return ()
        return (f"{self.found} is here: the lock is solved by {self.name} {self.version}, the library that pixi solves with",)

    def program(self, folder: str) -> str:
        """The program to give to conda-lock; our own one is written into `folder`."""
        if self.path:
            return self.path
        import shlex

        path = os.path.join(folder, "conda")  # in /: py-rattler cannot even be imported in a folder that is gone, or not in UTF-8
        call = f'#!/bin/sh\ncd / && exec {shlex.quote(sys.executable)} -P -m reprun.env.shim "$@"\n'
        write_atomic(path, call.encode(), 0o700, durable=False)
        return path


def find_solver(wanted: str, environ: Mapping[str, str]) -> Solver:
    """The solver that is `wanted` by its name or path; with "auto" the first that is there.

    Raises `UsageError` when it is not there.
    """
    names = (*_PROGRAMS, _PIXI) if wanted == "auto" else () if wanted == OURS else (wanted,)
    for name in names:
        path = _which(name, environ)
        if path and os.path.basename(path) == _PIXI:
            return Solver(OURS, own_version(), found=f"{_PIXI} {_version(path)}")
        if path:
            return Solver(os.path.basename(path), _version(path), path)
    if wanted not in ("auto", OURS):
        raise UsageError(
            f"the solver {show(wanted)} is not there",
            hint=f'[environment] solver in reprun.toml: "auto" or "{OURS}" work without it',
        )
    return Solver(OURS, own_version())


def own_version() -> str:
    """The version of py-rattler. Raises `ToolError` without it."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(OURS)
    except PackageNotFoundError:
        raise ToolError("py-rattler, which solves environments, is not installed", hint=f"pip install {OURS}") from None


def _which(name: str, environ: Mapping[str, str]) -> str:
    found = shutil.which(os.path.expanduser(name), path=environ.get("PATH", os.defpath))
    if found:
        return found
    paths = (environ[variable] for variable, program in _VARIABLES.items() if program == name and environ.get(variable))
    return next((path for path in paths if os.access(path, os.X_OK)), "")


def _version(path: str) -> str:
    """The last word of what it says of itself: `conda 24.9.0`, `2.0.5`."""
    done = run([path, "--version"], check=False, timeout=_SECONDS)
    lines = done.stdout.decode("utf-8", "replace").strip().splitlines()
    words = lines[0].split() if lines else []
    return words[-1] if words and not done.returncode else "unknown"
