"""The Pythons of this host that a virtual environment can be made from. Asked once each, and when its file is another."""

from __future__ import annotations

import glob
import json
import os
import sys

from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, read_json, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Iterator, List, Optional

    from reprun.runner.paths import Home

_NAMES = ("python3", "python", *("python3.%d" % minor for minor in range(8, 20)))
# Where pyenv and uv keep those that are not on PATH.
_KEPT = ("%(pyenv)s/versions/*/bin/python3", "%(data)s/uv/python/*/bin/python3")
SECONDS = 30
# What decides which packages fit, in the words of PEP 508, without what another kernel changes; and where its pip is.
_PROBE = """
import json, os, platform, sys, sysconfig
def pip():
    import glob, importlib.util
    found = importlib.util.find_spec('pip')
    if found and found.origin: return os.path.dirname(found.origin)
    found = importlib.util.find_spec('ensurepip')
    folders = [os.path.join(os.path.dirname(found.origin), '_bundled')] if found and found.origin else []
    folders += [sysconfig.get_config_var('WHEEL_PKG_DIR') or '/usr/share/python-wheels']
    for folder in folders:
        wheels = sorted(glob.glob(os.path.join(glob.escape(folder), 'pip-*.whl')))
        if wheels: return wheels[-1]
    return ''
def has_venv():
    import importlib.util
    return importlib.util.find_spec('venv') is not None
full = sys.implementation.version
level = '%d.%d.%d' % full[:3] + ('' if full.releaselevel == 'final' else full.releaselevel[0] + str(full.serial))
print(json.dumps({
    'is_base': sys.prefix == sys.base_prefix and has_venv(), 'pip': pip(), 'libc': list(platform.libc_ver()),
    'soabi': sysconfig.get_config_var('SOABI') or '', 'bits': sys.maxsize.bit_length() + 1, 'platform': sysconfig.get_platform(),
    'markers': {
        'implementation_name': sys.implementation.name, 'implementation_version': level, 'os_name': os.name,
        'platform_machine': platform.machine(), 'platform_python_implementation': platform.python_implementation(),
        'platform_system': platform.system(), 'python_full_version': platform.python_version(),
        'python_version': '.'.join(platform.python_version_tuple()[:2]), 'sys_platform': sys.platform,
    }}))
"""


def find_pythons(home: Home, every: bool = True) -> Iterator[Dict[str, Any]]:
    """What each says of itself, with its `path`: the first on PATH first, whatever leads to one that was seen left out.

    Without `every` only those that are meant by `python3` here.
    """
    seen = set()
    for path in _candidates(every):
        real = os.path.realpath(path)
        if real in seen or real.startswith(home.envs + os.sep):
            continue
        seen.add(real)
        said = _asked(home, real)
        if said and said.get("is_base"):
            yield {**said, "path": real}


def find_python(home: Home, wanted: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """One with this very version and implementation; None when there is none."""
    for python in find_pythons(home):
        if names(python) == wanted:
            return python
    return None


def names(python: Dict[str, Any]) -> Dict[str, str]:
    """What a plan says of the Python that it is for: packages are chosen by it."""
    markers = python["markers"]
    return {"version": markers["python_full_version"], "implementation": markers["implementation_name"], "abi": python["soabi"]}


def stamp(path: str) -> List[int]:
    """What changes when the file of an interpreter does; empty when it is gone."""
    try:
        found = os.stat(path)
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


def _candidates(every: bool) -> Iterator[str]:
    for name in _NAMES[:2]:
        yield from _on_path(name)
    yield sys.executable
    if not every:
        return
    for name in _NAMES[2:]:
        yield from _on_path(name)
    user = os.path.expanduser("~")
    data = os.environ.get("XDG_DATA_HOME") or os.path.join(user, ".local", "share")
    places = {"pyenv": os.environ.get("PYENV_ROOT") or os.path.join(user, ".pyenv"), "data": data}
    for pattern in _KEPT:
        yield from sorted(glob.glob(pattern % {name: glob.escape(path) for name, path in places.items()}), reverse=True)


def _on_path(name: str) -> Iterator[str]:
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        path = os.path.join(folder, name)
        if os.path.isabs(folder) and os.path.isfile(path) and os.access(path, os.X_OK):
            yield path


def _asked(home: Home, path: str) -> Optional[Dict[str, Any]]:
    name = sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:32]
    memo, now = os.path.join(home.cache, "pythons", name + ".json"), stamp(path)
    try:
        known = read_json(memo) or {}
    except (OSError, ValueError):
        known = {}
    if known.get("stamp") == now:
        return dict(known["said"])
    said = _ask(path)
    try:
        ensure_dir(os.path.dirname(memo))
        write_json(memo, {"stamp": now, "said": said}, durable=False)
    except OSError:
        pass  # a memo: without it the next launch asks again
    return said


def _ask(path: str) -> Dict[str, Any]:
    """What it says; nothing for a program that chooses a Python by where it is started, or is none."""
    from reprun.runner.errors import RunnerError
    from reprun.runner.process import run

    try:
        with open(path, "rb") as file:
            if file.read(2) == b"#!":
                return {}
        env = {"PATH": os.environ.get("PATH", os.defpath), "HOME": os.path.expanduser("~")}
        said = json.loads(run([path, "-I", "-c", _PROBE], cwd="/", env=env, check=False, timeout=SECONDS).stdout)
    except (OSError, ValueError, RunnerError):
        return {}
    return said if isinstance(said, dict) and isinstance(said.get("markers"), dict) else {}
