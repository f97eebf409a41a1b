"""A host whose git is 2.25, the oldest that we speak to."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hidden_lab import describe, far, run_far, tree
from hiding import hide
from lab import Answer, Run, old_tool
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd", "git-2.25")]
Reprun = Callable[..., Answer]


@pytest.fixture
def gpu1(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """A host with such a git, and with settings of its user that would change what is checked out."""
    host = hide(ssh_lab.host("gpu1", path=(old_tool("git-2.25"),)), tmp_path)
    (host.home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n\tsymlinks = false\n")
    assert b" 2.25." in host.run("git version").stdout
    describe(host)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    return host


def test_the_tree_is_exact(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", 'filter.it\'s! "new".clean', "tr A-Z a-z")
    git("config", 'filter.it\'s! "new".smudge', "tr a-z A-Z")
    (repo / ".gitattributes").write_text("*.bat eol=crlf\n")
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "attributes").write_text("*.crlf eol=crlf\n")
    (repo / "one.bat").write_bytes(b"dir\r\n")
    (repo / "two.crlf").write_bytes(b"dir\r\n")
    (repo / "link").symlink_to("conf")
    for text in ("one\n", "two\n"):
        (repo / "train.py").write_text(text)
        data = run_far(reprun, gpu1, "--", "git", "status")
        assert tree(data["worktree"]) == tree(repo)
        assert data["outcome"]["state"] == "finished" and data["outcome"]["worktree"] == {"modified": False, "paths": []}


def test_a_filter(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / ".gitattributes").write_text("*.up filter=loud\n")
    git("config", "filter.loud.smudge", "sed 's/a/!/; y/bcd/BCD/'")
    git("config", "filter.loud.clean", "sed 's/!/a/; y/BCD/bcd/'")
    (repo / "one.up").write_text("!BCD\n")
    data = run_far(reprun, gpu1, "--", "true")
    assert tree(data["worktree"]) == tree(repo)


def test_writable_paths_and_a_second_attempt(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    with open("reprun.toml", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write('writable = ["outputs"]\n' + text)
    data = run_far(reprun, gpu1, "--", "sh", "-c", "echo 1 > outputs/x")
    assert data["outcome"]["state"] == "finished"
    assert reprun("resume", data["run_id"]).rc == 0


def test_objects_that_it_does_not_know_are_refused(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    shutil.rmtree(repo / ".git")
    git("init", "-q", "--object-format=sha256")
    answer = far(reprun, gpu1, "--", "true")
    assert answer.rc == 5 and "sha256" in answer.stdout and "2.29" in answer.stdout
