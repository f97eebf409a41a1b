"""What activating an environment does to variables: found out once, by doing it in a clean shell, and then only read.

Nothing of the login or of tmux comes into it, so a job gets the same on every host, and no launch starts a shell.
"""

from __future__ import annotations

import json
import os

from reprun.runner.errors import RunnerError
from reprun.runner.process import how_it_ended, run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Sequence

_SYSTEM = "/usr/local/bin:/usr/bin:/bin"
_SECONDS = 60
# The shell of conda's scripts is most often bash. What they print is nothing that anybody wants.
_SCRIPT = 'exec 3>&1 >/dev/null 2>&1; for script do . "$script"; done; exec cat /proc/self/environ >&3'
_OF_THE_SHELL = frozenset({"PWD", "OLDPWD", "SHLVL", "_", "HOME", "PATH", "LC_ALL"})
# What another environment has left in the login: nothing of it is for a job that has an environment of its own.
_FOREIGN = ("CONDA_", "_CE_", "MAMBA_", "PYENV_", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "LD_PRELOAD")


def activate(prefix: str) -> Dict[str, Any]:
    """`variables` that are set, and `path`: what stands before the PATH of the host. Raises `RunnerError` for a script that ends
    the shell."""
    import glob
    import shutil

    env = {"PATH": "%s/bin:%s" % (prefix, _SYSTEM), "HOME": os.path.expanduser("~"), "LC_ALL": "C.UTF-8"}
    env.update(CONDA_PREFIX=prefix, CONDA_DEFAULT_ENV=prefix, CONDA_SHLVL="1", CONDA_PROMPT_MODIFIER="")
    env.update(_package_variables(prefix))
    scripts = sorted(glob.glob(os.path.join(glob.escape(prefix), "etc", "conda", "activate.d", "*.sh")))
    found = dict(env)
    if scripts:
        shell = shutil.which("bash") or "/bin/sh"
        plain = ["--noprofile", "--norc"] if shell.endswith("bash") else []
        done = run([shell, *plain, "-c", _SCRIPT, "sh", *scripts], env=env, check=False, timeout=_SECONDS)
        if done.returncode or not done.stdout:
            names = ", ".join(os.path.basename(script) for script in scripts)
            what = "the environment cannot be activated: %s (%s)" % (names, how_it_ended(done.returncode))
            raise RunnerError("tool", what, "look into %s" % os.path.dirname(scripts[0]))
        pairs = (item.partition("=") for item in os.fsdecode(done.stdout).split("\0") if "=" in item)
        found = {name: value for name, _, value in pairs}
    path = [folder for folder in found["PATH"].split(":") if folder not in _SYSTEM.split(":")]
    return {"variables": {name: found[name] for name in sorted(found) if name not in _OF_THE_SHELL}, "path": path}


def activate_venv(prefix: str) -> Dict[str, Any]:
    """The same for a virtual environment, which has no scripts of packages."""
    return {"variables": {"VIRTUAL_ENV": prefix}, "path": [os.path.join(prefix, "bin")]}


def activated(env: Mapping[str, str], activation: Mapping[str, Any], kept: Sequence[str] = ()) -> Dict[str, str]:
    """The variables of a job: those of the host without what belongs to another environment, and those of this one.

    What the user has named in `kept` to be passed on is passed on.
    """
    own = {name: value for name, value in env.items() if name in kept or not name.startswith(_FOREIGN)}
    theirs = [os.path.join(env[name], "bin") for name in ("CONDA_PREFIX", "VIRTUAL_ENV") if env.get(name)]
    path = [folder for folder in env.get("PATH", _SYSTEM).split(os.pathsep) if folder not in theirs]
    own.update(activation["variables"], PATH=os.pathsep.join([*activation["path"], *path]), PYTHONNOUSERSITE="1")
    return own


def _package_variables(prefix: str) -> Dict[str, str]:
    """What packages and `conda env config vars set` want to be set, without a script."""
    import glob

    found: Dict[str, str] = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(prefix), "etc", "conda", "env_vars.d", "*.json"))):
        found.update(_strings(_read(path)))
    found.update(_strings(_read(os.path.join(prefix, "conda-meta", "state")).get("env_vars", {})))
    return found


def _read(path: str) -> Dict[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _strings(data: Any) -> Dict[str, str]:
    items: List[Any] = list(data.items()) if isinstance(data, dict) else []
    return {str(name): str(value) for name, value in items if value != "***unset***"}
