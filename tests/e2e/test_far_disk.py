"""A host whose disk is full, while code and contents arrive: one sentence, nothing wrong is left, and there is a way on."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hidden_lab import describe, far
from hiding import hide
from lab import Answer, Run
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "mount", "sshd")]
Reprun = Callable[..., Answer]
SMALL = 'mount -t tmpfs -o size=40m none "$0" || exit; exec "$@"'


@pytest.fixture
def gpu1(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """A host that sees nothing of the dev side, whose HOME is a disk of 40 MiB."""
    host = ssh_lab.host("gpu1")
    hide(host, tmp_path, "sh", "-c", SMALL, str(host.home))
    describe(host)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    (repo / "reprun.toml").write_text((repo / "reprun.toml").read_text() + '[guard]\nmax_file = "1 GiB"\nmax_total = "1 GiB"\n')
    return host


def usage(host: SshHost) -> str:
    """What is in the store's objects that is no object: packs half made, and the like."""
    words = "find .local/share/reprun/repos \\( -name 'tmp_*' -o -name '*.tmp' -o -name 'incoming*' \\) | sort"
    return host.run(words).stdout.decode()


@pytest.mark.parametrize(("count", "size"), [(3, 15 << 20), (400, 120 << 10)])
def test_code_that_does_not_fit(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, count: int, size: int) -> None:
    for number in range(count):
        (repo / f"file{number}").write_bytes(os.urandom(size))
    answer = far(reprun, gpu1, "--", "true")
    message = answer.json["error"]["message"]
    assert answer.rc == 5 and "does not fit" in message and "No space left on device" in message and "gpu1" in message, answer
    assert "\n" not in message and "home" in answer.json["error"]["hint"]
    assert usage(gpu1) == ""
    for number in range(count):
        (repo / f"file{number}").unlink()
    assert far(reprun, gpu1, "--", "true").rc == 0


@pytest.mark.needs("git-lfs")
def test_contents_that_do_not_fit(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    git("lfs", "install", "--local", "--skip-repo")
    git("lfs", "track", "*.bin")
    (repo / "one.bin").write_bytes(os.urandom(60 << 20))
    answer = far(reprun, gpu1, "--", "true")
    message = answer.json["error"]["message"]
    assert answer.rc == 5 and "No space left on device" in message and "lfs" in message, answer
    (repo / "one.bin").write_bytes(b"small")
    assert far(reprun, gpu1, "--", "true").rc == 0
