"""Runs travel with `git push` and `git fetch`: a colleague's clone lists, shows and reproduces them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_lab import Reprun, run
from lab import Run

pytestmark = pytest.mark.e2e
REFS = "refs/reprun/*:refs/reprun/*"
JOB = ("python", "-c", "import os; open(os.environ['REPRUN_OUTPUT'] + '/o', 'w').write(open('new.txt').read())")


@pytest.fixture
def shared(repo: Path, git: Run, reprun: Reprun) -> str:
    """A finished run of a dirty tree, pushed with its records to `../origin.git`."""
    git("init", "-q", "--bare", "../origin.git")
    git("remote", "add", "origin", "../origin.git")
    (repo / "new.txt").write_text("never committed by hand")
    data = run(reprun, "--name", "ours", "--config", "conf/base.yaml", "--seed", "7", "--", *JOB)
    git("push", "-q", "origin", "main", "refs/reprun/*")
    return str(data["run_id"])


@pytest.fixture
def colleague(repo: Path, shared: str, git: Run, reprun: Reprun, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A clone with the runs fetched, and a home of its own, as on another machine."""
    clone = repo.parent / "clone"
    git("clone", "-q", "--no-local", str(repo.parent / "origin.git"), str(clone))
    git("fetch", "-q", "origin", REFS, cwd=clone)
    monkeypatch.chdir(clone)
    monkeypatch.setenv("REPRUN_HOME", str(home / "theirs"))
    yield clone
    import subprocess

    subprocess.run(["tmux", "-S", str(home / "theirs" / "tmux.sock"), "kill-server"], capture_output=True, check=False)


def test_a_colleague_sees_the_run(colleague: Path, shared: str, reprun: Reprun) -> None:
    rows = reprun("ls", "--json").data
    assert [(row["run_id"], row["name"], row["state_words"]) for row in rows] == [(shared, "ours", "finished 0")]
    assert reprun("ls", "--json", "--where", "lr=0.1", "--state", "finished").data[0]["run_id"] == shared
    data = reprun("show", "--json", "ours").data
    assert data["manifest"]["seeds"]["root"] == 7 and data["outcome"]["outputs"][0]["path"] == "o"
    assert reprun("wait", shared).rc == 0 and reprun("status").rc == 0


def test_a_colleague_reproduces_it(colleague: Path, shared: str, git: Run, reprun: Reprun) -> None:
    assert not (colleague / "new.txt").exists()
    answer = reprun("reproduce", "--json", "--yes", shared)
    assert answer.data["verdict"]["kind"] == "identical" and answer.data["parent"] == shared
    assert git("status", "--porcelain") == "" and not (colleague / "new.txt").exists()


def test_and_sends_the_reproduction_back(repo: Path, colleague: Path, shared: str, git: Run, reprun: Reprun, home: Path) -> None:
    new = reprun("reproduce", "--json", "--yes", "ours").data["run_id"]
    git("push", "-q", "origin", "refs/reprun/*")
    git("fetch", "-q", "origin", REFS, cwd=repo)
    ours = {"REPRUN_HOME": str(home)}
    assert [row["run_id"] for row in reprun("ls", "--json", cwd=repo, env=ours).data] == [new, shared]
    assert reprun("diff", "--json", shared, new, cwd=repo, env=ours).data["differences"] == []


def test_what_is_elsewhere_is_said_to_be_elsewhere(colleague: Path, shared: str, reprun: Reprun, home: Path) -> None:
    (home / "runs").rename(home / "runs of another machine")
    log = reprun("logs", shared)
    assert log.rc == 6 and "hint: " in log.stderr
    assert reprun("stop", shared).rc == 0 and "nothing to stop" in reprun("stop", shared).stdout
    assert reprun("resume", "--json", shared).data["resumed"] is False
    assert reprun("attach", shared).rc == 3


def test_a_clone_without_the_runs_is_told_how_to_get_them(repo: Path, shared: str, git: Run, reprun: Reprun) -> None:
    clone = repo.parent / "bare clone"
    git("clone", "-q", "--no-local", str(repo.parent / "origin.git"), str(clone))
    assert reprun("ls", "--json", cwd=clone).data == []
    git("fetch", "-q", "origin", "refs/reprun/manifests/*:refs/reprun/manifests/*", cwd=clone)
    answer = reprun("reproduce", shared, cwd=clone)
    assert answer.rc == 6 and "git fetch origin 'refs/reprun/*:refs/reprun/*'" in answer.stderr


def test_a_stranger_s_records_do_no_harm(repo: Path, shared: str, git: Run, reprun: Reprun) -> None:
    nonsense = git("hash-object", "-w", "--stdin", stdin=b"\xff{[\x00not toml")
    git("update-ref", "refs/reprun/manifests/20200101-000000-aaaaaa", nonsense)
    git("update-ref", "refs/reprun/outcomes/20200101-000000-aaaaaa", nonsense)
    git("update-ref", "refs/reprun/manifests/not-an-id", nonsense)
    git("update-ref", f"refs/reprun/outcomes/{shared[:-1]}z", nonsense)
    rows = reprun("ls", "--json").data
    assert [row["run_id"] for row in rows] == [shared, "20200101-000000-aaaaaa"]
    assert reprun("show", "20200101-000000-aaaaaa").rc == 6 and reprun("status").rc == 0
