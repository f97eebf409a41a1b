"""`reprun logs -f` of a run elsewhere: a link that breaks is no end, nothing is lost, and nothing comes twice."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from away_lab import begin, know
from e2e_lab import Reprun, launch
from lab import SECONDS, until
from ssh_lab import SshHost

pytestmark = pytest.mark.e2e


@pytest.fixture
def far(repo: Path, home: Path, ssh_host: SshHost, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    monkeypatch.setenv("REPRUN_SSH", ssh_host.environ["REPRUN_SSH"])
    know(repo, ssh_host)
    return ssh_host.meet()


class Job:
    """A job that writes what it is told, to both streams; and somebody who follows its log into files."""

    def __init__(self, reprun: Reprun, folder: Path, *words: str) -> None:
        self.steps = folder / "steps"
        self.steps.mkdir()
        script = (
            f"n=1; while :; do until [ -e {self.steps}/$n ]; do sleep 0.02; done; "
            f". {self.steps}/$n; n=$((n+1)); touch {self.steps}/$n.reached; done"
        )
        self.data = launch(reprun, "--on", "gpu1", "--", "sh", "-c", script)
        self.out, self.err = folder / "out", folder / "err"
        with self.out.open("wb") as out, self.err.open("wb") as err:
            words = ("logs", "-f", *words, self.data["run_id"])
            self.follower = subprocess.Popen(["reprun", *words], stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.number = 0

    def do(self, script: str) -> None:
        """Lets the job run the next piece; returns when it has begun it."""
        self.number += 1
        aside = self.steps / "aside"
        aside.write_text(script + "\n")
        aside.rename(self.steps / str(self.number))

    def shown(self, text: str) -> None:
        """Waits until the follower has printed `text`."""
        until(lambda: text in self.out.read_text() or None, f"{text!r} is shown")

    def said(self, text: str) -> None:
        until(lambda: text in self.err.read_text() or None, f"{text!r} is said")


def test_it_goes_on_after_a_break(far: SshHost, tmp_path: Path, reprun: Reprun) -> None:
    job = Job(reprun, tmp_path)
    job.do("echo one; echo -n 'hal'")
    job.shown("hal")
    far.stop()
    far.kill_connections()
    job.said("trying again")
    job.do("echo f; i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done")
    until(lambda: (job.steps / "3.reached").exists() or None)
    far.start()
    job.shown("line 19999\n")
    job.do("exit 0")
    assert job.follower.wait(SECONDS) == 0
    assert job.out.read_text() == "one\nhalf\n" + "".join(f"line {number}\n" for number in range(20000))
    assert job.err.read_text().count("trying again") == 1 and "Ctrl-C" in job.err.read_text()


def test_the_end_is_seen_after_the_host_was_away(far: SshHost, tmp_path: Path, reprun: Reprun) -> None:
    job = Job(reprun, tmp_path, "--stdout")
    job.do("echo one; echo unseen >&2")
    job.shown("one\n")
    far.stop()
    far.kill_connections()
    job.said("trying again")
    job.do("echo last; exit 7")
    until(lambda: Path(job.data["run_dir"], "outcome.json").exists() or None)
    far.start()
    assert job.follower.wait(SECONDS) == 0 and job.out.read_text() == "one\nlast\n"
    assert reprun("wait", job.data["run_id"]).rc == 7


def test_a_connection_that_is_replaced_at_once_is_not_even_said(far: SshHost, tmp_path: Path, reprun: Reprun) -> None:
    job = Job(reprun, tmp_path)
    for word in ("one", "two", "three"):
        job.do(f"echo {word}")
        job.shown(f"{word}\n")
        far.kill_connections()
    job.do("exit 0")
    assert job.follower.wait(SECONDS) == 0 and job.out.read_text() == "one\ntwo\nthree\n"


def test_ctrl_c_ends_the_waiting_and_not_the_run(far: SshHost, tmp_path: Path, reprun: Reprun) -> None:
    job = Job(reprun, tmp_path)
    job.do("echo one")
    job.shown("one\n")
    far.stop()
    far.kill_connections()
    job.said("trying again")
    job.follower.send_signal(signal.SIGINT)
    assert job.follower.wait(SECONDS) == 130
    far.start()
    assert reprun("status", "--json").data[0]["state"] == "running"
    job.do("exit 0")
    assert reprun("wait", job.data["run_id"]).rc == 0


def test_a_host_that_was_never_there_is_an_error(far: SshHost, reprun: Reprun) -> None:
    data = launch(reprun, "--on", "gpu1", "--", "true")
    far.stop()
    far.kill_connections()
    answer = reprun("logs", "-f", data["run_id"])
    assert answer.rc == 4 and "hint:" in answer.stderr and "trying again" not in answer.stderr


def test_a_launch_that_follows_goes_on_too(far: SshHost, tmp_path: Path, home: Path) -> None:
    gate = tmp_path / "gate"
    script = f"echo one; until [ -e {gate} ]; do sleep 0.02; done; echo two; exit 5"
    process = begin("launch", "--follow", "--on", "gpu1", "--", "sh", "-c", script)
    assert process.stdout is not None
    for line in iter(process.stdout.readline, b"one\n"):
        assert line
    far.kill_connections()
    gate.touch()
    out, _ = process.communicate(timeout=SECONDS)
    assert out.startswith(b"two\n") and process.returncode == 5


def test_bytes_come_as_they_are(far: SshHost, reprun: Reprun, tmp_path: Path) -> None:
    script = "import os; os.write(1, bytes(range(256)) * 3000)"
    data = launch(reprun, "--on", "gpu1", "--", "python3", "-c", script)
    with (tmp_path / "log").open("wb") as file:
        subprocess.run(["reprun", "logs", "-f", "--stdout", data["run_id"]], stdout=file, check=True, timeout=SECONDS)
    assert (tmp_path / "log").read_bytes() == bytes(range(256)) * 3000 == Path(data["run_dir"], "stdout.log").read_bytes()
    assert os.path.getsize(data["run_dir"] + "/stderr.log") == 0
