"""Packages of pip in an environment: the very files of the lock, by their digests, with the environment's own pip."""

from __future__ import annotations

import os
from typing import Any, Dict, Sequence

from reprun.runner.errors import RunnerError
from reprun.runner.process import finish, spawn

_WORDS = (
    "install", "--no-deps", "--require-hashes", "--no-index", "--no-cache-dir", "--no-compile", "--no-input",
    "--no-warn-script-location", "--disable-pip-version-check", "--quiet",
)  # fmt: skip
_SECONDS = 3600


def install_wheels(
    prefix: str, work: str, packages: Sequence[Dict[str, Any]], lock: int, pip: Sequence[str] = ("-m", "pip")
) -> None:
    """Installs wheels; their archives are in the folder `work` under their own names. Raises `RunnerError`.

    `pip` says how the environment's Python finds it.
    """
    for package in packages:
        if not package["file"].endswith(".whl"):
            what = "the lock has %s, which would have to be built: only wheels give the same files everywhere" % package["file"]
            raise RunnerError("refused", what, "take %s as a conda package, or a version that has a wheel" % package["name"])
    python = os.path.join(prefix, "bin", "python")
    if not os.path.exists(python):
        raise RunnerError("refused", "the lock has packages of pip, but no python", "add python and pip to environment.yml")
    wanted = os.path.join(work, "requirements.txt")
    with open(wanted, "w", encoding="utf-8") as file:
        for package in packages:
            file.write("%s==%s --hash=sha256:%s\n" % (package["name"], package["version"], package["sha256"]))
    # By --find-links and not by path: pip would note the path in the environment as where the package is from.
    env = {"PATH": "%s/bin:/usr/bin:/bin" % prefix, "HOME": work, "LC_ALL": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull}
    env["PYTHONDONTWRITEBYTECODE"] = "1"
    words = [python, "-I", *pip, *_WORDS, "--find-links", work, "-r", wanted]
    done = finish(spawn(words, env=env, cwd=work, keeps=[lock]), words, check=False, timeout=_SECONDS)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["exit status %d" % done.returncode]
        if any("No module named pip" in line for line in said):
            raise RunnerError("refused", "the lock has packages of pip, but no pip", "add pip to environment.yml")
        errors = [line for line in said if line.startswith("ERROR:")] or said[-1:]
        raise RunnerError("tool", "pip cannot install the packages of the lock: %s" % errors[0])
