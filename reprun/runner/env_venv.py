"""A virtual environment for packages of pip: upon a Python of this host, filled by that Python's own pip, by digest."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, List

from reprun.runner.env_pip import install_wheels
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, read_text
from reprun.runner.paths import Home
from reprun.runner.process import finish, how_it_ended, spawn
from reprun.runner.pythons import find_python, find_pythons, stamp

_SECONDS = 300
# pip from a wheel, or from a folder that has nothing else in it: so the environment itself needs none.
_PIP = "import runpy, sys; sys.path.insert(0, %r); sys.argv[0] = 'pip'; runpy.run_module('pip', run_name='__main__')"


def make_venv(home: Home, prefix: str, work: str, wish: Dict[str, Any], lock: int) -> Dict[str, Any]:
    """Makes it in `prefix` and installs the `packages` of the wish; returns what its record has to say: `installer` and `base`.

    Raises `RunnerError` where this host has no such Python.
    """
    base = find_python(home, wish["python"])
    if base is None:
        raise RunnerError("missing", missing(home, wish["python"]["version"]), "install it there, then the same command again")
    words = [base["path"], "-I", "-m", "venv", "--without-pip", "--symlinks", prefix]
    done = finish(spawn(words, env=_plain(work), cwd="/", keeps=[lock]), words, check=False, timeout=_SECONDS)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [how_it_ended(done.returncode)]
        raise RunnerError("tool", "%s cannot make a virtual environment: %s" % (base["path"], said[-1]))
    installer = "venv"
    if wish["packages"]:
        sent = wish.get("pip") or {}
        place = base["pip"] or _sent(home, sent)
        if not place or not os.path.exists(place):
            raise RunnerError("tool", "%s has no pip" % base["path"], "python3 -m ensurepip, or apt install python3-venv, there")
        install_wheels(prefix, work, wish["packages"], lock, _pip_words(work, place))
        installer = "pip %s" % _pip_version(place, sent)
    return {"installer": installer, "base": {"path": base["path"], "stamp": stamp(base["path"])}}


def lacks_pip(home: Home, python: Dict[str, Any], sent: Dict[str, Any]) -> bool:
    """Whether pip has to be sent: the Python has none, and none has come yet."""
    base = find_python(home, python)
    return base is not None and not base["pip"] and not os.path.isfile(_sent(home, sent))


def missing(home: Home, version: str) -> str:
    """Says so, with what is there instead."""
    there = ", ".join(python["markers"]["python_full_version"] for python in find_pythons(home))
    return "%s has no Python %s: it has %s" % (os.uname().nodename, version, there or "none that can make environments")


def _pip_words(work: str, place: str) -> List[str]:
    folder = ensure_dir(os.path.join(work, "pip"))
    name = "pip" if os.path.isdir(place) else "pip.whl"
    os.symlink(place, os.path.join(folder, name))
    return ["-c", _PIP % (folder if name == "pip" else os.path.join(folder, name))]


def _pip_version(place: str, sent: Dict[str, Any]) -> str:
    """Without starting it, which takes longer than all it has to do."""
    match = re.match(r"pip-([^-]+)-", os.path.basename(place)) or re.match(r"pip-([^-]+)-", str(sent.get("name", "")))
    said = re.search(r'__version__ = "([^"]+)"', read_text(os.path.join(place, "__init__.py"))) if os.path.isdir(place) else match
    return said.group(1) if said else ""


def _plain(work: str) -> Dict[str, str]:
    return {"PATH": os.defpath, "HOME": work, "LC_ALL": "C.UTF-8", "PIP_CONFIG_FILE": os.devnull, "PYTHONDONTWRITEBYTECODE": "1"}


def _sent(home: Home, sent: Dict[str, Any]) -> str:
    from reprun.runner.lfs import object_path

    oid = str(sent.get("sha256", ""))
    return object_path(home.packages, oid) if len(oid) == 64 and oid.isalnum() else ""
