"""Git LFS on a host that cannot see the dev machine's disk: the contents are sent, only what is missing, each verified."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hidden_lab import describe, far, run_far, store_of, tree
from hiding import hide
from lab import REPRUN, Answer, Run
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd", "git-lfs")]
Reprun = Callable[..., Answer]
BIG = bytes(range(256)) * 280_000  # more than one request holds
SMALL = BIG[: 1 << 20]
small = pytest.mark.parametrize("content", [SMALL], ids=["small"])  # where the way there is not the point


@pytest.fixture
def content() -> bytes:
    """What data/one.bin holds."""
    return BIG


@pytest.fixture
def far_away(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """A host that sees nothing of the dev side."""
    host = hide(ssh_lab.host("gpu1").meet(), tmp_path)
    describe(host)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    return host


@pytest.fixture
def gpu1(far_away: SshHost, repo: Path, git: Run, content: bytes) -> SshHost:
    """The same, of a repository that has files in Git LFS."""
    git("lfs", "install", "--local", "--skip-repo")
    git("lfs", "track", "*.bin")
    (repo / "data").mkdir()
    for name, data in (("one.bin", content), ("two.bin", b"two\n"), ("same.bin", b"two\n"), ("empty.bin", b"")):
        (repo / "data" / name).write_bytes(data)
    (repo / "data" / "two.bin").chmod(0o755)
    git("add", "--all")
    git("commit", "-qm", "with LFS")
    return far_away


def place(storage: Path, content: bytes) -> Path:
    """Where a content lies."""
    oid = sha256(content).hexdigest()
    return storage / "objects" / oid[:2] / oid[2:4] / oid


def test_contents_arrive_and_only_once(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    first = run_far(reprun, gpu1, "--", "true")
    assert tree(first["worktree"]) == tree(repo) and first["outcome"]["worktree"] == {"modified": False, "paths": []}
    storage = store_of(gpu1) / "lfs"
    before = place(storage, BIG).stat()
    (repo / "data" / "new.bin").write_bytes(b"new")
    second = run_far(reprun, gpu1, "--", "true")
    assert tree(second["worktree"]) == tree(repo)
    assert place(storage, BIG).stat() == before and list((storage / "tmp").iterdir()) == []


def test_a_part_that_arrived_is_built_on(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    """What is here already is not sent again: the dev side no longer has those bytes, so it could not."""
    run_far(reprun, gpu1, "--", "true")
    storage = store_of(gpu1) / "lfs"
    part = storage / "tmp" / f"{sha256(BIG).hexdigest()}.part"
    half = len(BIG) // 2
    part.write_bytes(BIG[:half])
    place(storage, BIG).unlink()
    mine = place(repo / ".git" / "lfs", BIG)
    mine.chmod(0o644)
    mine.write_bytes(b"?" * half + BIG[half:])
    (repo / "train.py").write_text("print('next')\n")
    _forget_trees(gpu1)
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)


@pytest.mark.parametrize(
    ("content", "wrong"),
    [(BIG, b"!" + BIG[1:1000]), (SMALL, b"!" + SMALL[1:1000]), (SMALL, SMALL + b"too long"), (SMALL, b"!" + SMALL[1:])],
    ids=["big", "short", "long", "wrong"],
)
def test_a_part_that_is_damaged_is_sent_anew(gpu1: SshHost, repo: Path, reprun: Reprun, content: bytes, wrong: bytes) -> None:
    run_far(reprun, gpu1, "--", "true")
    storage = store_of(gpu1) / "lfs"
    place(storage, content).unlink()
    (storage / "tmp" / f"{sha256(content).hexdigest()}.part").write_bytes(wrong)
    _forget_trees(gpu1)
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)


@small
@pytest.mark.parametrize("wrong", [None, b"!" + SMALL[1:], b""], ids=["gone", "wrong", "empty"])
def test_a_content_that_is_damaged_there_is_sent_anew(
    gpu1: SshHost, repo: Path, reprun: Reprun, content: bytes, wrong: bytes | None
) -> None:
    run_far(reprun, gpu1, "--", "true")
    there = place(store_of(gpu1) / "lfs", content)
    there.unlink()
    if wrong is not None:
        there.write_bytes(wrong)
    _forget_trees(gpu1)
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)
    assert there.read_bytes() == content


@small
@pytest.mark.parametrize("wrong", [SMALL[:-1] + b"!", SMALL[:-1]], ids=["wrong", "short"])
def test_a_content_that_is_damaged_here_is_refused(
    gpu1: SshHost, repo: Path, reprun: Reprun, content: bytes, wrong: bytes
) -> None:
    mine = place(repo / ".git" / "lfs", content)
    mine.chmod(0o644)
    mine.write_bytes(wrong)
    answer = far(reprun, gpu1, "--", "true")
    assert answer.rc == 3 and "data/one.bin" in answer.stdout and "git lfs fsck" in answer.stdout, answer
    assert not place(store_of(gpu1) / "lfs", content).exists()
    mine.write_bytes(content)
    assert tree(run_far(reprun, gpu1, "--", "true")["worktree"]) == tree(repo)


def test_launches_at_once(gpu1: SshHost, repo: Path) -> None:
    words = [REPRUN, "launch", "--json", "--on", "gpu1", "--", "true"]
    launches = [subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) for _ in range(3)]
    answers = [json.loads(launch.communicate()[0]) for launch in launches]
    assert [answer["ok"] for answer in answers] == [True] * 3, answers
    assert tree(answers[0]["data"]["worktree"]) == tree(repo)


def test_a_reproduction_there(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    data = run_far(reprun, gpu1, "--", "sha256sum", "data/one.bin", "data/two.bin")
    (repo / "data" / "one.bin").write_bytes(b"other")
    _forget_trees(gpu1)
    answer = reprun("reproduce", "--json", data["run_id"])
    assert answer.rc in (0, 7), answer


def _forget_trees(host: SshHost) -> None:
    """As after a gc there: the next launch writes its worktree anew."""
    from reprun.runner.files import remove_tree

    for folder in (host.home / ".local/share/reprun/worktrees").glob("*/*"):
        remove_tree(str(folder))


def test_an_import_brings_the_contents(
    gpu1: SshHost, repo: Path, git: Run, tmp_path: Path, reprun: Reprun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the machine of the launch is lost; what came before an interruption, right or wrong, does no harm."""
    data = run_far(reprun, gpu1, "--", "sh", "-c", 'cat data/two.bin > "$REPRUN_OUTPUT/two"')
    git("clone", "-q", str(repo), str(tmp_path / "laptop"))
    shutil.rmtree(repo)
    laptop = tmp_path / "laptop"
    monkeypatch.chdir(laptop)
    storage = laptop / ".git" / "lfs"
    shutil.rmtree(storage, ignore_errors=True)
    (storage / "tmp").mkdir(parents=True)
    part = storage / "tmp" / f"{sha256(BIG).hexdigest()}.part"
    part.write_bytes(b"!" + BIG[1:1000])
    there = {**gpu1.environ, "REPRUN_HOME": str(tmp_path / "other")}
    (answer,) = reprun("import", "--from", "gpu1", "--all", "--json", env=there).data
    assert not answer["problem"] and not answer["note"]
    for content in (BIG, b"two\n"):
        assert place(storage, content).read_bytes() == content
    assert list((storage / "tmp").iterdir()) == []
    assert reprun("reproduce", data["run_id"], "--yes", env=there).rc == 0
