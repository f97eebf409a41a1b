"""What the tests of remote faults share: launches on a host behind a relay, and how often their jobs were executed.

Each job adds the id of its run to a file, so a second execution can never hide: the fixture looks at the end of the test, and
all tests of a module share one host, so at the end of the last test it has waited long enough. The host is `gpu1-far`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from lab import Answer, end_processes_of, run_reprun, until
from ssh_lab import SshLab

JOB = ("sh", "-c", 'echo "$REPRUN_RUN_ID" >> "$0"')
_GIT = "[user]\n\tname = Tester\n\temail = tester@localhost\n[init]\n\tdefaultBranch = main\n"


class Far:
    """A host, the way to it, a repository here, and what was executed there. Its environment is that of `patch`."""

    def __init__(self, lab: SshLab, patch: pytest.MonkeyPatch, **login: Any) -> None:
        self.lab, self.host = lab, lab.host("gpu1", **login)
        self.relay = lab.relay(self.host)
        self.name = self.relay.name
        self.repo, self.count = lab.folder / "dev" / "project", lab.folder / "count"
        self._make_repository(patch)
        self.said = ""  # by the last error
        self.count.touch()
        self.describe()

    def _make_repository(self, patch: pytest.MonkeyPatch) -> None:
        self.repo.mkdir(parents=True)
        home = self.repo.parent
        (home / "gitconfig").write_text(_GIT)
        patch.setenv("HOME", str(home))
        patch.setenv("REPRUN_HOME", str(home / "reprun"))
        patch.setenv("GIT_CONFIG_GLOBAL", str(home / "gitconfig"))
        patch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        for name, value in self.host.environ.items():
            patch.setenv(name, value)
        patch.chdir(self.repo)
        (self.repo / "train.py").write_text("print('training')\n")
        for words in (("init", "-q"), ("add", "--all"), ("commit", "-qm", "first")):
            subprocess.run(["git", *words], check=True)

    def describe(self, timeout: int = 2, **more: str) -> None:
        """Writes the target into reprun.toml."""
        lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in more.items())
        (self.repo / "reprun.toml").write_text(f'[targets.{self.name}]\nhost = "{self.name}"\ntimeout = {timeout}\n{lines}')

    def move(self, name: str, **login: Any) -> None:
        """From now on it is another host of the lab, without a relay."""
        for pid in masters(self.name):
            os.kill(pid, signal.SIGTERM)
        self.host, self.name = self.lab.host(name, **login), name
        self.describe()

    def call(self, *words: str, **how: Any) -> Answer:
        """The installed command."""
        return run_reprun(*words, **how)

    def words(self, *job: str) -> list[str]:
        """The words of a launch of the job, from a tree that was edited just before."""
        (self.repo / "edited").write_text(str(time.monotonic_ns()))
        return ["launch", "--json", "--on", self.name, "--", *(job or (*JOB, str(self.count)))]

    def launch(self, *job: str) -> Answer:
        """Launches the job, or another one."""
        return self.call(*self.words(*job))

    def ran(self, answer: Answer) -> str:
        """The launch went well, and the job is executed. Returns the run's id."""
        run_id = str(answer.data["run_id"])
        self.await_job(run_id)
        return run_id

    def await_job(self, run_id: str) -> None:
        """Until the job of this run was executed; the fixture looks whether it was executed again."""
        until(lambda: run_id in self.executed(), f"{run_id} was executed")

    def executed(self) -> Counter[str]:
        """How often each run was executed."""
        return Counter(self.count.read_text().split())

    def broke(self, answer: Answer, code: int = 4) -> str:
        """The launch failed in the documented way. Returns the id of the run that its hint speaks of."""
        assert answer.rc == code and "Traceback" not in answer.stderr + answer.stdout, answer
        error = answer.json["error"]
        self.said = str(error["message"])
        assert self.said and "\n" not in self.said and "reprun resume " in error["hint"], answer
        return str(error["hint"]).split("reprun resume ")[1].split()[0]

    def mend(self, run_id: str) -> None:
        """Carries on with a launch that broke, twice."""
        for _ in range(2):
            answer = self.call("resume", run_id)
            assert answer.rc == 0, answer
        self.await_job(run_id)

    def state(self, run_id: str) -> str:
        """The state of a run that is over."""
        return str(self.call("wait", "--json", run_id).json["data"][0]["state"])

    def close(self) -> None:
        """Ends what is left of the connections."""
        for pid in masters(self.name):
            os.kill(pid, signal.SIGTERM)
        end_processes_of(str(self.repo.parent))


@contextmanager
def open_far() -> Iterator[Far]:
    """A host in a lab of its own, for the tests of a module."""
    lab = SshLab()
    try:
        with pytest.MonkeyPatch.context() as patch:
            far = Far(lab, patch)
            yield far
            far.close()
    finally:
        lab.close()


def ssh_clients(lab: SshLab) -> list[int]:
    """The ssh processes that a reprun has started and that are no master of a connection."""
    return [pid for pid, text in commands() if str(lab.config) in text and "[mux]" not in text and text.startswith("ssh\0")]


def masters(name: str) -> list[int]:
    """The processes that hold the shared connection to a host of `REPRUN_SSH`."""
    from reprun.hosts.ssh_words import find_route

    socket = find_route(name, 2.0).socket
    return [pid for pid, text in commands() if socket in text and "[mux]" in text]


def commands() -> list[tuple[int, str]]:
    """The processes of this machine with their command lines."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                found.append((int(name), Path("/proc", name, "cmdline").read_text("utf-8", "replace")))
            except OSError:
                pass  # gone
    return found
