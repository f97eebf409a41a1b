"""Looking changes nothing: not one byte below `.git`, in the dev tree or in the home differs afterwards, nor any time."""

from __future__ import annotations

from pathlib import Path

import pytest
from e2e_lab import Reprun, fingerprint, kill, launch, pid, run
from lab import Run, until

pytestmark = pytest.mark.e2e
ANYWHERE = [["ls"], ["ls", "--json"], ["status"], ["snapshot"], ["snapshot", "--explain"], ["launch", "--dry-run", "--", "true"]]
ANYWHERE += [["gc"], ["show", "nobody"], ["--help"], ["--version"]]
WITH_RUNS = [
    ["ls", "--state", "lost"],
    ["ls", "--where", "lr=0.1"],
    ["show", "@last"],
    ["show", "ended", "--json"],
    ["logs", "ended"],
    ["logs", "@last", "--json"],
    ["diff", "ended", "@last"],
    ["resume", "ended"],
    ["stop", "ended"],
    ["attach", "ended"],
]
ASKING_PYTHON = [["doctor"], ["reproduce", "--plan", "ended"]]  # they remember what an interpreter said


@pytest.mark.parametrize("words", ANYWHERE, ids=" ".join)
def test_before_the_first_run(repo: Path, home: Path, reprun: Reprun, words: list[str]) -> None:
    (repo / "new").write_text("untracked")
    (repo / ".gitignore").write_text("*.log\n")
    before = fingerprint(repo, home)
    reprun(*words)
    assert fingerprint(repo, home) == before


@pytest.mark.parametrize("words", ANYWHERE, ids=" ".join)
def test_in_a_repository_without_commits(
    repo: Path, git: Run, home: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    new = repo.parent / "unborn"
    new.mkdir()
    git("init", "-q", str(new))
    (new / "f").write_text("x")
    monkeypatch.chdir(new)
    before = fingerprint(new, home)
    reprun(*words)
    assert fingerprint(new, home) == before


def test_with_runs_that_ended_and_one_that_was_lost(repo: Path, home: Path, reprun: Reprun) -> None:
    run(reprun, "--name", "ended", "--config", "conf/base.yaml", "--", "sh", "-c", "echo x > $REPRUN_OUTPUT/o")
    lost = launch(reprun, "--", "sleep", "60")
    kill(pid(lost, "supervisor"), pid(lost, "job"))
    (repo / "train.py").write_text("print('edited')\n")
    before = fingerprint(repo, home)
    for words in [*ANYWHERE, *WITH_RUNS]:
        reprun(*words)
        assert fingerprint(repo, home) == before, words


def test_what_was_learned_of_an_interpreter_may_be_kept(repo: Path, home: Path, reprun: Reprun) -> None:
    run(reprun, "--name", "ended", "--", "true")
    inside = [home / name for name in ("runs", "repos", "worktrees")]
    before = fingerprint(repo, *inside)
    for words in ASKING_PYTHON:
        reprun(*words)
        assert fingerprint(repo, *inside) == before, words


def test_an_end_that_nobody_was_told_of_is_seen_without_being_written_down(repo: Path, home: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "true")
    reprun("logs", "-f", data["run_id"])
    _until_published(reprun, data["run_id"], repo)
    before = fingerprint(repo, home)
    assert reprun("ls", "--json").data[0]["state_words"] == "finished 0"
    assert reprun("status", "--json").data == []
    assert fingerprint(repo, home) == before


def _until_published(reprun: Reprun, run_id: str, repo: Path) -> None:
    from lab import until

    until((repo / ".git" / "refs" / "reprun" / "outcomes" / run_id).exists, "the outcome is in the object database")


def test_while_a_job_runs(repo: Path, home: Path, reprun: Reprun) -> None:
    run(reprun, "--name", "ended", "--", "true")
    data = launch(reprun, "--", "sh", "-c", "echo up; sleep 60")
    folder = home / "runs" / data["run_id"]
    until(lambda: (folder / "stdout.log").exists() and (folder / "stdout.log").read_text(), "the job has begun")
    until(lambda: not (folder / "launch.json").exists(), "its supervisor watches it")
    before, beside = fingerprint(repo), fingerprint(home, times=False)  # the heartbeat of the run moves a time
    for words in [*ANYWHERE, *WITH_RUNS]:
        reprun(*words)
        assert fingerprint(repo) == before and fingerprint(home, times=False) == beside, words
    reprun("stop", data["run_id"])


def test_in_a_clone_that_has_the_runs(repo: Path, git: Run, home: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch) -> None:
    run(reprun, "--name", "ended", "--", "true")
    clone = repo.parent / "clone"
    git("clone", "-q", "--no-local", str(repo), str(clone))
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=clone)
    monkeypatch.chdir(clone)
    before = fingerprint(clone, home)
    for words in (["ls"], ["show", "ended"], ["status"], ["diff", "ended", "ended"]):
        assert reprun(*words).rc == 0
        assert fingerprint(clone, home) == before, words
