"""`reprun attach` to a run elsewhere: a real tmux on the host, seen through a real terminal here."""

from __future__ import annotations

import os
import pty
import select
import time
from pathlib import Path

import pytest
from away_lab import know
from e2e_lab import Reprun, kill, launch, pid
from lab import REPRUN, SECONDS, until
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.needs("tmux")]

SHELLS = ("bash", "dash", "tcsh", "fish", "zsh")
EACH_SHELL = pytest.mark.parametrize("shell", [pytest.param(shell, marks=pytest.mark.needs(shell)) for shell in SHELLS])
ODD = "a 'home' $(touch oops) \"%s\" \\ #{x} ; -é"


class Terminal:
    """`reprun attach RUN` in a terminal of its own."""

    def __init__(self, run_id: str) -> None:
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "xterm"
            os.execv(REPRUN, [REPRUN, "attach", run_id])
        self.text = b""

    def shown(self, text: bytes, seconds: float = SECONDS) -> bool:
        """True as soon as `text` was drawn; False when the program has ended without that."""
        until_ = time.monotonic() + seconds
        while text not in self.text and time.monotonic() < until_:
            if select.select([self.fd], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.fd, 1 << 16)
                except OSError:
                    time.sleep(0.01)
                    break
        return text in self.text

    def detach(self) -> int:
        """Ctrl-B D; the exit status of the program. What comes within a millisecond is pasted text for tmux, and no command."""
        os.write(self.fd, b"\x02")
        time.sleep(0.2)
        os.write(self.fd, b"d")
        return self.end()

    def end(self) -> int:
        """Reads what is drawn until the program is gone; its exit status."""
        until_ = time.monotonic() + SECONDS
        while time.monotonic() < until_:
            self.shown(b"never drawn", 0.1)
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
        raise AssertionError(f"it goes on: {self.text!r}")


def _attach(reprun: Reprun, repo: Path, host: SshHost) -> None:
    script = "echo it is up; exec sleep 1000"
    data = launch(reprun, "--on", host.name, "--", "sh", "-c", script)
    until(lambda: "it is up" in reprun("logs", data["run_id"]).stdout or None)
    terminal = Terminal(data["run_id"])
    assert terminal.shown(b"it is up"), terminal.text
    assert terminal.detach() == 0
    assert reprun("status", "--json").data[0]["state"] == "running"
    terminal = Terminal(data["run_id"])
    assert terminal.shown(b"it is up"), terminal.text
    os.write(terminal.fd, b"\x03")  # Ctrl-C goes to the job
    until(lambda: reprun("wait", data["run_id"]).rc == 130 or None)
    terminal.end()  # with the session, by itself


@EACH_SHELL
def test_through_every_login_shell(
    ssh_lab: SshLab, repo: Path, home: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    host = ssh_lab.host("gpu1", shell=shell, rc="" if shell == "dash" else "echo noise\n", home=ODD)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    know(repo, host)
    _attach(reprun, repo, host)
    assert not list(ssh_lab.folder.rglob("oops"))


@pytest.mark.parametrize("place", ["~/odd $(touch oops) 'x'", "~/" + "long-" * 25], ids=["odd", "long"])
def test_with_any_home_there(
    ssh_host: SshHost, repo: Path, home: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """The socket of a long home is elsewhere, and where that is only the host knows."""
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home))  # of this machine: it means nothing there
    know(repo, ssh_host, target=f'home = "{place}"')
    _attach(reprun, repo, ssh_host)
    assert not list(ssh_host.folder.rglob("oops"))


def test_a_session_that_is_gone(
    ssh_host: SshHost, repo: Path, home: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host)
    data = launch(reprun, "--on", "gpu1", "--", "sleep", "1000")
    socket = ssh_host.home / ".local/share/reprun/tmux.sock"
    assert ssh_host.run(f"tmux -S {socket} kill-server").returncode == 0
    answer = reprun("attach", data["run_id"])
    assert answer.rc == 3 and "the run goes on without it" in answer.stderr and "logs -f" in answer.stderr
    ssh_host.stop()
    ssh_host.kill_connections()
    assert reprun("attach", data["run_id"]).rc == 4  # unknown, not gone
    kill(pid(data, "job"))
