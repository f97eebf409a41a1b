"""A command that a warm process forks finds what a new process finds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import warm as warm_module
from lab import processes_of, until
from warm import _EARLY, Warm

SCRIPT = """
import json, os, resource, signal, sys
umask = os.umask(0)
streams = [[s.name, s.mode, s.encoding, s.errors, s.line_buffering, s.isatty()] for s in (sys.stdin, sys.stdout, sys.stderr)]
inner = [n for n in sys.modules if n.partition('.')[0] == 'reprun']
print(json.dumps({
    'words': sys.argv, 'folder': os.getcwd(), 'umask': umask, 'environ': dict(os.environ), 'path': sys.path, 'inner': inner,
    'flags': list(sys.flags), 'streams': streams, 'own': sorted(n for n in globals() if n[:2] == '__' and n != '__annotations__'
    and n != '__cached__'), 'file': __file__, 'name': __name__, 'main': sys.modules['__main__'].__dict__ is globals(),
    'open': [os.fstat(n).st_mode for n in range(64) if os.path.exists('/proc/self/fd/%d' % n)], 'read': sys.stdin.read(),
    'signals': [str(signal.getsignal(n)).split(' at ')[0] for n in range(1, 32)], 'group': [os.getpgrp(), os.getsid(0)],
    'limits': [resource.getrlimit(n) for n in range(16)], 'mask': sorted(signal.pthread_sigmask(0, [])),
    'inherited': os.popen('ls /proc/self/fd | wc -l').read(),
    'variables': os.popen('env -0 | grep -zv ^_= | sort -z | sha256sum').read(),
}))
print('said', file=sys.stderr)
how = sys.argv[1]
if how == 'signal': os.kill(os.getpid(), signal.SIGTERM)
if how == 'text': sys.exit('text')
if how == 'raise': raise ValueError
if how == 'wait': signal.pause()
sys.exit(None if how == 'none' else int(how))
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "bin" / "command"
    path.parent.mkdir()
    path.write_text(SCRIPT)
    return path


@pytest.fixture
def warm(script: Path) -> Iterator[Warm]:
    made = Warm(str(script), dict(os.environ))
    yield made
    made.close()


@pytest.mark.parametrize("how", ["0", "7", "none", "text", "raise", "signal"])
def test_it_finds_what_a_new_process_finds(how: str, script: Path, warm: Warm, tmp_path: Path) -> None:
    folder, environ = tmp_path / "übel\udcff", {**os.environ, "HOME": "/nowhere", "ODD": "ü \udcff\n"}
    folder.mkdir()
    os.umask(0o027)
    os.environ["ANOTHER"] = "1"  # what is here is no matter: what is handed over is
    assert warm.serves(environ)
    status, output, errors = warm.run([how, "a b", "ü\udcff", ""], folder, environ, 60)
    words = [sys.executable, str(script), how, "a b", "ü\udcff", ""]
    done = subprocess.run(words, cwd=folder, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert json.loads(output or "null") == json.loads(done.stdout or "null")
    assert (status, how != "raise" and errors) == (done.returncode, how != "raise" and done.stderr)
    assert errors.splitlines()[-1] == done.stderr.splitlines()[-1]


def folder_of(pid: int) -> str:
    """The working directory of a process, "" when it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/cwd")
    except OSError:
        return ""


def test_one_that_takes_too_long_is_killed(warm: Warm, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(subprocess.TimeoutExpired):
        warm.run(["wait"], tmp_path / "x", dict(os.environ), 0.1)
    until(lambda: str(tmp_path / "x") not in map(folder_of, processes_of(str(tmp_path))))
    assert warm.run(["3"], None, dict(os.environ), 60)[0] == 3


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHASHSEED", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TYPER_USE_RICH"])
def test_what_python_reads_as_it_starts_is_left_to_a_new_process(warm: Warm, name: str) -> None:
    assert not warm.serves({**os.environ, name: "0"})


def test_what_is_loaded_ahead_looks_at_nothing(private_home: Path) -> None:
    """Neither a library nor a module of reprun looks at the environment as it is loaded, but for names that a fork shares."""
    look = f"""
import os, sys
sys.path.insert(0, {os.path.dirname(warm_module.__file__)!r})
import warm
read, real = set(), type(os.environ).__getitem__
type(os.environ).__getitem__ = lambda self, name: (read.add(name), real(self, name))[1]
warm.load('reprun')
print(*read)
print(*[name for name in sys.modules if name.partition('.')[0] == 'reprun'])
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    read, loaded = done.stdout.splitlines()
    assert read and all(name.startswith(_EARLY) for name in read.split()), read
    assert {"reprun.cli.main", "reprun.commands.launch", "reprun.runner.supervisor"} <= set(loaded.split())


def test_no_module_needs_another_to_be_loaded_before(private_home: Path) -> None:
    """None finds another half loaded, whatever their order: so what a command loads itself is what a fork has before."""
    look = f"""
import builtins, sys
sys.path.insert(0, {os.path.dirname(warm_module.__file__)!r})
import warm
real = builtins.__import__
def watched(name, globals=None, locals=None, fromlist=(), level=0):
    found = real(name, globals, locals, fromlist, level)
    whole = [found.__name__, *(f'{{found.__name__}}.{{one}}' for one in fromlist or ())]
    for one in whole if fromlist else [name]:
        half = getattr(getattr(sys.modules.get(one), '__spec__', None), '_initializing', False)
        if half and one.startswith('reprun') and not (globals or {{}}).get('__name__', '').startswith(one):
            print((globals or {{}}).get('__name__'), 'finds', one, 'half loaded')
    return found
builtins.__import__ = watched
warm.load('reprun')
print('loaded')
"""
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "loaded\n"
