"""What is remembered of a host may be wrong in every way; the next launch finds that out, and mends it by itself."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hidden_lab import describe, is_borrowed, run_far, store_of, tree
from hiding import hide
from lab import REPRUN, Answer, Run, until
from ssh_lab import SshHost, SshLab

from reprun.runner.files import remove_tree

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd")]
Reprun = Callable[..., Answer]


@pytest.fixture
def gpu1(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """A host that sees nothing of the dev side."""
    host = hide(ssh_lab.host("gpu1").meet(), tmp_path)
    describe(host)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    return host


def memo(repo: Path) -> Path:
    """The one memo."""
    (found,) = (repo / ".git" / "reprun" / "hosts").iterdir()
    return found


def edit(repo: Path, text: str) -> None:
    """A tree that the host cannot have yet."""
    (repo / "train.py").write_text(text)


def check(reprun: Reprun, host: SshHost, repo: Path) -> None:
    """A launch works, and the next one has the memo right again."""
    edit(repo, os.urandom(4).hex())
    data = run_far(reprun, host, "--", "true")
    assert tree(data["worktree"]) == tree(repo)
    assert json.loads(memo(repo).read_text())["commits"][0] == data["commit"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"commits": 5, "shared": false}', '{"commits": ["HEAD"], "shared": false}',
     '{"commits": [["a"]], "shared": false}', '{"commits": "abc", "shared": false}', '{"commits": [], "shared": true}',
     '{"commits": ["%s"], "shared": false}' % ("a" * 40), '{"shared": "no", "commits": []}', "\xff\xfe"],
)  # fmt: skip
def test_a_damaged_memo(gpu1: SshHost, repo: Path, reprun: Reprun, text: str) -> None:
    run_far(reprun, gpu1, "--", "true")
    memo(repo).write_text(text, encoding="latin-1")
    check(reprun, gpu1, repo)


def test_a_memo_that_cannot_be_written(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    run_far(reprun, gpu1, "--", "true")
    place = memo(repo)
    place.unlink()
    (place / "in the way").mkdir(parents=True)
    edit(repo, "next")
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)


def test_a_host_that_was_wiped(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    run_far(reprun, gpu1, "--", "true")
    remove_tree(str(gpu1.home / ".local"))
    check(reprun, gpu1, repo)


def test_a_commit_that_the_host_has_lost(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    """The tree is launched again that was launched just now: the memo says that nothing is to be sent."""
    run_far(reprun, gpu1, "--", "true")
    remove_tree(str(store_of(gpu1)))
    remove_tree(str(gpu1.home / ".local/share/reprun/worktrees"))
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)


def test_objects_that_the_host_has_lost(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    """Its refs are there and what they keep is not, which nobody notices until it is read."""
    run_far(reprun, gpu1, "--", "true")
    remove_tree(str(store_of(gpu1) / "objects"))
    (store_of(gpu1) / "objects" / "info").mkdir(parents=True)
    remove_tree(str(gpu1.home / ".local/share/reprun/worktrees"))
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)
    check(reprun, gpu1, repo)


def test_a_blob_that_the_host_has_lost(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    run_far(reprun, gpu1, "--", "true")
    blob = git("rev-parse", "HEAD:conf/base.yaml")
    (store_of(gpu1) / "objects" / blob[:2] / blob[2:]).unlink()
    remove_tree(str(gpu1.home / ".local/share/reprun/worktrees"))
    check(reprun, gpu1, repo)


def test_a_commit_that_was_pruned_here(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    edit(repo, "never committed")
    data = run_far(reprun, gpu1, "--", "true")
    for ref in git("for-each-ref", "--format=%(refname)", "refs/reprun").split():
        git("update-ref", "-d", ref)
    git("gc", "-q", "--prune=now")
    assert git("cat-file", "-t", data["commit"], check=False) == ""
    check(reprun, gpu1, repo)


def test_another_home_and_back(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    run_far(reprun, gpu1, "--", "true")
    shutil.rmtree(repo / ".git" / "reprun" / "hosts")
    (repo / "reprun.toml").write_text("")
    describe(gpu1, home="~/other place")
    edit(repo, "there")
    data = run_far(reprun, gpu1, "--", "true")
    assert data["run_dir"].startswith(str(gpu1.home / "other place")) and tree(data["worktree"]) == tree(repo)
    check(reprun, gpu1, repo)


def test_two_clones_with_one_name(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    other = tmp_path / "elsewhere" / "project"
    git("clone", "-q", str(repo), str(other))
    shutil.copy(repo / "reprun.toml", other)
    for top in (repo, other, repo, other):
        edit(top, str(top) + os.urandom(4).hex())
        assert tree(run_far(reprun, gpu1, "--", "true", cwd=top)["worktree"]) == tree(top)
    assert len(list((gpu1.home / ".local/share/reprun/repos").glob("project-*.git"))) == 2


def test_launches_at_once_to_a_new_host(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    words = [REPRUN, "launch", "--json", "--on", "gpu1", "--", "true"]
    launches = [subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(4)]
    answers = [json.loads(launch.communicate()[0]) for launch in launches]
    assert [answer["ok"] for answer in answers] == [True] * 4, answers
    assert len({answer["data"]["worktree"] for answer in answers}) == 1
    assert tree(answers[0]["data"]["worktree"]) == tree(repo)


def test_a_first_push_that_breaks(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    """The link is cut in the middle of a pack. Whatever the launch makes of that, nothing wrong is left, and it goes on."""
    for number in range(250):
        (repo / f"file{number}").write_bytes(os.urandom(150_000))
    git("add", "-A")
    git("commit", "-qm", "large")
    words = [REPRUN, "launch", "--json", "--on", "gpu1", "--", "true"]
    launch = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    repos = gpu1.home / ".local/share/reprun/repos"
    until(lambda: list(repos.glob("*.git/incoming.*/pack/tmp_pack_*")), "a pack is on its way")
    gpu1.kill_connections()
    answer = json.loads(launch.communicate()[0])
    if not answer["ok"]:
        assert answer["exit_code"] == 4 and "reprun resume" in answer["error"]["hint"], answer
        assert reprun("resume", "@last").rc == 0
    until(lambda: not list(repos.glob("*.git/incoming.*")), "what came of the broken push is gone")
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)


def test_a_disk_that_is_seen_and_then_no_more(ssh_lab: SshLab, tmp_path: Path, repo: Path, reprun: Reprun) -> None:
    """First nothing is copied; then the code is sent, for what was borrowed is out of sight; then it is borrowed again."""
    host = ssh_lab.host("gpu1").meet()
    describe(host)
    edit(repo, "seen")
    data = run_far(reprun, host, "--", "true")
    assert is_borrowed(host) and tree(data["worktree"]) == tree(repo)
    objects = store_of(host) / "objects"
    assert not [path for path in objects.rglob("*") if path.is_file() and path.parent.name != "info"]
    assert json.loads(memo(repo).read_text())["shared"] is True
    hide(host, tmp_path)
    for text in ("seen", "hidden"):
        edit(repo, text)
        data = run_far(reprun, host, "--", "git", "fsck")
        assert not is_borrowed(host) and tree(data["worktree"]) == tree(repo)
        assert data["outcome"]["state"] == "finished"
