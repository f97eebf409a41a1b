"""A host whose git is 2.25: it is given no word, and no variable, that came later.

No such git can be had here. The one of this machine stands in for it behind a door that knows the release notes: it refuses the
options of later releases, and does not hand on the variables that they brought.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from far_lab import describe, far, run_far, tree
from hiding import hiding
from lab import Answer, Run
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd")]
Reprun = Callable[..., Answer]

_DOOR = """#!/bin/sh
echo "$@" >> {log}
[ "$1" = version ] && {{ echo git version 2.25.1; exit; }}
unset GIT_CONFIG_COUNT GIT_CONFIG_GLOBAL GIT_CONFIG_SYSTEM GIT_NO_LAZY_FETCH
case "$*" in *core.fsmonitor=false*) echo "fatal: cannot run false" >&2; exit 1;; esac
command=
for word in "$@"; do
  case $word in
    -c|*.*=*|--literal-pathspecs) ;;
    -*) case $command:$word in
      rev-parse:--end-of-options|rev-parse:--path-format*|rev-parse:--show-object-format|init:--object-format*|*:--initial-branch*\\
      |for-each-ref:--stdin|for-each-ref:--exclude*|cat-file:-Z|cat-file:--batch-command*|update-index:--show-index-version\\
      |worktree:--orphan|worktree:-z|ls-tree:--format*|ls-tree:--object-only|ls-files:--format*|ls-files:--deduplicate\\
      |rev-list:--missing=allow-any-new|rev-list:--disk-usage*|rev-list:--no-object-names-old|read-tree:--no-recurse-new\\
      |pack-refs:--auto|pack-refs:--include*|pack-refs:--exclude*|index-pack:--max-input-old|unpack-objects:--new\\
      |checkout:--overlay-new|diff-tree:--merge-base|status:--renames-new) echo "error: unknown option $word" >&2; exit 129;;
      esac;;
    *) [ -n "$command" ] || command=$word;;
  esac
done
exec {git} "$@"
"""


@pytest.fixture
def gpu1(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """A host with such a git, and with settings of its user that would change what is checked out."""
    programs = ssh_lab.folder / "old"
    programs.mkdir()
    real = shutil.which("git")
    (programs / "git").write_text(_DOOR.format(git=real, log=ssh_lab.folder / "old" / "log"))
    (programs / "git").chmod(0o755)
    host = ssh_lab.host("gpu1", prefix=hiding(tmp_path), path=(programs,))
    (host.home / ".gitconfig").write_text("[core]\n\tautocrlf = true\n\tsymlinks = false\n")
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
    assert "rev-list" in (gpu1.lab.folder / "old" / "log").read_text()


def test_a_filter(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "filter.it's! loud.clean", "tr A-Z a-z")
    git("config", "filter.it's! loud.smudge", "tr a-z A-Z")
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".gitattributes").write_text("*.up filter=loud\n")
    git("config", "filter.loud.clean", "tr A-Z a-z")
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
