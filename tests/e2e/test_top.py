"""`reprun top` on a terminal: it shows the queue, acts on it when told to, and leaves the terminal as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from e2e_lab import Reprun, launch, show
from lab import REPRUN, until
from ssh_lab import SshLab

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("repo", "home")]


class Screen:
    """`reprun top` on a terminal of its own. All that it ever showed is in `shown`."""

    def __init__(self, *words: str, env: dict[str, str] | None = None) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
        self.before = termios.tcgetattr(theirs)
        env = {**os.environ, "TERM": "xterm-256color", **(env or {})}
        self.process = subprocess.Popen(
            [REPRUN, "top", "--every", "0.3", *words],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=env,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
        )
        self.theirs, self.shown = theirs, b""
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                piece = os.read(self.ours, 1 << 16)
            except OSError:
                return
            if not piece:
                return
            self.shown += piece

    def sees(self, text: str) -> None:
        """Waits until it was shown."""
        until(lambda: text.encode() in self.shown, f"{text!r} is shown; it was {self.shown[-2000:]!r}")

    def types(self, text: str) -> None:
        """What a person types; from here on only news count."""
        self.shown = b""
        os.write(self.ours, text.encode())

    def ends(self) -> int:
        """Its exit status."""
        return self.process.wait(60)

    def close(self) -> None:
        """Ends whatever still runs."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.theirs)
        self._reader.join(10)
        os.close(self.ours)


@pytest.fixture
def run_id(reprun: Reprun) -> str:
    """A queued run in a queue that gives out nothing."""
    reprun("queue", "slots", "--cpu", "1")
    reprun("queue", "pause")
    return str(launch(reprun, "--queue", "--name", "mine", "--", "true")["run_id"])


@pytest.fixture
def screen(run_id: str) -> Iterator[Screen]:
    """Top, which looks at it."""
    made = Screen()
    yield made
    made.close()


def test_it_shows_and_acts(screen: Screen, run_id: str, reprun: Reprun) -> None:
    screen.sees("1 queued, paused")
    screen.sees("mine")
    screen.types("o")  # the cursor is on what waits, for nothing runs
    screen.sees(f"reprun show {run_id}")
    screen.types("q")
    screen.sees("mine")
    screen.types("s")
    screen.sees(f"take mine ({run_id}) out of the queue?")
    screen.types("y")
    until(lambda: show(reprun, run_id)["state"] == "canceled", "it is taken out")
    screen.sees("nothing is queued")
    screen.types("q")
    assert screen.ends() == 0
    assert termios.tcgetattr(screen.theirs)[3] == screen.before[3]  # echo and line editing, as they were


def test_ctrl_c_ends_it(screen: Screen) -> None:
    screen.sees("mine")
    screen.types("\x03")
    assert screen.ends() == 0


def test_a_log_that_grows(reprun: Reprun, run_id: str, tmp_path: Path) -> None:
    words = (
        "sh",
        "-c",
        'echo first line; while [ ! -e "$0" ]; do sleep 0.02; done; echo "last $((40 + 2))"',
        str(tmp_path / "go"),
    )
    busy = launch(reprun, "--queue", "--priority", "99", "--", *words)["run_id"]
    reprun("queue", "resume")
    until(lambda: show(reprun, busy)["state"] == "running", "it runs")
    screen = Screen()
    try:
        screen.sees("1 of 1 slots busy")
        screen.types("f")
        screen.sees("first line")
        (tmp_path / "go").touch()
        screen.sees("last 42")
        os.kill(screen.process.pid, signal.SIGTERM)
        assert screen.ends() == 128 + signal.SIGTERM
        assert termios.tcgetattr(screen.theirs)[3] == screen.before[3]
    finally:
        screen.close()


def test_two_machines_of_which_one_falls_silent(reprun: Reprun, repo: Path, ssh_lab: SshLab) -> None:
    gpu1 = ssh_lab.host("gpu1")
    ssh_lab.host("gpu2")
    relay = ssh_lab.relay(gpu1, "slow")
    (repo / "reprun.toml").write_text("".join(f'[targets.{name}]\nhost = "{name}"\ntimeout = 60\n' for name in ("slow", "gpu2")))
    screen = Screen("--on", "slow,gpu2", env=gpu1.environ)
    try:
        screen.sees("slow: 0 of 1 slots busy")
        screen.sees("gpu2: 0 of 1 slots busy")
        relay.cut()
        screen.shown = b""
        screen.sees("slow has said nothing for")
        screen.types("q")  # nobody waits for a host to leave
        assert screen.ends() == 0
        assert termios.tcgetattr(screen.theirs)[3] == screen.before[3]
    finally:
        relay.heal()
        screen.close()
