"""The interpreter that a command will use, and its installed distributions: the environment of kind `system`.

Kept by what it depends on (the executable and the folders that hold the distributions), since starting Python costs more
than everything else here.
"""

from __future__ import annotations

import json
import os
import subprocess

from reprun.runner.digests import sha256
from reprun.runner.files import ensure_dir, read_json, read_text, write_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Optional, Sequence

# Runs in the job's interpreter. The first line keeps a json.py of the current folder from being imported.
_PROBE = """
import sys; sys.path = [p for p in sys.path if p]
import hashlib, json, os, platform, site
def text(path):
    try:
        with open(path, encoding='utf-8', errors='surrogateescape') as file: return file.read()
    except OSError: return ''
def brought(info):
    # The files that the distribution itself consists of: where its programs went, and what was compiled, is another thing
    # in every environment, and what installers leave beside it says who they are.
    own = os.path.basename(info) + '/'
    left_out = {own + name for name in ('RECORD', 'INSTALLER', 'REQUESTED', 'direct_url.json', 'uv_cache.json')}
    rows = (line.strip().rpartition(',')[0] for line in text(os.path.join(info, 'RECORD')).splitlines())
    kept = [row for row in rows if row and row[0] not in './' and row.rpartition(',')[0] not in left_out and '.pyc,' not in row]
    return hashlib.sha256(chr(10).join(sorted(kept)).encode('utf-8', 'surrogateescape')).hexdigest() if kept else ''
folders = sys.path + [site.getusersitepackages()]
names = set()
found = {}
for folder in sys.path:
    try: entries = os.listdir(folder)
    except OSError: continue
    for entry in entries:
        stem, dot, kind = entry.rpartition('.')
        if kind in ('dist-info', 'egg-info') and '-' in stem:
            name, _, version = (stem.partition('-py')[0] if kind == 'egg-info' else stem).rpartition('-')
            name = name.lower().replace('_', '-')
            names.add(name + '==' + version)
            place = os.path.join(folder, entry)
            if name not in found: found[name] = [name, version, text(os.path.join(place, 'direct_url.json')), brought(place)]
print(json.dumps({'python': platform.python_version(), 'implementation': platform.python_implementation(),
    'executable': os.path.realpath(sys.executable), 'prefix': sys.prefix, 'packages': sorted(names),
    'folders': folders, 'distributions': sorted(found.values())}))
"""
SECONDS = 30


def find_interpreter(argv: Sequence[str], env: Mapping[str, str], cwd: str) -> Optional[str]:
    """The Python that the command runs: itself, the one its script's first line names, or the first on PATH."""
    found = which(argv[0], env, cwd)
    if found and os.path.basename(argv[0]).startswith("python"):
        return found
    return (_from_script(found) if found else None) or which("python3", env, cwd) or which("python", env, cwd)


def which(name: str, env: Mapping[str, str], cwd: str) -> Optional[str]:
    """The program that `name` means to a job in `cwd` with the variables `env`; None when there is none."""
    if "/" in name:
        path = os.path.join(cwd, name)
        return path if os.access(path, os.X_OK) and os.path.isfile(path) else None
    folders = env.get("PATH", os.defpath).split(os.pathsep)
    found = (os.path.join(cwd, folder, name) for folder in folders)
    return next((path for path in found if os.path.isfile(path) and os.access(path, os.X_OK)), None)


def _from_script(path: str) -> Optional[str]:
    try:
        with open(path, "rb") as file:
            first = file.readline(256)
    except OSError:
        return None
    words = os.fsdecode(first[2:]).split() if first.startswith(b"#!") else []
    named = words[0] if words else ""
    return named if os.path.basename(named).startswith("python") and os.access(named, os.X_OK) else None


def probe(interpreter: Optional[str], env: Mapping[str, str], cwd: str, cache: str) -> Dict[str, Any]:
    """The record of the environment: python, implementation, executable, prefix, packages, digest. Empty without Python."""
    if interpreter is None:
        return {}
    choice = _choice(interpreter, env, cwd)
    memo = os.path.join(cache, "interpreters", sha256(choice.encode("utf-8", "surrogateescape")).hexdigest()[:32] + ".json")
    known = _read_memo(memo)
    if known and "capture" in known["record"] and known.get("stamp") == _stamp(interpreter, known.get("folders", [])):
        return dict(known["record"])
    found = _ask(interpreter, env, cwd)
    if not found:
        return {}
    folders, distributions = found.pop("folders"), found.pop("distributions", [])
    found["digest"] = sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
    from reprun.runner.captures import keep_capture

    try:
        found["capture"] = keep_capture(cache, distributions)
        ensure_dir(os.path.dirname(memo))
        write_json(memo, {"record": found, "folders": folders, "stamp": _stamp(interpreter, folders)})
    except OSError:
        pass  # a cache: without it the next launch asks again
    return found


def _read_memo(path: str) -> Optional[Dict[str, Any]]:
    try:
        return read_json(path)
    except (OSError, ValueError):
        return None


def _ask(interpreter: str, env: Mapping[str, str], cwd: str) -> Dict[str, Any]:
    # It loads nothing of the user's: what is compiled of the standard library is taken from where it is, and nothing is written.
    env = {**env, "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("PYTHONPYCACHEPREFIX", None)
    try:
        done = subprocess.run(
            [interpreter, "-c", _PROBE],
            cwd=cwd,
            env=env,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return {}
    return answer if isinstance(answer, dict) and "folders" in answer else {}


def _stamp(interpreter: str, folders: Sequence[str]) -> List[Any]:
    """What the record depends on: a package that comes or goes changes the time of its folder."""
    stamp: List[Any] = []
    for path in [interpreter, os.path.realpath(interpreter), *folders]:
        try:
            found = os.stat(path)
            stamp.append([path, found.st_ino, found.st_mtime_ns])
        except OSError:
            stamp.append([path, 0, 0])
    return stamp


def _choice(interpreter: str, env: Mapping[str, str], cwd: str) -> str:
    """What leads to an environment: the interpreter, variables for it, and what a script for several (pyenv, asdf) chooses by."""
    chosen = [interpreter] + ["%s=%s" % (name, env[name]) for name in sorted(env) if name.startswith("PYTHON") or name == "HOME"]
    if not _is_script(interpreter):
        return "\0".join(chosen)
    chosen += [env.get(name, "") for name in ("PYENV_VERSION", "ASDF_PYTHON_VERSION")]
    folder, above = cwd, [os.path.join(env.get("PYENV_ROOT") or os.path.expanduser("~/.pyenv"), "version")]
    while True:
        above += [os.path.join(folder, name) for name in (".python-version", ".tool-versions")]
        if folder == os.path.dirname(folder):
            break
        folder = os.path.dirname(folder)
    return "\0".join(chosen + [read_text(path) for path in above])


def _is_script(interpreter: str) -> bool:
    try:
        with open(interpreter, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False
