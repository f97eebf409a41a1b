"""The hosts of ssh_lab.py are what they say."""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from lab import old_tool, processes_of, until
from ssh_lab import SshHost, SshLab
from ssh_login import SHELLS

EACH_SHELL = pytest.mark.parametrize("shell", [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in SHELLS])
WITH_RC = pytest.mark.parametrize(
    "shell", [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in SHELLS if shell != "dash"]
)


@EACH_SHELL
def test_commands_go_through_the_shell(ssh_lab: SshLab, shell: str) -> None:
    """/proc says which program it is: the parent of the command is the shell, or has just become the command."""
    host = ssh_lab.host(shell=shell)
    assert host.run("sh -c 'readlink /proc/$PPID/exe'; true").stdout.decode().strip().rpartition("/")[2] == shell


@EACH_SHELL
def test_home_and_environment_are_those_of_a_fresh_login(ssh_lab: SshLab, shell: str) -> None:
    host = ssh_lab.host(shell=shell, home="a 'home' $(touch oops)")
    said = dict(line.split("=", 1) for line in host.run("/usr/bin/env -0").stdout.decode().split("\0") if line)
    assert said["HOME"] == str(host.home)
    assert said["SHELL"].endswith(f"/{shell}")
    assert {"SSH_CLIENT", "SSH_CONNECTION", "USER", "PATH"} <= set(said)
    if shell == "dash":  # others set more
        assert set(said) <= {"HOME", "SHELL", "PATH", "PWD", "USER", "LOGNAME", "MAIL", "SSH_CLIENT", "SSH_CONNECTION"}
    assert not [name for name in said if name.startswith(("REPRUN", "PYTEST", "SSH_ORIGINAL"))]
    assert host.run("/bin/pwd -P").stdout.decode() == f"{host.home}\n"
    assert not list(ssh_lab.folder.rglob("oops"))


@WITH_RC
def test_rc_is_read_and_may_print(ssh_lab: SshLab, shell: str) -> None:
    assert ssh_lab.host(shell=shell, rc="echo noise\n").run("echo asked").stdout == b"noise\nasked\n"


@WITH_RC
def test_rc_may_end_the_shell(ssh_lab: SshLab, shell: str) -> None:
    """In tcsh and fish `exit` ends the file and not the shell."""
    end = "exec sh -c 'exit 3'\n" if shell in ("tcsh", "fish") else "exit 3\n"
    done = ssh_lab.host(shell=shell, rc=end).run("echo asked")
    assert (done.returncode, done.stdout) == (3, b"")


@WITH_RC
def test_rc_may_eat_what_comes_in(ssh_lab: SshLab, shell: str) -> None:
    assert ssh_lab.host(shell=shell, rc="cat >/dev/null\n").run("wc -c", stdin=b"12345").stdout.strip() == b"0"
    assert ssh_lab.host("gpu2", shell=shell).run("wc -c", stdin=b"12345").stdout.strip() == b"5"


@EACH_SHELL
def test_programs_can_be_missing(ssh_lab: SshLab, shell: str) -> None:
    host = ssh_lab.host(shell=shell, without=("git", "python3"))
    said = host.run("git --version; python3 --version; python3.11 --version; tmux -V")
    assert b"git version" not in said.stdout and b"Python" not in said.stdout and b"tmux" in said.stdout
    assert b"git version" in ssh_lab.host("gpu2", shell=shell).run("git --version").stdout


def test_programs_can_be_put_in_front(ssh_lab: SshLab, tmp_path: Path) -> None:
    (tmp_path / "git").write_text("#!/bin/sh\necho mine\n")
    (tmp_path / "git").chmod(0o755)
    assert ssh_lab.host(path=(tmp_path,)).run("git --version; tmux -V").stdout.startswith(b"mine\ntmux")


@pytest.mark.needs("git-2.25")
def test_git_can_be_old(ssh_lab: SshLab, repo: Path) -> None:
    host = ssh_lab.host(path=(old_tool("git-2.25"),))
    assert host.run("git --version").stdout == b"git version 2.25.1\n"
    assert host.run("git init -q --bare there && git -C there rev-parse --git-dir").stdout == b".\n"
    push = ["git", "push", "-q", f"{host.name}:there", "HEAD:refs/heads/main"]
    subprocess.run(push, env={**os.environ, "GIT_SSH_COMMAND": shlex.join(host.command)}, check=True)
    assert b"commit" in host.run("git -C there cat-file -t main").stdout


@pytest.mark.needs("python-3.8")
def test_python_can_be_old(ssh_lab: SshLab) -> None:
    said = ssh_lab.host(path=(old_tool("python-3.8"),)).run("python3 -c 'import hashlib,json,sys; print(sys.version_info[:2])'")
    assert said.stdout == b"(3, 8)\n"


@pytest.mark.needs("faketime")
@pytest.mark.parametrize(("clock", "days"), [("+1d", 1), ("-1d", -1)])
def test_the_clock_can_be_wrong(ssh_lab: SshLab, clock: str, days: int) -> None:
    said = ssh_lab.host(clock=clock).run("date +%s; python3 -c 'import time; print(int(time.time()))'").stdout.split()
    assert [round((int(seconds) - time.time()) / 86400) for seconds in said] == [days, days]


def test_what_was_asked_arrives_as_it_is(ssh_host: SshHost) -> None:
    assert ssh_host.run("printf %s 'a\n'\\''b'\" \\$HOME\"").stdout == b"a\n'b $HOME"


def test_files_can_be_copied(ssh_host: SshHost, tmp_path: Path) -> None:
    """scp asks for sftp, which is a subsystem and no command."""
    (tmp_path / "here").write_bytes(b"\0data")
    words = ["scp", "-q", "-F", str(ssh_host.config), "-o", "BatchMode=yes", str(tmp_path / "here"), f"{ssh_host.name}:there"]
    subprocess.run(words, stdin=subprocess.DEVNULL, check=True)
    assert (ssh_host.home / "there").read_bytes() == b"\0data"


def test_hosts_are_apart_and_share_one_config(ssh_lab: SshLab) -> None:
    hosts = [ssh_lab.host("gpu1"), ssh_lab.host("gpu10")]
    assert hosts[0].environ == hosts[1].environ and str(hosts[0].config) in hosts[0].environ["REPRUN_SSH"]
    for host in hosts:
        host.run("echo $HOME >here; nohup sleep 1000 >/dev/null 2>&1 </dev/null &")
        assert (host.home / "here").read_text() == f"{host.home}\n"
    hosts[0].power_cut()
    assert not processes_of(f"{hosts[0].folder}/") and processes_of(f"{hosts[1].folder}/")


@pytest.fixture
def standing(ssh_host: SshHost) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs over a connection of its own."""
    words = [*ssh_host.command, "-T", "-o", "BatchMode=yes", ssh_host.name, "echo up; exec sleep 1000"]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"up\n"
        yield process
        process.kill()


def test_stop_refuses_what_is_new_and_leaves_what_stands(ssh_host: SshHost, standing: subprocess.Popen[bytes]) -> None:
    ssh_host.stop()
    refused = ssh_host.run("true")
    assert refused.returncode == 255 and b"refused" in refused.stderr
    assert standing.poll() is None
    ssh_host.start()
    assert ssh_host.run("true").returncode == 0
    assert standing.poll() is None


def test_kill_connections_ends_what_stands(ssh_host: SshHost, standing: subprocess.Popen[bytes]) -> None:
    assert ssh_host.daemon.connections() == 1
    ssh_host.kill_connections()
    assert standing.wait(60) == 255
    assert ssh_host.run("true").returncode == 0
    ssh_host.stop()


def test_a_connection_that_outlived_its_sshd_can_be_killed(ssh_host: SshHost, standing: subprocess.Popen[bytes]) -> None:
    ssh_host.restart()
    assert standing.poll() is None
    ssh_host.kill_connections()
    assert standing.wait(60) == 255


def test_a_power_cut_ends_a_connection_without_a_command(ssh_host: SshHost) -> None:
    words = [*ssh_host.command, "-N", "-o", "BatchMode=yes", ssh_host.name]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
        until(lambda: b"Accepted publickey" in ssh_host.daemon.log.read_bytes())
        ssh_host.power_cut()
        assert client.wait(60) == 255


def test_a_power_cut_ends_everything_and_files_stay(ssh_host: SshHost) -> None:
    ssh_host.run(
        "echo kept >file; nohup sleep 1000 >/dev/null 2>&1 </dev/null & tmux -S $HOME/sock -f /dev/null new -d sleep 1000"
    )
    until(lambda: len(processes_of(f"{ssh_host.home}/sock")) > 0 and len(processes_of(f"{ssh_host.folder}/")) > 2)
    ssh_host.power_cut()
    assert not processes_of(f"{ssh_host.folder}/")
    assert ssh_host.run("true").returncode == 255
    ssh_host.start()
    assert ssh_host.run("cat file").stdout == b"kept\n"


def test_a_key_that_is_unknown_changed_or_not_authorised(ssh_host: SshHost) -> None:
    ssh_host.forget()
    assert b"Host key verification failed" in ssh_host.run("true").stderr
    ssh_host.know()
    assert ssh_host.run("true").returncode == 0
    ssh_host.new_host_key()
    ssh_host.restart()
    assert b"IDENTIFICATION HAS CHANGED" in ssh_host.run("true").stderr
    ssh_host.know()
    assert ssh_host.run("true").returncode == 0
    ssh_host.authorized_keys.write_text("")
    assert b"Permission denied" in ssh_host.run("true").stderr
