"""`[git] push`: runs get to a Git remote beside the launch, and never in its way."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import run, show
from lab import Answer, Run, until
from ssh_lab import SshHost

pytestmark = pytest.mark.usefixtures("home")
Reprun = Callable[..., Answer]


@pytest.fixture
def remote(repo: Path, git: Run, tmp_path: Path) -> Path:
    """A bare repository that is the remote `origin`, and is to be pushed to."""
    folder = tmp_path / "remote.git"
    git("init", "-q", "--bare", str(folder))
    git("remote", "add", "origin", f"file://{folder}")
    (repo / "reprun.toml").write_text('[git]\npush = "origin"\n')
    return folder


def note(repo: Path) -> dict[str, Any]:
    """What became of the last push, when there is none under way."""
    path = repo / ".git" / "reprun" / "push.json"

    def settled() -> Any:
        if (path.parent / "push.wanted").exists() or not path.exists():
            return None
        data = json.loads(path.read_text())
        return data if data["state"] != "pushing" else None

    return dict(until(settled, "the push is over"))


def refs(git: Run, where: Path) -> dict[str, str]:
    """Everything that hangs on a ref of ours."""
    lines = git("--git-dir", str(where), "for-each-ref", "--format=%(refname) %(objectname)", "refs/reprun").splitlines()
    return dict(line.split(" ") for line in lines)


def test_snapshot_manifest_and_outcome_get_there(remote: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "train.py").write_text("print('never committed')\n")
    git("config", "push.followTags", "true")
    git("tag", "-am", "mine", "v1")
    data = run(reprun, "--", "true")
    until(lambda: note(repo) and refs(git, remote) == refs(git, repo / ".git"), "the outcome is there too")
    names = {f"refs/reprun/{kind}/{data['run_id']}" for kind in ("runs", "manifests", "outcomes")}
    names |= {name for name in refs(git, repo / ".git") if name.startswith("refs/reprun/locks/")}  # what its Python had installed
    assert len(names) == 4 and set(refs(git, remote)) == names
    assert git("--git-dir", str(remote), "show", f"{data['commit']}:train.py") == "print('never committed')"
    assert git("--git-dir", str(remote), "for-each-ref", "refs/tags", "refs/heads") == ""
    assert note(repo)["state"] == "pushed" and reprun("status").stderr.count("backup") == 0
    assert "pushed to origin" in reprun("doctor").stdout


def test_over_ssh_without_a_question(ssh_host: SshHost, remote: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    git("init", "-q", "--bare", str(ssh_host.home / "there.git"))
    git("remote", "set-url", "origin", f"{ssh_host.name}:there.git")
    data = reprun("launch", "--json", "--", "true", env=ssh_host.environ).data
    assert note(repo)["state"] == "pushed", note(repo)
    assert f"refs/reprun/runs/{data['run_id']}" in refs(git, ssh_host.home / "there.git")
    ssh_host.authorized_keys.write_text("")
    reprun("launch", "--json", "--", "true", env=ssh_host.environ)
    until(lambda: note(repo)["state"] == "failed", "the second push has failed")
    assert "Permission denied" in note(repo)["said"] or "read from remote" in note(repo)["said"]


def test_hooks_of_the_user_do_not_run(remote: Path, repo: Path, reprun: Reprun) -> None:
    hook = repo / ".git" / "hooks" / "pre-push"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {repo}/../hooked\nexit 1\n")
    hook.chmod(0o755)
    reprun("launch", "--", "true")
    assert note(repo)["state"] == "pushed" and not (repo.parent / "hooked").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [("file:///nowhere/at/all", "nowhere"), ("ssh://127.0.0.1:1/x", "read from remote"), ("http://127.0.0.1:1/x", "connect"),
     ("ext::sh -c 'touch hooked'", "not allowed")],
)  # fmt: skip
def test_a_remote_that_is_down_is_told_by_the_next_command(
    remote: Path, repo: Path, git: Run, reprun: Reprun, url: str, said: str
) -> None:
    git("remote", "set-url", "origin", url)
    answer = reprun("launch", "--json", "--name", "one", "--", "true")
    assert answer.rc == 0 and answer.stderr == ""
    found = note(repo)
    assert found["state"] == "failed" and said in found["said"].lower(), found
    for words in (("status",), ("show", "one"), ("launch", "--", "true")):
        answer = reprun(*words)
        assert answer.rc == 0 and "backup of runs to origin failed" in answer.stderr and "hint: git push" in answer.stderr, answer
    assert "backup" in reprun("doctor").stdout and not (repo / "hooked").exists()
    git("remote", "set-url", "origin", f"file://{remote}")
    reprun("launch", "--", "true")
    # The launch before may still be pushing, and meets the repaired address: then it says pushed too, of two runs.
    until(lambda: len([ref for ref in refs(git, remote) if "/runs/" in ref]) == 3, "pushed at last")
    until(lambda: note(repo)["state"] == "pushed", "noted at last")
    assert "backup" not in reprun("status").stderr


def test_no_such_remote(remote: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    git("remote", "remove", "origin")
    assert reprun("launch", "--", "true").rc == 0
    assert "no remote 'origin'" in note(repo)["said"]


@pytest.mark.parametrize("value", ["--receive-pack=touch x", "https://u:p@host/x", "ext::sh -c id", "", "../up", 3])
def test_only_the_name_of_a_remote(repo: Path, reprun: Reprun, value: object) -> None:
    (repo / "reprun.toml").write_text(f"[git]\npush = {json.dumps(value)}\n")
    answer = reprun("launch", "--", "true")
    assert answer.rc == 2 and "git.push" in answer.stderr and "origin" in answer.stderr, answer


def test_a_ref_that_is_there_with_another_value_stays(remote: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    data = run(reprun, "--", "true")
    until(lambda: note(repo) and refs(git, remote) == refs(git, repo / ".git"), "all is there")
    ref = f"refs/reprun/manifests/{data['run_id']}"
    blob = git("--git-dir", str(remote), "hash-object", "-w", "--stdin", stdin=b"not ours")
    git("--git-dir", str(remote), "update-ref", ref, blob)
    other = run(reprun, "--", "true")
    until(lambda: f"refs/reprun/outcomes/{other['run_id']}" in refs(git, remote), "the others are there")
    assert refs(git, remote)[ref] == blob and "rejected" in note(repo)["said"]


def test_a_push_that_hangs_holds_up_nobody(remote: Path, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    """The remote takes its time: launches go on, one process pushes, and what came meanwhile is pushed by it as well."""
    fifo = tmp_path / "go"
    os.mkfifo(fifo)
    hook = remote / "hooks" / "pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n[ -e {tmp_path}/free ] || read line < {fifo}\n")
    hook.chmod(0o755)
    run_ids = [reprun("launch", "--json", "--", "true").data["run_id"] for _ in range(3)]
    assert stat.S_ISFIFO(fifo.stat().st_mode) and refs(git, remote) == {}
    assert "being pushed" in reprun("doctor").stdout
    (tmp_path / "free").touch()
    fifo.write_text("go\n")
    until(lambda: {f"refs/reprun/runs/{run_id}" for run_id in run_ids} <= set(refs(git, remote)), "all three are there")
    assert note(repo)["state"] == "pushed"


def test_a_push_that_was_killed_is_told(remote: Path, repo: Path, reprun: Reprun) -> None:
    reprun("launch", "--", "true")
    found = note(repo)
    path = repo / ".git" / "reprun" / "push.json"
    path.write_text(json.dumps({**found, "state": "pushing", "process": {"pid": 2**22 + 1, "start": 1}}))
    assert "it was interrupted" in reprun("status").stderr
    for text in ("", "[]", "\0"):
        path.write_text(text)
        assert reprun("status").rc == 0


def test_files_of_the_tree_are_no_modules_of_it(remote: Path, repo: Path, reprun: Reprun) -> None:
    for name in ("reprun.py", "json.py", "os.py", "subprocess.py"):
        (repo / name).write_text("open('/tmp/never', 'w'); raise SystemExit(1)\n")
    reprun("launch", "--", "true")
    assert note(repo)["state"] == "pushed"


def test_it_is_in_the_manifest_of_no_run(remote: Path, repo: Path, reprun: Reprun) -> None:
    data = run(reprun, "--", "true")
    assert "push" not in json.dumps(show(reprun, data["run_id"])["manifest"]["code"])
