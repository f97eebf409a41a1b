"""Carried files: the job has them, the records have their hash, and nothing else has anything of them."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from e2e_lab import Reprun, files_with, launch, run, show, wait
from lab import REPRUN, Run, until

pytestmark = pytest.mark.e2e
SECRET = b"TOKEN=marker-of-a-secret\n"
OTHER = b"TOKEN=another\n"
MARK = b"marker-of"
RECORD = {"path": ".env", "sha256": sha256(SECRET).hexdigest(), "size": len(SECRET)}
QUIET = ("sh", "-c", "sha256sum .env > {output}/sum; stat -c %A:%s .env > {output}/mode")


@pytest.fixture
def carrying(repo: Path, git: Run) -> Path:
    """The repository with an ignored `.env` that every run gets."""
    (repo / ".gitignore").write_text("/.env\n")
    (repo / "reprun.toml").write_text('carry = [".env"]\n')
    (repo / ".env").write_bytes(SECRET)
    (repo / ".env").chmod(0o644)
    git("add", "--all")
    git("commit", "-qm", "carry")
    return repo


def objects(git_dir: Path) -> bytes:
    """Every object of a repository, uncompressed."""
    asked = ["git", "--git-dir", str(git_dir), "cat-file", "--batch-all-objects", "--batch", "--unordered"]
    return subprocess.run(asked, capture_output=True, check=True).stdout


def traces(*places: Path) -> list[str]:
    """The files that hold the secret as it is, or as base64 or hex of the whole file or from its marker on."""
    forms = [form for part in (SECRET, SECRET[6:]) for form in (base64.b64encode(part)[:-4], part.hex().encode())]
    return sorted({path for form in (MARK, *forms) for path in files_with(form, *places)})


def tree_of(data: dict[str, object]) -> Path:
    return Path(str(data["run_dir"]), "tree")


def test_the_job_has_it_for_its_owner_alone(carrying: Path, reprun: Reprun) -> None:
    data = run(reprun, "--", *QUIET)
    output = Path(data["run_dir"], "output")
    assert (output / "sum").read_text().split()[0] == RECORD["sha256"]
    assert (output / "mode").read_text().startswith("-rw-------")
    found = show(reprun, data["run_id"])
    assert found["manifest"]["carried"] == [RECORD] and found["outcome"]["worktree"] == {"modified": False, "paths": []}
    assert Path(data["worktree"]) == tree_of(data) and stat.S_IMODE((carrying / ".env").stat().st_mode) == 0o644
    assert {item["path"] for item in found["outcome"]["outputs"]} == {"sum", "mode"}


def test_nothing_but_the_copy_in_the_run_has_anything_of_it(carrying: Path, home: Path, tmp_path: Path, reprun: Reprun) -> None:
    (carrying / "dirty").write_text("x")
    data = run(reprun, "--name", "one", "--", *QUIET)
    said = [
        reprun(*words)
        for words in (
            ["show", "one"], ["show", "--json", "one"], ["launch", "--dry-run", "--", "true"],
            ["launch", "--dry-run", "--json", "--", "true"], ["snapshot", "--explain"], ["snapshot", "--json"],
            ["reproduce", "one", "--plan"], ["reproduce", "one"], ["diff", "one", "@last"], ["doctor"], ["ls", "--json"],
            ["logs", "one"],
        )
    ]  # fmt: skip
    assert [answer for answer in said if answer.rc or "marker-of" in answer.stdout + answer.stderr] == []
    again = reprun("ls", "--json").data[0]["run_id"]
    copies = [str(tree_of(data) / ".env"), str(home / "runs" / again / "tree" / ".env")]
    assert sorted(traces(home, tmp_path)) == sorted([*copies, str(carrying / ".env")])
    for git_dir in (carrying / ".git", Path(data["store"])):
        assert b"train" in objects(git_dir) and MARK not in objects(git_dir)
    for path in copies:
        assert stat.S_IMODE(os.lstat(path).st_mode) == 0o600


def test_looking_shows_path_size_and_hash(carrying: Path, reprun: Reprun) -> None:
    line = f".env {len(SECRET)} B sha256 {RECORD['sha256'][:12]}"
    for words in (["launch", "--dry-run", "--", "true"], ["snapshot", "--explain"]):
        assert line in " ".join(reprun(*words).stdout.split()), words
    assert reprun("snapshot", "--json").data["carried"] == [RECORD]
    assert reprun("launch", "--dry-run", "--json", "--", "true").data["spec"]["carried"] == [RECORD]
    run(reprun, "--", "true")
    assert f"carried     .env  {len(SECRET)} B  sha256 {RECORD['sha256'][:12]}" in reprun("show", "@last").stdout


def test_a_job_that_changes_it_is_found_out(carrying: Path, reprun: Reprun) -> None:
    data = run(reprun, "--", "sh", "-c", "echo more >> .env")
    assert show(reprun, data["run_id"])["outcome"]["worktree"] == {"modified": True, "paths": [".env"]}
    assert (carrying / ".env").read_bytes() == SECRET
    second = run(reprun, "--", *QUIET)
    assert Path(second["run_dir"], "output", "sum").read_text().split()[0] == RECORD["sha256"]


def test_where_the_job_may_write_a_change_is_an_output(carrying: Path, reprun: Reprun) -> None:
    (carrying / ".gitignore").write_text("/conf/local*\n")
    for name in ("local.yaml", "local2.yaml"):
        (carrying / "conf" / name).write_text("a: 1\n")
    (carrying / "reprun.toml").write_text('carry = ["conf/local.yaml", "conf/local2.yaml"]\nwritable = ["conf"]\n')
    (carrying / ".env").unlink()
    data = run(reprun, "--", "sh", "-c", "echo b >> conf/local.yaml; echo c > conf/new")
    outcome = show(reprun, data["run_id"])["outcome"]
    assert outcome["exit_code"] == 0 and outcome["worktree"]["modified"] is False
    paths = {item["path"] for item in outcome["outputs"]}
    assert {"tree/conf/local.yaml", "tree/conf/new"} <= paths and "tree/conf/local2.yaml" not in paths


@pytest.mark.parametrize(
    ("settings", "make", "rc", "hint"),
    [
        ('carry = ["missing"]', "true", 3, "take it out of carry"),
        ('carry = ["new.txt"]', "echo x > new.txt", 3, "echo /new.txt >> .gitignore"),
        ('carry = ["train.py"]', "true", 3, "take it out of carry"),
        ('carry = ["conf"]', "true", 3, "name files one by one"),
        ('carry = [".env", ".env"]', "true", 2, "take one of the two"),
        ('carry = ["../x"]', "true", 2, 'for example "outputs"'),
        ('carry = ["/etc/passwd"]', "true", 2, 'for example "outputs"'),
        ('carry = [".git/config"]', "true", 2, 'for example "outputs"'),
        ('carry = ".env"', "true", 2, "reprun launch --help"),
    ],
)
def test_a_refused_launch_leaves_nothing_behind(
    carrying: Path, git: Run, reprun: Reprun, home: Path, settings: str, make: str, rc: int, hint: str
) -> None:
    (carrying / "reprun.toml").write_text(settings + "\n")
    subprocess.run(["sh", "-c", make], cwd=carrying, check=True)
    answer = reprun("launch", "--", "true")
    assert answer.rc == rc and hint in answer.stderr, answer
    assert git("for-each-ref", "refs/reprun") == ""
    # Of a supervisor that started early, and ended; tmux may be on its way up yet.
    assert {path.name for path in home.iterdir()} <= {"tmux.sock", "tmux.sock.lock"}
    assert not list((carrying / ".git").glob("reprun/journal/**/*.jsonl"))


def test_a_launch_refused_on_the_host_leaves_nothing_behind(carrying: Path, git: Run, reprun: Reprun, home: Path) -> None:
    assert reprun("launch", "--follow", "--", "true").rc == 0

    def left() -> tuple[object, ...]:  # not the outcomes: that of the first run may come a moment after its end
        refs = git("for-each-ref", "refs/reprun/runs", "refs/reprun/manifests")
        return refs, sorted(os.listdir(home / "runs")), traces(home), sorted(home.glob("repos/*/worktrees/*"))

    before = left()
    answer = reprun("launch", "--", "no-such-program-anywhere")
    assert answer.rc == 3 and left() == before, answer


def test_reproduce_takes_the_same_paths_from_the_tree_of_now(carrying: Path, git: Run, reprun: Reprun) -> None:
    run(reprun, "--name", "one", "--", "sh", "-c", "wc -l < .env > {output}/lines")
    (carrying / "reprun.toml").write_text("")  # the manifest counts, not today's settings
    assert reprun("reproduce", "--json", "one").data["verdict"]["kind"] == "identical"
    (carrying / ".env").write_bytes(OTHER)
    now = f"14 B, sha256:{sha256(OTHER).hexdigest()}"
    row = {"area": "carried", "name": ".env", "old": f"{len(SECRET)} B, sha256:{RECORD['sha256']}", "new": now}
    assert reprun("reproduce", "--json", "--plan", "one").data["differences"] == [row]
    data = reprun("reproduce", "--json", "one").data
    assert data["differences"] == [row] and data["verdict"]["kind"] == "identical"
    assert reprun("diff", "--json", "one", data["run_id"]).data["differences"] == [row]
    assert show(reprun, data["run_id"])["manifest"]["carried"][0]["sha256"] == sha256(OTHER).hexdigest()
    (carrying / ".env").unlink()
    assert reprun("reproduce", "--json", "--plan", "one").data["differences"] == [{**row, "new": None}]
    refs = git("for-each-ref", "refs/reprun")
    answer = reprun("reproduce", "one")
    assert answer.rc == 3 and "the carried file .env is not there" in answer.stderr and str(carrying / ".env") in answer.stderr
    assert git("for-each-ref", "refs/reprun") == refs


@pytest.fixture
def unstarted(carrying: Path, tmp_path: Path, reprun: Reprun) -> str:
    """A launch that was killed when its manifest was sealed and its files were in place, before the start."""
    tools, counter = tmp_path / "tools", tmp_path / "counter"
    tools.mkdir()
    (tools / "tmux").write_text("#!/bin/sh\nsleep 60\n")
    (tools / "tmux").chmod(0o755)
    counter.touch()
    words = [REPRUN, "launch", "--", "sh", "-c", f"sha256sum .env >> {counter}"]
    env = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True) as process:
        home = Path(os.environ["REPRUN_HOME"])
        until(lambda: [path for path in home.glob("runs/*/launch.json") if "argv" in path.read_text()], "the plan is written")
        os.killpg(process.pid, signal.SIGKILL)
    return next(home.glob("runs/*")).name


def test_a_launch_killed_before_its_start_goes_on_with_the_same_file(
    carrying: Path, unstarted: str, home: Path, tmp_path: Path, reprun: Reprun
) -> None:
    assert traces(home, carrying / ".git") == [str(home / "runs" / unstarted / "tree" / ".env")]
    for other in (b"another", None):
        (carrying / ".env").write_bytes(other) if other else (carrying / ".env").unlink()
        answer = reprun("resume", unstarted)
        assert answer.rc == 3 and ".env" in answer.stderr and "hint: put it" in answer.stderr, answer
        time.sleep(0.5)  # time enough for a supervisor that was sent ahead
        assert show(reprun, unstarted)["state"] == "unstarted" and "another" not in answer.stderr
    (carrying / ".env").write_bytes(SECRET)
    assert reprun("resume", "--json", unstarted).data["resumed"] is True
    assert wait(reprun, unstarted)["state_words"] == "finished 0"
    assert reprun("resume", unstarted).rc == 0
    assert (tmp_path / "counter").read_text() == f"{RECORD['sha256']}  .env\n"
    assert show(reprun, unstarted)["outcome"]["worktree"]["modified"] is False


@pytest.mark.parametrize("step", range(10))
def test_killed_at_any_instant_it_runs_at_most_once_and_leaks_nowhere(
    carrying: Path, home: Path, tmp_path: Path, reprun: Reprun, step: int
) -> None:
    counter = tmp_path / "counter"
    counter.touch()
    words = [REPRUN, "launch", "--", "sh", "-c", f"sha256sum .env >> {counter}"]
    with subprocess.Popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        time.sleep(0.05 + 0.04 * step)
        os.killpg(process.pid, signal.SIGKILL)
    for row in reprun("status", "--json").data + reprun("ls", "--json").data:
        answers = [reprun("resume", row["run_id"]) for _ in range(2)]
        assert {answer.rc for answer in answers} <= {0, 3}, answers
        if answers[0].rc == 0:
            assert wait(reprun, row["run_id"])["state_words"] == "finished 0"
    assert counter.read_text() in ("", f"{RECORD['sha256']}  .env\n")
    assert reprun("gc", "--yes").rc == 0
    copies = traces(home, carrying / ".git")
    assert all(path.endswith("/tree/.env") and stat.S_IMODE(os.lstat(path).st_mode) == 0o600 for path in copies), copies


@pytest.fixture
def colleague(carrying: Path, git: Run, home: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A clone with a shared run that carried a file, and a home of its own."""
    run(reprun, "--name", "ours", "--", *QUIET)
    clone = carrying.parent / "clone"
    git("clone", "-q", "--no-local", str(carrying), str(clone))
    git("fetch", "-q", "origin", "refs/reprun/*:refs/reprun/*", cwd=clone)
    monkeypatch.chdir(clone)
    monkeypatch.setenv("REPRUN_HOME", str(home / "theirs"))
    yield clone
    subprocess.run(["tmux", "-S", str(home / "theirs" / "tmux.sock"), "kill-server"], capture_output=True, check=False)


def test_a_colleague_sees_the_record_and_brings_a_file_of_his_own(colleague: Path, reprun: Reprun) -> None:
    assert show(reprun, "ours")["manifest"]["carried"] == [RECORD] and not (colleague / ".env").exists()
    assert MARK not in objects(colleague / ".git")
    asked = reprun("reproduce", "ours")  # a run of somebody else: it would get a file of mine
    assert asked.rc == 3 and ".env" in asked.stdout + asked.stderr
    assert reprun("reproduce", "--yes", "ours").rc == 3
    (colleague / ".env").write_text("TOKEN=theirs\n")
    data = reprun("reproduce", "--yes", "--json", "ours").json["data"]
    assert [row["name"] for row in data["differences"] if row["area"] == "carried"] == [".env"]


def test_removing_the_folder_of_a_run_removes_the_copy(carrying: Path, home: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "true")
    wait(reprun, data["run_id"])
    subprocess.run(["chmod", "-R", "u+w", data["run_dir"]], check=True)
    subprocess.run(["rm", "-r", data["run_dir"]], check=True)
    assert traces(home) == []
    assert reprun("doctor").rc == 0 and reprun("gc", "--yes").rc == 0
    assert json.loads(reprun("show", "--json", data["run_id"]).stdout)["data"]["manifest"]["carried"] == [RECORD]
