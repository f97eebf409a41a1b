"""A host whose git is 2.25: it is given no word, and no variable, that came later.

No such git can be had here. The one of this machine stands in for it behind a door that does not hand on the variables that
later releases brought; and what is said to it must be in a list of words that were compared with the notes of its release.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from far_lab import describe, far, run_far, tree
from hiding import hiding
from lab import Answer, Run
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd")]
Reprun = Callable[..., Answer]

_DOOR = """#!/bin/sh
for word in "$@"; do printf '%s\\n' "$word"; done >> {log}
echo >> {log}
[ "$1" = version ] && {{ echo git version 2.25.1; exit; }}
unset GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_NO_LAZY_FETCH
case "$*" in
  *core.fsmonitor=false*) echo "fatal: cannot run false" >&2; exit 1;;
  *--object-format*) echo "error: unknown option object-format" >&2; exit 129;;
esac
exec {git} "$@"
"""
# What the runner says to git, all of it known to 2.25. A newcomer is looked up in the release notes before it comes in here.
_WORDS = {
    "": {"-c", "--literal-pathspecs"},
    "cat-file": {"-e", "--filters", "--path"},
    "diff-files": {"--name-only", "-z"},
    "diff-tree": {"-r", "-z", "--name-only", "--no-renames"},
    "for-each-ref": {"--sort", "--count", "--format"},
    "index-pack": {"--stdin", "--fix-thin"},
    "init": {"--quiet", "--bare", "--template", "--object-format"},
    "ls-tree": {"-z", "--"},
    "pack-refs": {"--all"},
    "read-tree": {"--reset", "-u"},
    "rev-list": {"--objects", "--quiet", "--not", "--all"},
    "rev-parse": {"--verify", "--quiet"},
    "status": {"--porcelain", "-z", "--no-renames", "--untracked-files", "--ignored", "--ignore-submodules"},
    "unpack-objects": {"-q"},
    "update-index": {"-z", "--skip-worktree", "--no-skip-worktree", "--stdin"},
    "update-ref": set(),
    "version": set(),
}


def check_words(log: Path) -> None:
    """Nothing was said to git that is not in the list."""
    for call in log.read_text().split("\n\n"):
        words = [word for word in call.split("\n") if word]
        command = ""
        for before, word in zip(["", *words], words, strict=False):
            if before == "-c":
                continue
            if word.startswith("-"):
                assert word.partition("=")[0] in _WORDS[command], (command, word)
            elif not command and word:
                assert word in _WORDS, call
                command = word


@pytest.fixture
def gpu1(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SshHost]:
    """A host with such a git, and with settings of its user that would change what is checked out."""
    programs = ssh_lab.folder / "old"
    programs.mkdir()
    real = shutil.which("git")
    (programs / "git").write_text(_DOOR.format(git=real, log=programs / "log"))
    (programs / "git").chmod(0o755)
    host = ssh_lab.host("gpu1", prefix=hiding(tmp_path), path=(programs,))
    (host.home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n\tsymlinks = false\n")
    describe(host)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    yield host
    check_words(programs / "log")


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
