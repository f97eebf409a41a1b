"""`reprun launch`: what runs, where, and what the answer says of it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, output_of, run, show, wait
from lab import Run, until

pytestmark = pytest.mark.e2e
FIELDS = ("run_id", "name", "commit", "tree", "ref", "worktree", "store", "run_dir", "session", "target", "state")


def test_the_answer_leads_to_everything(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "new.py").write_text("x = 1\n")
    answer = reprun("launch", "--json", "--name", "base", "-m", "why not", "--", "sleep", "60")
    assert (answer.rc, answer.json["reprun_result_version"], answer.json["command"]) == (0, 1, "launch")
    assert (answer.json["ok"], answer.json["exit_code"], answer.json["error"]) == (True, 0, None)
    data = answer.json["data"]
    assert set(FIELDS) <= set(data)
    assert (data["name"], data["state"], data["target"]) == ("base", "running", "local")
    assert git("rev-parse", data["ref"]) == data["commit"]
    assert git("rev-parse", data["commit"] + "^{tree}") == data["tree"]
    assert git("rev-parse", "HEAD", cwd=data["worktree"]) == data["commit"]
    assert git("rev-parse", "--path-format=absolute", "--git-common-dir", cwd=data["worktree"]) == data["store"]
    assert git("status", "--porcelain", "--ignored", cwd=data["worktree"]) == ""
    assert Path(data["run_dir"], "manifest.toml").is_file()
    has = ["tmux", "-S", os.path.join(os.environ["REPRUN_HOME"], "tmux.sock"), "has-session", "-t", "=" + data["session"]]
    assert subprocess.run(has, check=False).returncode == 0
    reprun("stop", data["run_id"])


def test_the_tree_as_it_stands_is_what_runs(repo: Path, git: Run, reprun: Reprun) -> None:
    for name in ("deleted", "renamed", "modified", "mode"):
        (repo / name).write_text(name)
    git("add", "--all")
    git("commit", "-qm", "more")
    (repo / "deleted").unlink()
    git("mv", "renamed", "renamed to")
    (repo / "modified").write_text("changed")
    (repo / "mode").chmod(0o755)
    (repo / "staged").write_text("staged")
    git("add", "staged")
    (repo / "staged").write_text("and changed again")
    (repo / "sub" / "deep").mkdir(parents=True)
    (repo / "sub" / "deep" / "new\nline ü '\"").write_text("odd")
    (repo / os.fsdecode(b"latin-\xff")).write_text("bytes")
    (repo / ":(top)x").write_text("magic")
    (repo / "link").symlink_to("nowhere/at all")
    (repo / "intended").write_text("git add -N")
    git("add", "-N", "intended")
    (repo / ".gitignore").write_text("*.log\n")
    (repo / "x.log").write_text("ignored")
    data = run(reprun, "--", "true")
    there = Path(data["worktree"])
    found = {str(p.relative_to(there)): p for p in there.rglob("*") if ".git" not in p.parts and (p.is_symlink() or p.is_file())}
    here = {str(p.relative_to(repo)): p for p in repo.rglob("*") if ".git" not in p.parts and (p.is_symlink() or p.is_file())}
    del here["x.log"]
    assert set(found) == set(here)
    for name, path in here.items():
        if path.is_symlink():
            assert os.readlink(found[name]) == os.readlink(path)
        else:
            assert found[name].read_bytes() == path.read_bytes()
            assert os.access(found[name], os.X_OK) == os.access(path, os.X_OK)


def test_a_clean_tree_runs_as_head_itself_and_the_same_tree_as_the_same_commit(repo: Path, git: Run, reprun: Reprun) -> None:
    assert run(reprun, "--", "true")["commit"] == git("rev-parse", "HEAD")
    (repo / "new").write_text("1")
    first, second = run(reprun, "--", "true"), run(reprun, "--", "true")
    assert first["commit"] == second["commit"] and first["worktree"] == second["worktree"]
    assert first["ref"] != second["ref"]
    assert git("rev-parse", first["commit"] + "^") == git("rev-parse", "HEAD")


def test_a_job_runs_where_it_was_launched(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "sub").mkdir()
    (repo / "sub" / "f").write_text("x")
    data = run(reprun, "--", "pwd", cwd=repo / "sub")
    assert reprun("logs", data["run_id"]).stdout == data["worktree"] + "/sub\n"
    git("worktree", "add", "-q", "-b", "side", str(repo.parent / "side"))
    (repo.parent / "side" / "only here").write_text("x")
    assert "only here" in output_of(reprun, "--", "ls", cwd=repo.parent / "side")
    assert show(reprun, "@last")["manifest"]["code"]["branch"] == "side"


def test_a_repository_without_commits(repo: Path, git: Run, reprun: Reprun, monkeypatch: pytest.MonkeyPatch) -> None:
    new = repo.parent / "unborn"
    new.mkdir()
    git("init", "-q", str(new))
    monkeypatch.chdir(new)
    (new / "f").write_text("content")
    assert output_of(reprun, "--", "cat", "f") == "content"
    assert git("for-each-ref", "refs/heads") == "" and git("status", "--porcelain") == "?? f"


def test_a_dry_run_starts_nothing(repo: Path, git: Run, reprun: Reprun, home: Path) -> None:
    (repo / "new").write_text("1")
    answer = reprun("launch", "--dry-run", "--json", "--", "python", "train.py")
    assert answer.rc == 0 and "new" in str(answer.data)
    assert git("for-each-ref", "refs/reprun") == "" and not (home / "runs").exists()
    assert reprun("ls", "--json").data == []


def test_following_shows_the_log_and_ends_as_the_run_does(repo: Path, reprun: Reprun) -> None:
    answer = reprun("launch", "--follow", "--", "sh", "-c", "echo to-out; echo to-err >&2; exit 7")
    assert answer.rc == 7
    assert "to-out\n" in answer.stdout and "failed 7" in answer.stdout and "to-err\n" in answer.stderr


def test_a_branch_can_be_asked_for(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text('auto_commit = "branch"\n')
    (repo / "train.py").write_text("print('changed')\n")
    data = run(reprun, "--", "true")
    assert git("rev-parse", "main") == data["commit"] and git("status", "--porcelain") == ""
    assert git("rev-parse", "--abbrev-ref", "HEAD") == "main"


def test_a_clean_tree_can_be_required(repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text("require_clean = true\n")
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and "reprun.toml" in answer.stderr
    git("add", "--all")
    git("commit", "-qm", "clean")
    assert reprun("launch", "--", "true").rc == 0


def test_twenty_launches_at_once(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    (repo / "new").write_text("1")
    count = tmp_path / "count"
    words = ["launch", "--json", "--", "sh", "-c", 'echo "$REPRUN_RUN_ID" >> "$0"', str(count)]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(20) as pool:
        ids = [future.result().data["run_id"] for future in [pool.submit(reprun, *words) for _ in range(20)]]
    assert all(wait(reprun, run_id)["state_words"] == "finished 0" for run_id in ids)
    until(lambda: len(count.read_text().split()) >= 20, "every job wrote its line")
    assert sorted(count.read_text().split()) == sorted(ids)
    assert len(reprun("ls", "-n", "100", "--json").data) == 20


@pytest.mark.parametrize("name", ["sp ace", "q'u\"ote", "$(touch pwned)", "#(touch pwned)", "new\nline", "hé☃", "x" * 150])
def test_any_home_will_do(repo: Path, git: Run, reprun: Reprun, home: Path, name: str) -> None:
    place = home / name
    data = launch(reprun, "--", "git", "rev-parse", "HEAD", env={"REPRUN_HOME": str(place)})
    end = reprun("wait", "--json", data["run_id"], env={"REPRUN_HOME": str(place)})
    assert end.json["data"][0]["state_words"] == "finished 0"
    assert Path(data["run_dir"], "stdout.log").read_text().strip() == data["commit"]
    socket = data["attach"][2]
    subprocess.run(["tmux", "-S", socket, "kill-server"], capture_output=True, check=False)
    assert not list(repo.rglob("pwned")) and not list(home.rglob("pwned"))


@pytest.mark.parametrize("name", ["sp ace", "q'u\"ote", "$(touch pwned)", "-dash", "hé☃", os.fsdecode(b"latin-\xff")])
def test_any_repository_path_will_do(repo: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    there = repo.parent / name
    repo.rename(there)
    monkeypatch.chdir(there)
    assert output_of(reprun, "--", "python", "train.py") == "training\n"
    assert [row["state"] for row in reprun("ls", "--json").data] == ["finished"]
