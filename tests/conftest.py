"""Fixtures for tests with real tools.

- `repo`: a fresh Git repository with two files and one commit; the current folder is in it. `HOME` is private and empty;
  who commits is said in a file that only `GIT_CONFIG_GLOBAL` names, which reprun does not hand on to its own git.
- `home`: a fresh `$REPRUN_HOME` with a short path. At the end its tmux server and every process that mentions it are killed.
- `git("status")`: git in the current folder (or `cwd=`), its output as text. `reprun("ls", "--json")`: the installed command,
  an `Answer` with `rc stdout stderr json data`.
- `ssh_lab`: makes hosts with a real sshd, `ssh_lab.host("gpu1", shell="fish")`, see ssh_lab.py. `ssh_host`: one of them, plain.
- `conda_channel`: a conda channel with a real Python, see conda_channel.py.
- `net_lab`: the same with a network, a disk and an identity of their own for each host, see netlab.py. Root only.

Helpers that are no fixtures (`until`, …) are in lab.py: `from lab import until`.
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conda_channel import Channel, ensure_channel
from lab import ABILITIES, NOT_EVERYWHERE, Answer, Run, commands, remove_with_processes, run_reprun
from netlab import NetLab
from ssh_lab import SshHost, SshLab

from reprun.runner.paths import Home

# What the fixtures need.
_SSH = {"ssh", "ssh-keygen", "sshd"}
_TOOLS = {"repo": {"git"}, "git": {"git"}, "home": {"git", "tmux"}, "ssh_lab": _SSH, "net_lab": {*_SSH, "netns", "nsenter"}}
_TOOLS["conda_channel"] = {"gcc", "strip"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """The libraries as a new process loads them."""
    parser.addoption(
        "--cold", action="store_true", help="each reprun of the tests is a new Python, as for users; see tests/warm.py"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Nothing of an outer git hook, tmux or reprun job reaches a test, and Python keeps what it compiled, as it does for users.

    Where the variable is set that forbids it, every command of ours compiled all of its modules anew: half of its time.
    """
    config.addinivalue_line("markers", "needs(*names): what the test needs beside its fixtures: programs, abilities of lab.py")
    config.addinivalue_line("markers", "cold: each reprun is a new Python, as for users; else it may be a fork, see warm.py")
    for name in list(os.environ):
        if name.startswith(("GIT_", "TMUX", "REPRUN_")):
            del os.environ[name]
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # of a background process of a shell; what it starts never hears Ctrl-C
        signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # before there are workers, which take it from here
    sys.dont_write_bytecode = False
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # a system may have no `python`
    commands.begin()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """A tool or an ability that is missing is a skip on a laptop and a failure in CI, but for what not every machine can have."""
    commands.cold = item.config.getoption("cold") or item.get_closest_marker("cold") is not None
    wanted = {tool for name in getattr(item, "fixturenames", ()) for tool in _TOOLS.get(name, ())}
    wanted |= {tool for mark in item.iter_markers("needs") for tool in mark.args}
    missing = sorted(need for need in wanted if not is_here(need))
    if missing:
        must_be_here = os.environ.get("CI") == "true" and not NOT_EVERYWHERE.issuperset(missing)
        say = pytest.fail if must_be_here else pytest.skip
        say(f"not here: {', '.join(missing)}")


@functools.cache
def is_here(need: str) -> bool:
    """A tool, or an ability of this machine; some take a process or a mount to see."""
    return ABILITIES[need]() if need in ABILITIES else shutil.which(need) is not None


@pytest.fixture(autouse=True)
def as_found() -> Iterator[None]:
    """What a test does to the current folder, the environment or the umask ends with it."""
    folder, environ, umask = os.getcwd(), dict(os.environ), os.umask(0o022)
    os.umask(umask)
    yield
    os.umask(umask)
    os.chdir(folder)
    environ["PYTEST_CURRENT_TEST"] = os.environ["PYTEST_CURRENT_TEST"]
    if os.environ != environ:
        os.environ.clear()
        os.environ.update(environ)


@pytest.fixture
def private_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`HOME` of a user who has configured nothing but a name for git, outside of it."""
    config = tmp_path / "gitconfig"
    config.write_text("[user]\n\tname = Tester\n\temail = tester@localhost\n[init]\n\tdefaultBranch = main\n")
    folder = tmp_path / "user"
    folder.mkdir()
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    return folder


@pytest.fixture
def git(private_home: Path) -> Run:
    """git in the current folder: `git("commit", "-qm", "two", cwd=…, stdin=b"…", check=False)` returns its output, trimmed."""

    def run(*words: str, cwd: str | os.PathLike[str] | None = None, stdin: bytes = b"", check: bool = True) -> str:
        done = subprocess.run(["git", *words], cwd=cwd, input=stdin, capture_output=True, check=False)
        assert not check or done.returncode == 0, (words, done.stderr.decode("utf-8", "replace"))
        return os.fsdecode(done.stdout.rstrip(b"\n"))

    return run


@pytest.fixture
def repo(tmp_path: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with train.py, conf/base.yaml and one commit on the branch main; the tests run in it."""
    folder = tmp_path / "project"
    (folder / "conf").mkdir(parents=True)
    (folder / "train.py").write_text("print('training')\n")
    (folder / "conf" / "base.yaml").write_text("lr: 0.1\nsteps: 3\n")
    monkeypatch.chdir(folder)
    git("init", "-q")
    git("add", "--all")
    git("commit", "-qm", "first")
    return folder


@pytest.fixture
def home(private_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A fresh `$REPRUN_HOME`. Its path is short, so that the tmux socket is in it."""
    folder = os.path.realpath(tempfile.mkdtemp(prefix="reprun-test-"))
    monkeypatch.setenv("REPRUN_HOME", folder)
    yield Path(folder)
    if shutil.which("tmux"):
        subprocess.run(["tmux", "-S", Home(folder).socket(), "kill-server"], capture_output=True, check=False)
    remove_with_processes(folder)


@pytest.fixture
def reprun(home: Path) -> Callable[..., Answer]:
    """The installed command: `reprun("launch", "--json", "--", "true", cwd=…, env={…})`."""
    return run_reprun


@pytest.fixture
def ssh_lab() -> Iterator[SshLab]:
    """Hosts of ssh_lab.py. At the end everything on them is killed."""
    lab = SshLab()
    yield lab
    lab.close()


@pytest.fixture
def ssh_host(ssh_lab: SshLab) -> SshHost:
    """A host that is called gpu1, with bash and an empty HOME."""
    return ssh_lab.host("gpu1")


@pytest.fixture
def net_lab() -> Iterator[NetLab]:
    """Hosts of netlab.py. The test itself is in their network."""
    lab = NetLab()
    yield lab
    lab.close()


@pytest.fixture(scope="session")
def conda_channel() -> Channel:
    """The channel of conda_channel.py, which no test changes: `conda_channel.copy(folder)` is for that."""
    return ensure_channel()
