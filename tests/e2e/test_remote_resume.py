"""A launch far away that was killed: `resume` carries it on, and the job is executed once."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from e2e_lab import Reprun
from lab import REPRUN, until
from remote_lab import PLACE, describe
from ssh_lab import SshHost

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("home")]


def _line(word: str) -> Callable[[Path, Path], bool]:
    """True when a journal of the repository has a line of that step."""

    def there(repo: Path, far: Path) -> bool:
        found = (repo / ".git" / "reprun" / "journal").rglob("*.jsonl")
        return any(f'"step": "{word}"' in path.read_text() for path in found)

    return there


def _file(pattern: str) -> Callable[[Path, Path], bool]:
    """True when the host has such a file in the folder of a run."""
    return lambda repo, far: any(True for _ in far.glob(f"runs/*/{pattern}"))


INSTANTS = {
    "snapshot": _line("snapshot"), "folder": _file("output"), "plan": _file("launch.json"), "sealed": _line("sealed"),
    "submit": _line("submit"), "manifest": _file("manifest.toml"), "claim": _file("[c]laim"), "started": _file("started.json"),
}  # fmt: skip


@pytest.mark.parametrize("whom", ["launch", "and-its-ssh"])
@pytest.mark.parametrize("instant", INSTANTS)
def test_a_launch_that_was_killed_runs_once(repo: Path, reprun: Reprun, ssh_host: SshHost, instant: str, whom: str) -> None:
    describe(repo, ssh_host.meet())
    how = {"env": ssh_host.environ}
    assert reprun("launch", "--on", "gpu1", "--follow", "--name", "first", "--", "true", **how).rc == 0
    for path in (repo / ".git" / "reprun" / "journal").rglob("*.jsonl"):
        path.unlink()
    far = ssh_host.home / PLACE
    (far / "runs").rename(far / "earlier")
    marks = ssh_host.folder / "marks"
    words = [REPRUN, "launch", "--on", "gpu1", "--name", "second", "--", "sh", "-c", f"echo once >> {marks}"]
    launching = subprocess.Popen(words, env={**os.environ, **ssh_host.environ}, start_new_session=True, stdout=subprocess.PIPE)
    until(lambda: INSTANTS[instant](repo, far), instant)
    if whom == "and-its-ssh":
        ssh_host.kill_connections()
    launching.kill()
    launching.communicate()
    for _ in range(2):
        answer = reprun("resume", "second", **how)
        assert answer.rc in (0, 3), answer  # 3: its start was seen, and nothing may start it again
    assert reprun("wait", "second", **how).rc == 0
    assert marks.read_text() == "once\n"
    assert not [item for item in reprun("status", "--json", **how).data if item["name"] == "second"]


def test_a_supervisor_that_hangs_is_not_replaced(repo: Path, reprun: Reprun, ssh_host: SshHost) -> None:
    """The run reads as it is, however often it is resumed."""
    describe(repo, ssh_host.meet())
    words = ["launch", "--on", "gpu1", "--name", "far", "--json", "--", "sleep", "1000"]
    run_id = reprun(*words, env=ssh_host.environ).data["run_id"]
    path = ssh_host.home / PLACE / "runs" / run_id / "claim"
    pid = int(os.readlink(path).split(":")[2])
    os.kill(pid, signal.SIGSTOP)
    for _ in range(2):
        answer = reprun("resume", "far", "--json", env=ssh_host.environ)
        assert answer.rc == 0 and answer.data["state"] == "running" and answer.data["resumed"] is False
