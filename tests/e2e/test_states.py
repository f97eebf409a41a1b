"""The states of a checkout that reach beyond the snapshot: what is recorded, checked out, done again and cleared away."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, run, says_nicely, show
from lab import Run

pytestmark = pytest.mark.usefixtures("home")


def test_a_shallow_clone_from_launch_to_gc(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "train.py").write_text("print('second')\n")
    git("commit", "-qam", "second")
    git("clone", "-q", "--depth", "1", f"file://{repo}", "../shallow")
    os.chdir("../shallow")
    Path("train.py").write_text("print('edited')\n")
    words = "python3 train.py && git log --format=%s && git status --short && cp train.py $REPRUN_OUTPUT"
    launched = run(reprun, "--name", "deep", "--", "sh", "-c", words)
    assert reprun("logs", "deep").stdout == "edited\nreprun: snapshot\nsecond\n"
    assert reprun("gc", "--yes").rc == 0
    git("gc", "-q", "--prune=now")
    assert reprun("reproduce", "deep").rc == 0
    assert git("rev-parse", launched["ref"]) == launched["commit"]


def test_a_merge_that_is_not_finished(repo: Path, git: Run, reprun: Reprun) -> None:
    for name in ("side", "main"):
        git("switch", "-qC", name, "HEAD" if name == "side" else "HEAD^")
        (repo / "train.py").write_text(f"print({name!r})\n")
        git("commit", "-qam", name)
    git("merge", "side", check=False)
    answer = reprun("launch", "--", "cat", "train.py")
    assert answer.rc == 3 and says_nicely(answer) and "--during-operation" in answer.stderr and "merge" in answer.stderr
    assert reprun("ls", "--json").data == []
    data = run(reprun, "--during-operation", "--", "sh", "-c", "cat train.py; cp train.py $REPRUN_OUTPUT")
    assert reprun("logs", data["run_id"]).stdout == (repo / "train.py").read_text()
    assert show(reprun, data["run_id"])["manifest"]["code"]["operation"] == "merge"
    assert "during a merge" in reprun("show", data["run_id"]).stdout
    assert "during a merge" in reprun("launch", "--during-operation", "--", "true").stdout
    assert git("ls-files", "--unmerged") and (repo / ".git" / "MERGE_HEAD").exists()
    again = reprun("reproduce", "--json", data["run_id"])
    assert again.rc == 0 and git("merge", "--abort") == ""


def test_nothing_at_all(tmp_path: Path, git: Run, reprun: Reprun, monkeypatch: pytest.MonkeyPatch) -> None:
    """No commit, no file, in a folder with a name like noise; and a branch whose name is not text."""
    young = os.path.join(tmp_path, b"-y\xe9 $(id) 'q\":*".decode("utf-8", "surrogateescape"))
    git("init", "-q", young)
    monkeypatch.chdir(young)
    data = run(reprun, "--", "sh", "-c", "ls; git rev-parse HEAD")
    assert reprun("logs", data["run_id"]).stdout == data["commit"] + "\n"
    git("symbolic-ref", "HEAD", b"refs/heads/caf\xe9".decode("utf-8", "surrogateescape"))
    Path("reprun.toml").write_text('[guard]\nallow = ["*.env"]\n')
    Path(b"b\xe9.env".decode("utf-8", "surrogateescape")).write_text("x=1\n")
    data = run(reprun, "--", "true")
    manifest = show(reprun, data["run_id"])["manifest"]
    assert manifest["code"]["branch"] == "caf\\udce9" and [item["path"] for item in manifest["allowed"]] == ["b\\xe9.env"]
    assert reprun("reproduce", data["run_id"]).rc == 7  # nothing to compare


def test_a_partial_clone_without_what_the_worktree_needs(repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", "--filter=blob:none", "--sparse", f"file://{repo}", "../partial")
    os.chdir("../partial")
    Path("new.py").write_text("new\n")
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and "conf/base.yaml" in answer.stderr and says_nicely(answer), answer
    assert reprun("ls", "--json").data == [] and git("for-each-ref", "refs/reprun") == ""
    hint = answer.stderr.partition("hint: ")[2].splitlines()[0]
    subprocess.run(["sh", "-c", hint], check=True, capture_output=True)
    assert git("status", "--short") == "?? new.py" and not Path("conf").exists()
    data = run(reprun, "--", "cat", "conf/base.yaml")
    assert reprun("logs", data["run_id"]).stdout == (repo / "conf" / "base.yaml").read_text()


def test_what_is_left_out_is_told(repo: Path, git: Run, reprun: Reprun) -> None:
    """What git cannot hold and passes over in silence: pipes, and folders without a file in them."""
    os.mkfifo(repo / "conf" / "pipe")
    (repo / "empty" / "inside").mkdir(parents=True)
    (repo / "ignored" / "empty").mkdir(parents=True)
    (repo / ".gitignore").write_text("ignored/\n")
    (repo / "full" / "hollow").mkdir(parents=True)
    (repo / "full" / "file.py").write_text("x\n")
    told = {item["path"]: item["what"] for item in reprun("snapshot", "--explain", "--json").data["left_out"]}
    assert "pipes" in told.pop("conf/pipe")
    assert {path for path, what in told.items() if "empty folder" in what} == {"empty/", "full/hollow/"}
