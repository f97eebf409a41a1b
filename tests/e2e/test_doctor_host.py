"""`doctor --on`: everything that a host needs is looked at, and each problem comes with the line that mends it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, fingerprint
from lab import REPRUN, old_tool
from netlab import NetLab
from ssh_lab import SshHost, SshLab

pytestmark = pytest.mark.e2e
ALL = ["address", "connection", "machine", "python", "git", "tmux", "home", "disk", "socket", "clock", "gpu"]
_PYTHON = """#!{python}
# The interpreter of a host on which something is not as it is here.
import sys
words = sys.argv
at = words.index("-c")
sys.argv = ["-c", *words[at + 2:]]
{change}
exec(words[at + 1])
"""


@pytest.fixture
def project(repo: Path, home: Path) -> Path:
    (repo / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\n')
    return repo


def examine(reprun: Reprun, host: SshHost, rc: int) -> dict[str, dict[str, Any]]:
    """What doctor says of gpu1, by subject."""
    answer = reprun("doctor", "--on", "gpu1", "--json", env=host.environ)
    assert answer.rc == rc == answer.json["exit_code"] and answer.json["ok"] is (rc == 0), answer
    return {item["subject"]: item for item in answer.json["data"]}


def program(folder: Path, name: str, text: str) -> Path:
    """A folder for PATH with a program in it."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return folder


def python(folder: Path, change: str) -> Path:
    """A folder for PATH with a python3 in which something is changed."""
    return program(folder, "python3", _PYTHON.format(python=sys.executable, change=change))


def test_a_host_that_has_all(project: Path, ssh_host: SshHost, reprun: Reprun) -> None:
    before = fingerprint(project, ssh_host.lab.known_hosts, ssh_host.config)
    found = examine(reprun, ssh_host, 0)
    assert list(found) == ALL and {item["status"] for item in found.values()} == {"ok"}
    assert found["address"]["detail"].endswith(f"at 127.0.0.1, port {ssh_host.port}")
    assert str(ssh_host.home) in found["home"]["detail"] and "it is this machine" in found["machine"]["detail"]
    (runner,) = (ssh_host.home / ".local/share/reprun/runners").iterdir()
    assert found["python"]["detail"].endswith(f"runner {runner.name[:12]}")
    assert fingerprint(project, ssh_host.lab.known_hosts, ssh_host.config) == before
    text = reprun("doctor", "--on", "gpu1", env=ssh_host.environ).stdout.splitlines()
    assert [line.split()[:2] for line in text] == [["ok", subject] for subject in ALL]


def test_a_host_that_nobody_described(project: Path, ssh_host: SshHost, reprun: Reprun) -> None:
    import getpass

    assert reprun("doctor", "--on", f"{getpass.getuser()}@gpu1", env=ssh_host.environ).rc == 0
    unknown = reprun("doctor", "--on", "mars", env=ssh_host.environ)
    assert unknown.rc == 2 and "[targets.mars]" in unknown.stderr
    both = reprun("doctor", "--on", "gpu1", "--mend", env=ssh_host.environ)
    assert both.rc == 2 and " hint: reprun doctor --mend" in both.stderr


def test_this_machine(project: Path, reprun: Reprun) -> None:
    found = reprun("doctor", "--on", "local", "--json").data
    assert [item["subject"] for item in found] == ALL[1:]


@pytest.mark.parametrize("missing", [("git",), ("tmux",), ("git", "tmux")], ids=" ".join)
def test_programs_that_are_missing(project: Path, ssh_lab: SshLab, reprun: Reprun, missing: tuple[str, ...]) -> None:
    """The rest is looked at all the same, and a launch says the same line."""
    host = ssh_lab.host("gpu1", without=missing)
    found = examine(reprun, host, 3)
    assert list(found) == ALL and [name for name, item in found.items() if item["status"] != "ok"] == list(missing)
    for name in missing:
        assert found[name]["detail"] == "is not installed"
        assert found[name]["hint"].startswith(f"ssh -F {host.config} ") and f" {name}" in found[name]["hint"]
    answer = reprun("launch", "--on", "gpu1", "--", "true", env=host.environ)
    assert answer.rc == 5 and f"error: {missing[0]} is not installed (on gpu1)" in answer.stderr, answer
    assert f" hint: {found[missing[0]]['hint']}" in answer.stderr


@pytest.mark.parametrize(("name", "said"), [("git", "git version 2.20.1"), ("tmux", "tmux 1.8")])
def test_programs_that_are_old(project: Path, ssh_lab: SshLab, reprun: Reprun, tmp_path: Path, name: str, said: str) -> None:
    host = ssh_lab.host("gpu1", path=(program(tmp_path / "bin", name, f"#!/bin/sh\necho {said}\n"),))
    found = examine(reprun, host, 3)
    assert found[name]["status"] == "fail" and found[name]["detail"].startswith(f"{said} is older than 2."), found
    assert name in found[name]["hint"]


def test_a_program_where_a_login_does_not_look(project: Path, ssh_lab: SshLab, reprun: Reprun) -> None:
    host = ssh_lab.host("gpu1", without=("tmux",))
    bin_ = host.home / "miniconda3" / "bin"
    bin_.mkdir(parents=True)
    program(bin_, "tmux", '#!/bin/sh\nexec /usr/bin/tmux "$@"\n')
    found = examine(reprun, host, 3)
    assert found["tmux"]["detail"].startswith(f"is at {bin_}/tmux")
    line = found["tmux"]["hint"].partition(": ")[2]
    (host.home / ".bashrc").write_text(f"{line}\n")
    assert examine(reprun, host, 0)["tmux"]["status"] == "ok"


def test_no_python(project: Path, ssh_lab: SshLab, reprun: Reprun) -> None:
    host = ssh_lab.host("gpu1", without=("python3",))
    found = examine(reprun, host, 4)
    assert list(found) == ["address", "connection", "python"] and found["connection"]["status"] == "ok"
    assert found["python"]["detail"].startswith("python3 cannot be started on gpu1")
    assert found["python"]["hint"].startswith(f"ssh -F {host.config} ") and "[targets.gpu1] python" in found["python"]["hint"]


def test_an_old_python(project: Path, ssh_lab: SshLab, reprun: Reprun, tmp_path: Path) -> None:
    host = ssh_lab.host("gpu1", path=(python(tmp_path / "bin", "sys.version_info = (3, 6, 9)"),))
    found = examine(reprun, host, 4)
    assert found["python"]["detail"] == "python3 on gpu1 is 3.6.9, and 3.8 is needed"
    assert "[targets.gpu1] python" in found["python"]["hint"]


def test_a_home_that_others_can_write(project: Path, ssh_host: SshHost, reprun: Reprun) -> None:
    examine(reprun, ssh_host, 0)
    (ssh_host.home / ".local/share/reprun").chmod(0o777)
    found = examine(reprun, ssh_host, 3)
    assert "can be written by everybody" in found["home"]["detail"] and list(found) == [name for name in ALL if name != "disk"]
    subprocess.run(["sh", "-c", found["home"]["hint"]], check=True)  # the line that mends it
    assert examine(reprun, ssh_host, 0)["home"]["status"] == "ok"


def test_a_home_that_cannot_be(project: Path, ssh_host: SshHost, reprun: Reprun) -> None:
    (project / "reprun.toml").write_text('[targets.gpu1]\nhost = "gpu1"\nhome = "/dev/null/below"\n')
    found = examine(reprun, ssh_host, 3)
    assert found["home"]["status"] == "fail" and "[targets.gpu1] home" in found["home"]["hint"], found


_CLOCK = "import time; real = time.time; time.time = lambda: real() {} 90000"
_DISK = "import os; s = list(os.statvfs('/')); s[{}] = {}; os.statvfs = lambda _: os.statvfs_result(s)"
CHANGED = [
    ("a clock ahead", _CLOCK.format("+"), "clock", "ahead of the one here", "set-ntp"),
    ("a clock behind", _CLOCK.format("-"), "clock", "behind the one here", "set-ntp"),
    ("a full disk", _DISK.format("4", "10"), "disk", "only ", "gc"),
    ("no inodes", _DISK.format("5:8", "9999999, 7, 7"), "disk", "room for only 7 more files", "gc"),
]


@pytest.mark.parametrize(("change", "subject", "detail", "hint"), [row[1:] for row in CHANGED], ids=[row[0] for row in CHANGED])
def test_what_is_only_a_warning(
    project: Path, ssh_lab: SshLab, reprun: Reprun, tmp_path: Path, change: str, subject: str, detail: str, hint: str
) -> None:  # fmt: skip
    host = ssh_lab.host("gpu1", path=(python(tmp_path / "bin", change),))
    found = examine(reprun, host, 0)
    assert found[subject]["status"] == "warn" and detail in found[subject]["detail"] and hint in found[subject]["hint"], found
    assert [item["subject"] for item in found.values() if item["status"] != "ok"] == [subject]


def test_gpus(project: Path, ssh_lab: SshLab, reprun: Reprun, tmp_path: Path) -> None:
    rows = "0, NVIDIA H200, 143771, 143000\\n1, NVIDIA H200, 143771, 12\\n"
    host = ssh_lab.host("gpu1", path=(program(tmp_path / "bin", "nvidia-smi", f"#!/bin/sh\nprintf '{rows}'\n"),))
    found = examine(reprun, host, 0)
    assert found["gpu 1"]["detail"] == "NVIDIA H200, 12 of 143771 MiB free" and "gpu 0" in found
    program(tmp_path / "bin", "nvidia-smi", "#!/bin/sh\necho 'Driver/library version mismatch'\nexit 18\n")
    found = examine(reprun, host, 0)
    assert found["gpu"]["status"] == "warn" and "version mismatch" in found["gpu"]["detail"]


def test_another_machine(project: Path, net_lab: NetLab, reprun: Reprun) -> None:
    host = net_lab.host("gpu1")
    found = examine(reprun, host, 0)
    assert found["machine"]["detail"].endswith("it has a disk of its own")
    host.make_home_read_only()
    found = examine(reprun, host, 3)
    assert [name for name, item in found.items() if item["status"] == "fail"] == ["home"]
    assert "cannot be written" in found["home"]["detail"] and "[targets.gpu1] home" in found["home"]["hint"]


def test_a_home_that_never_could_be_written(project: Path, net_lab: NetLab, reprun: Reprun) -> None:
    host = net_lab.host("gpu1")
    host.make_home_read_only()
    found = examine(reprun, host, 3)
    assert found["home"]["status"] == "fail" and "Read-only file system" in found["home"]["detail"]
    assert "[targets.gpu1] home" in found["home"]["hint"]


def test_a_small_disk(project: Path, net_lab: NetLab, reprun: Reprun) -> None:
    host = net_lab.host("gpu1")
    host.limit_home("50m")
    found = examine(reprun, host, 0)
    assert found["disk"]["status"] == "warn" and found["disk"]["detail"].startswith("only "), found


@pytest.mark.needs("netns", "unshare")
def test_a_machine_without_a_network(project: Path, home: Path) -> None:
    words = ["unshare", "-n", REPRUN, "doctor", "--on", "somebody@10.1.2.3"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 4 and "cannot be reached: this machine has no network to it" in done.stdout, done


@pytest.mark.needs("git-2.25")
@pytest.mark.parametrize("words", [("doctor",), ("launch", "--", "true"), ("ls",)])
def test_a_git_that_is_too_old_for_this_machine(repo: Path, reprun: Reprun, words: tuple[str, ...]) -> None:
    """And that a host may have."""
    answer = reprun(*words, env={"PATH": f"{old_tool('git-2.25')}:{os.environ['PATH']}"})
    assert answer.rc == 5 and "git 2.25.1 is older than 2.32" in answer.stderr and "conda install" in answer.stderr, answer
