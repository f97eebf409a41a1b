"""The crash matrix: SIGKILL to a launch at many instants, then `resume`, twice. A job starts once or not at all, never twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from e2e_lab import Reprun, fingerprint, kill, launch, pid, wait
from lab import REPRUN, Run, end_processes_of, until

pytestmark = pytest.mark.e2e
INSTANTS = 8
LAST = 0.5  # seconds; a launch of this project takes less, on a busy machine about this long


def interrupted_launch(after: float, *words: str) -> None:
    """`reprun launch WORDS…`, killed with all its children (git, tmux) when `after` seconds have passed."""
    with subprocess.Popen(
        [REPRUN, "launch", *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        time.sleep(after)
        for one in family_of(process.pid):
            try:
                os.kill(one, signal.SIGKILL)
            except ProcessLookupError:
                pass


def family_of(process: int) -> list[int]:
    """The process and what descends from it, the eldest first. The server of tmux is a child of pid 1: it stays."""
    found = [process]
    for children in Path("/proc", str(process), "task").glob("*/children"):
        try:
            found += [each for child in children.read_text().split() for each in family_of(int(child))]
        except OSError:
            pass
    return found


def begun(reprun: Reprun) -> set[str]:
    """The ids of all launches that anything is known of, those that never got as far as a manifest included."""
    return {row["run_id"] for words in (["ls", "-n", "100"], ["status"]) for row in reprun(*words, "--json").data}


def user_s(git: Run, repo: Path) -> tuple[object, ...]:
    """What belongs to the user: files, index, HEAD, branches, tags, stash, config, hooks."""
    files = {path: facts for path, facts in fingerprint(repo).items() if "/.git" not in path}
    own = [(repo / ".git" / name).read_bytes() for name in ("index", "HEAD", "config")]
    return files, own, git("for-each-ref", "refs/heads", "refs/tags", "refs/stash"), os.listdir(repo / ".git" / "hooks")


@pytest.mark.parametrize("step", range(INSTANTS))
def test_a_launch_killed_at_any_instant_runs_at_most_once(
    repo: Path, git: Run, reprun: Reprun, tmp_path: Path, step: int
) -> None:
    for number in range(100):
        (repo / f"file{number}").write_text(str(number))
    counter = tmp_path / "counter"
    counter.touch()
    before = user_s(git, repo)
    interrupted_launch(LAST * step / INSTANTS, "--", "sh", "-c", f"echo started >> {counter}")
    assert user_s(git, repo) == before
    for run_id in begun(reprun):
        answers = [reprun("resume", run_id), reprun("resume", run_id)]
        assert {answer.rc for answer in answers} <= {0, 3}, answers
        assert all("Traceback" not in answer.stderr for answer in answers)
        if answers[0].rc == 0:
            assert wait(reprun, run_id)["state_words"] == "finished 0"
            assert counter.read_text() == "started\n"
        else:  # refused: nothing was snapshotted yet, and the tree may be another one now
            assert counter.read_text() == "" and "hint: " in answers[0].stderr
    assert counter.read_text() in ("", "started\n") and user_s(git, repo) == before
    assert reprun("gc", "--yes").rc == 0 and reprun("doctor").rc == 0
    assert reprun("launch", "--follow", "--", "true").rc == 0


@pytest.mark.parametrize("after", [0.05, 0.1, 0.15, 0.2, 0.3, 0.4])
def test_a_power_cut_at_any_instant_runs_it_at_most_once(
    repo: Path, reprun: Reprun, home: Path, tmp_path: Path, after: float
) -> None:
    counter = tmp_path / "counter"
    counter.touch()
    interrupted_launch(after, "--", "sh", "-c", f"echo started >> {counter}; sleep 60")
    end_processes_of(str(home))  # the tmux server, the supervisor and the job as well
    for run_id in begun(reprun):
        before = counter.read_text()
        answer = reprun("resume", "--json", run_id)
        assert answer.rc in (0, 3), answer
        if answer.rc == 0 and answer.json["data"]["resumed"]:
            until(lambda: counter.read_text() == "started\n", "the job started")
            assert before == ""
        else:
            assert counter.read_text() == before
        reprun("stop", "--grace", "0", run_id)
        assert counter.read_text() in ("", "started\n")


def test_two_resumes_at_once_start_one_job(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    counter, tools = tmp_path / "counter", tmp_path / "tools"
    run_id = unstarted(reprun, tools, "sh", "-c", f"echo started >> {counter}")
    both = [subprocess.Popen([REPRUN, "resume", run_id], stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
    assert all(process.communicate() and process.returncode in (0, 3) for process in both)
    assert wait(reprun, run_id)["state_words"] == "finished 0" and counter.read_text() == "started\n"


def unstarted(reprun: Reprun, tools: Path, *job: str, name: str = "") -> str:
    """The id of a launch that failed after its manifest was sealed: there was no tmux."""
    tools.mkdir()
    for program in ("git", "sh", "true", "python3"):
        path = subprocess.run(["sh", "-c", 'command -v "$0"', program], capture_output=True, text=True, check=True).stdout.strip()
        path = sys.executable if program == "python3" else path  # what PATH names may be a script that needs more tools
        if not (tools / program).exists():
            (tools / program).symlink_to(path)
    known = begun(reprun)
    answer = reprun("launch", "--name", name, "--", *job, env={"PATH": str(tools)})
    assert answer.rc == 5 and "tmux is not installed" in answer.stderr and "reprun resume " in answer.stderr
    return (begun(reprun) - known).pop()


def test_a_launch_that_failed_goes_on_as_it_was_sealed(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    run_id = unstarted(reprun, tmp_path / "tools", "sh", "-c", "echo $TZ; read line < train.py; echo $line", name="later")
    sealed = reprun("show", "--json", "later").data["manifest"]
    (repo / "train.py").write_text("print('edited since')\n")
    assert reprun("resume", "--json", "later", env={"TZ": "Asia/Tokyo"}).data["resumed"] is True
    assert wait(reprun, run_id)["state_words"] == "finished 0"
    assert reprun("logs", run_id).stdout == sealed["variables"]["values"].get("TZ", "") + "\nprint('training')\n"
    assert reprun("show", "--json", run_id).data["manifest"] == sealed


def test_a_resume_that_is_refused_forgets_nothing(repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    run_id = unstarted(reprun, tmp_path / "tools", "python3", "train.py")
    refs = git("for-each-ref", "refs/reprun")
    python = tmp_path / "tools" / "python3"
    real = os.readlink(python)
    python.unlink()
    answer = reprun("resume", run_id, env={"PATH": str(tmp_path / "tools")})
    assert answer.rc == 3 and "python3" in answer.stderr and git("for-each-ref", "refs/reprun") == refs
    python.symlink_to(real)
    assert reprun("resume", run_id).rc == 0 and wait(reprun, run_id)["state_words"] == "finished 0"


def test_last_is_the_launch_that_was_interrupted_last(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    launch(reprun, "--name", "fine", "--", "true")
    assert reprun("launch", "--name", "stuck", "--", "true", env={"REPRUN_HOME": "/proc/nowhere"}).rc == 5
    stuck = max(begun(reprun))
    for text in ("@last", "stuck", stuck, stuck[:-2]):
        assert reprun("show", "--json", text).data["run_id"] == stuck, text
    assert reprun("resume", "--json", "@last").data["run_id"] == stuck


def test_a_run_is_not_started_again_because_its_folder_is_not_found(
    repo: Path, reprun: Reprun, home: Path, tmp_path: Path
) -> None:
    counter = tmp_path / "counter"
    data = launch(reprun, "--", "sh", "-c", f"echo started >> {counter}; sleep 60")
    until(counter.exists, "the job started")
    elsewhere = reprun("resume", data["run_id"], env={"REPRUN_HOME": str(home / "other")})
    assert "running" in elsewhere.stdout + elsewhere.stderr and counter.read_text() == "started\n"
    kill(pid(data, "supervisor"), pid(data, "job"))
    shutil.rmtree(data["run_dir"])
    gone = reprun("resume", data["run_id"])
    assert gone.rc == 3 and counter.read_text() == "started\n"
    state = reprun("ls", "--json").data[0]["state"]
    assert state in ("lost", "unknown")


def test_a_journal_without_a_line_is_a_launch_that_never_ran(repo: Path, reprun: Reprun) -> None:
    """A disk that filled up, or power that went, between making the file and writing to it."""
    run_id = "20260101-000000-aaaaaa"
    folder = repo / ".git" / "reprun" / "journal" / "open"
    folder.mkdir(parents=True)
    (folder / f"{run_id}.jsonl").touch()
    assert [row["state"] for row in reprun("status", "--json").data] == ["unstarted"]
    answer = reprun("resume", run_id)
    assert answer.rc == 3 and "reprun gc --yes" in answer.stderr
    assert reprun("gc", "--yes").rc == 0 and reprun("status", "--json").data == []


def test_gc_takes_away_what_a_killed_process_had_half_written(repo: Path, reprun: Reprun) -> None:
    wait(reprun, launch(reprun, "--", "true")["run_id"])
    state = repo / ".git" / "reprun"
    gone = subprocess.Popen(["true"])
    gone.wait()
    left = [state / f"conversions.1.{gone.pid}.tmp", state / "tmp" / f"index-20261121-031622-abcdef-{gone.pid}"]
    mine = state / f"conversions.1.{os.getpid()}.tmp"  # its process lives
    for path in (*left, mine):
        path.write_text("half")
    assert reprun("gc", "--yes").rc == 0
    assert [path.exists() for path in left] == [False, False] and mine.exists()
