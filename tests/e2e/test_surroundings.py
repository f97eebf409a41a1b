"""Launches in surroundings that are against them: full and read-only disks, busy gits, many at one instant."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from crash_lab import memory_folder
from e2e_lab import Reprun, launch, show, wait
from lab import REPRUN, Run

from reprun.runner.files import remove_tree

pytestmark = pytest.mark.e2e
LAUNCHES = 25


@pytest.mark.needs("git", "tmux", "unshare", "mount")
@pytest.mark.parametrize("what", ["project", "home", "read-only"])
def test_a_disk_that_is_full_or_read_only_costs_nothing(what: str) -> None:
    """A launch is done, or refused with words; with room again it is carried on once, and nothing stays behind."""
    own = [] if os.getuid() == 0 else ["--map-root-user"]
    folder = tempfile.mkdtemp(prefix="disk-", dir=memory_folder())
    script = os.path.join(os.path.dirname(__file__), "hostile_disk.py")
    words = ["unshare", "--mount", *own, sys.executable, script, folder, what]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=170, check=False)
    finally:
        remove_tree(folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_many_launches_at_one_instant_from_several_checkouts(repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    """The repository, two linked worktrees of it and two clones share one home."""
    counter = tmp_path / "counter"
    for name in ("one", "two"):
        git("worktree", "add", "-q", str(tmp_path / name))
        git("clone", "-q", str(repo), str(tmp_path / f"clone-{name}"))
    places = [repo, *(tmp_path / name for name in ("one", "two", "clone-one", "clone-two"))]
    for number, place in enumerate(places):
        (place / "train.py").write_text(f"print({number})\n")
    words = [REPRUN, "launch", "--json", "--", "sh", "-c", f'echo "$REPRUN_RUN_ID" >> {counter}; cat train.py']
    launches = [
        subprocess.Popen(words, cwd=places[number % 5], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        for number in range(LAUNCHES)
    ]
    launched = [json.loads(process.communicate(timeout=150)[0])["data"] for process in launches]
    ids = [data["run_id"] for data in launched]
    assert len(set(ids)) == LAUNCHES
    for number, place in enumerate(places):
        assert reprun("wait", *ids[number::5], cwd=place).rc == 0
    for number, data in enumerate(launched):
        assert Path(data["run_dir"], "stdout.log").read_text() == f"print({number % 5})\n"
    assert sorted(counter.read_text().split()) == sorted(ids)
    for place in places:
        assert git("status", "--porcelain", cwd=place).strip() == "M train.py"


@contextmanager
def repeated(*commands: list[str], cwd: Path) -> Iterator[None]:
    """Somebody who types these again and again."""
    is_over = threading.Event()

    def type_them() -> None:
        while not is_over.is_set():
            for words in commands:
                subprocess.run(words, cwd=cwd, capture_output=True, check=False)

    thread = threading.Thread(target=type_them)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def test_a_run_survives_what_git_throws_away(repo: Path, git: Run, reprun: Reprun) -> None:
    """gc, repack and prune while launches are under way and after: nothing that a run needs is lost."""
    ids = []
    with repeated(["git", "gc", "-q", "--prune=now"], ["git", "repack", "-adq"], ["git", "worktree", "prune"], cwd=repo):
        for number in range(8):
            (repo / "train.py").write_text(f"print({number})\n")
            (repo / f"new{number}").write_text(f"{number}\n")
            answer = reprun("launch", "--json", "--", "python3", "train.py")
            for _ in range(5):
                if answer.rc != 3:  # refused: nothing was done
                    break
                answer = reprun("launch", "--json", "--", "python3", "train.py")
            ids.append(answer.data["run_id"])
            wait(reprun, ids[-1])
    git("reflog", "expire", "--expire=now", "--all")
    git("gc", "-q", "--prune=now")
    assert reprun("gc", "--yes", "--keep", "0").rc == 0
    git("fsck", "--strict")
    for number, run_id in enumerate(ids):
        assert wait(reprun, run_id)["state_words"] == "finished 0"
        assert git("show", f"refs/reprun/runs/{run_id}:train.py") == f"print({number})"
    assert reprun("reproduce", ids[0]).rc in (0, 7)  # 7: it writes nothing that could be compared
    assert reprun("logs", "--stdout", "@last").stdout == "0\n"


def test_a_rebase_in_the_middle_of_a_launch(repo: Path, git: Run, reprun: Reprun) -> None:
    """The snapshot is one of the states that were there, or the launch is refused."""
    for text in ("one", "two", "three"):
        (repo / "train.py").write_text(f"print('{text}')\n")
        (repo / "conf" / "base.yaml").write_text(f"{text}\n")
        git("commit", "-qam", text)
    commits = git("rev-list", "HEAD").split()
    trees = {git("rev-parse", f"{commit}^{{tree}}") for commit in commits}
    moves = [["git", "checkout", "-q", "--detach", commit] for commit in commits]
    refused = 0
    with repeated(*moves, ["git", "rebase", "-q", "--force-rebase", "HEAD~1"], cwd=repo):
        for _ in range(8):
            answer = reprun("launch", "--json", "--", "true")
            if answer.rc == 0:
                tree = show(reprun, answer.data["run_id"])["manifest"]["code"]["tree"]
                assert tree in trees, git("ls-tree", "-r", tree)
            else:
                assert answer.rc == 3, answer
                refused += 1
    assert git("for-each-ref", "refs/reprun/runs").count("\n") + 1 == 8 - refused or refused == 8


def test_collecting_and_launching_at_once(repo: Path, reprun: Reprun) -> None:
    ids = []
    with repeated([REPRUN, "gc", "--yes", "--keep", "0"], cwd=repo), repeated([REPRUN, "gc", "--yes", "--keep", "0"], cwd=repo):
        for number in range(5):
            (repo / "train.py").write_text(f"print({number})\n")
            ids.append(launch(reprun, "--", "sh", "-c", "sleep 0.5; cat train.py")["run_id"])
    for number, run_id in enumerate(ids):
        assert wait(reprun, run_id)["state_words"] == "finished 0"
        assert reprun("logs", "--stdout", run_id).stdout == f"print({number})\n"
        assert show(reprun, run_id)["outcome"]["worktree"]["modified"] is False


def test_what_gc_keeps_while_jobs_run(repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    """The tree of a running job, shared or its own, its plan, its refs: gc leaves them, however often it is asked."""
    (repo / "reprun.toml").write_text('writable = ["outputs"]\n')
    go = tmp_path / "go"
    job = f"while [ ! -e {go} ]; do sleep 0.02; done; cat train.py > outputs/seen; echo over"
    own = launch(reprun, "--", "sh", "-c", job)
    (repo / "reprun.toml").unlink()
    shared = launch(reprun, "--", "sh", "-c", f"while [ ! -e {go} ]; do sleep 0.02; done; cat train.py")
    for _ in range(3):
        assert reprun("gc", "--yes", "--keep", "0").rc == 0
    git("gc", "-q", "--prune=now")
    go.touch()
    for data in (own, shared):
        assert wait(reprun, data["run_id"])["state_words"] == "finished 0"
    assert reprun("logs", "--stdout", shared["run_id"]).stdout == "print('training')\n"
    assert (Path(own["run_dir"]) / "tree" / "outputs" / "seen").read_text() == "print('training')\n"
