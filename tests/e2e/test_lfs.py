"""Git LFS: the job sees the content where the person sees it and the pointer where the person has only that, without git-lfs and
without a network."""

from __future__ import annotations

import os
import shutil
from hashlib import sha256
from pathlib import Path

import pytest
from conversions_lab import LOOK, age, check_exact, check_refused, commit, files, seen
from e2e_lab import Reprun, fingerprint, run, show
from lab import Run

pytestmark = pytest.mark.needs("git-lfs")
BIG = bytes(range(256)) * 4000


@pytest.fixture
def lfs(private_home: Path, repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> Path:
    """`repo` with two files in Git LFS, and git-lfs installed for the user. Returns where the objects lie."""
    config = private_home / ".gitconfig"
    config.write_text("[user]\n\tname = Tester\n\temail = tester@localhost\n[init]\n\tdefaultBranch = main\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(config))
    git("lfs", "install", "--skip-repo")
    git("lfs", "track", "*.bin")
    (repo / "data").mkdir()
    (repo / "data" / "one.bin").write_bytes(BIG)
    (repo / "data" / "tool two.bin").write_bytes(b"#!/bin/sh\n")
    (repo / "data" / "tool two.bin").chmod(0o755)
    (repo / "data" / "empty.bin").write_bytes(b"")
    commit(git)
    age(git, repo)
    assert git("cat-file", "blob", ":data/one.bin").startswith("version https://git-lfs")
    return repo / ".git" / "lfs" / "objects"


def place(objects: Path, content: bytes) -> Path:
    """Where an object lies."""
    oid = sha256(content).hexdigest()
    return objects / oid[:2] / oid[2:4] / oid


def unfetch(git: Run, repo: Path, *paths: str) -> None:
    """Makes the files pointers, as a clone without their content has them."""
    for path in paths:
        text = git("cat-file", "blob", ":" + path)
        (repo / path).write_text(text + "\n")
    age(git, repo)


def test_content_that_is_there(lfs: Path, repo: Path, reprun: Reprun) -> None:
    before = fingerprint(lfs)
    assert check_exact(reprun, repo) == {"lfs": 2}
    assert fingerprint(lfs) == before
    assert all(os.stat(path).st_nlink == 1 for path in lfs.rglob("*") if path.is_file())


def test_content_that_was_not_fetched(lfs: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    unfetch(git, repo, "data/one.bin", "data/tool two.bin")
    shutil.rmtree(lfs)
    check_exact(reprun, repo)
    assert files(repo)["data/one.bin"][1].startswith(b"version https://git-lfs")


def test_some_of_each(lfs: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    unfetch(git, repo, "data/one.bin")
    place(lfs, BIG).unlink()
    assert check_exact(reprun, repo) == {"lfs": 1, "lfs_pointers": ["data/one.bin"]}


def test_new_and_changed_files(lfs: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "data" / "one.bin").write_bytes(BIG[1:])
    (repo / "data" / "new.bin").write_bytes(b"new" * 1000)
    check_exact(reprun, repo)
    assert place(lfs, BIG[1:]).read_bytes() == BIG[1:]
    pointer = git("cat-file", "blob", f"{show(reprun, '@last')['manifest']['code']['commit']}:data/new.bin")
    assert pointer + "\n" == git("lfs", "pointer", "--file", "data/new.bin") + "\n"


def test_neither_settings_nor_hooks_are_written(lfs: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "--remove-section", "lfs", check=False)
    shutil.rmtree(repo / ".git" / "hooks")
    (repo / "data" / "one.bin").write_bytes(BIG[2:])
    check_exact(reprun, repo)
    assert not (repo / ".git" / "hooks").exists() and "lfs" not in (repo / ".git" / "config").read_text()


def test_git_lfs_is_not_needed(lfs: Path, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for folder in os.environ["PATH"].split(os.pathsep):
        for name in os.listdir(folder) if os.path.isdir(folder) else ():
            if name != "git-lfs" and not (programs / name).is_symlink():
                (programs / name).symlink_to(os.path.join(folder, name))
    (repo / "data" / "one.bin").write_bytes(BIG[3:])
    data = run(reprun, *LOOK, env={"PATH": str(programs)})
    assert seen(reprun, data["run_id"]) == files(repo)


def test_an_object_that_is_gone_is_refused(lfs: Path, repo: Path, reprun: Reprun) -> None:
    place(lfs, BIG).unlink()
    assert "git lfs fetch" in check_refused(reprun, repo, "data/one.bin").stderr


def test_an_object_that_is_damaged_is_refused(lfs: Path, repo: Path, reprun: Reprun) -> None:
    path = place(lfs, BIG)
    path.chmod(0o644)
    path.write_bytes(BIG[:-1] + b"!")
    check_refused(reprun, repo, "data/one.bin")


def test_a_reproduction_without_the_object_is_refused(lfs: Path, repo: Path, reprun: Reprun) -> None:
    run_id = run(reprun, *LOOK)["run_id"]
    place(lfs, BIG).unlink()
    answer = reprun("reproduce", run_id)
    assert answer.rc == 3 and "data/one.bin" in answer.stderr


def test_storage_elsewhere(lfs: Path, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    shutil.move(lfs.parent, tmp_path / "storage")
    git("config", "lfs.storage", str(tmp_path / "storage"))
    (repo / "data" / "new.bin").write_bytes(b"new" * 1000)
    check_exact(reprun, repo)
    assert not lfs.parent.exists()


def test_from_a_linked_worktree(lfs: Path, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    git("worktree", "add", "-q", str(tmp_path / "linked"))
    (tmp_path / "linked" / "data" / "new.bin").write_bytes(b"new" * 1000)
    data = run(reprun, *LOOK, cwd=tmp_path / "linked")
    assert seen(reprun, data["run_id"]) == files(tmp_path / "linked")


def test_the_next_tree_shares_the_content(lfs: Path, repo: Path, reprun: Reprun) -> None:
    first = run(reprun, *LOOK)
    (repo / "train.py").write_text("print('next')\n")
    (repo / "data" / "tool two.bin").write_bytes(b"#!/bin/sh\necho\n")
    second = run(reprun, *LOOK)
    assert seen(reprun, second["run_id"]) == files(repo)
    one, two = (Path(data["worktree"]) for data in (first, second))
    assert os.stat(one / "data/one.bin").st_ino == os.stat(two / "data/one.bin").st_ino
    assert os.stat(one / "data/tool two.bin").st_ino != os.stat(two / "data/tool two.bin").st_ino


def test_a_file_that_leaves_or_enters_lfs(lfs: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    run(reprun, *LOOK)
    (repo / "data" / "one.bin").rename(repo / "data" / "one.raw")
    (repo / "data" / "tool two.bin").unlink()
    check_exact(reprun, repo)
    (repo / "data" / "one.raw").rename(repo / "data" / "one.bin")
    check_exact(reprun, repo)
    (repo / ".gitattributes").write_text("# nothing in LFS any more\n")
    (repo / "data" / "one.bin").write_bytes(BIG + b"more")
    (repo / "data" / "tool two.bin").write_bytes(b"other\n")
    check_exact(reprun, repo)


def test_a_tree_of_its_own_and_a_job_that_writes(lfs: Path, repo: Path, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text('writable = ["data"]\n')
    check_exact(reprun, repo)
    data = run(reprun, "--", "sh", "-c", "echo changed > data/one.bin; chmod u+w . train.py; echo 1 > train.py")
    assert show(reprun, data["run_id"])["outcome"]["worktree"] == {"modified": True, "paths": ["train.py"]}
    assert place(lfs, BIG).read_bytes() == BIG


@pytest.mark.parametrize(
    "action", ["echo 1 > data/one.bin", "git cat-file blob :data/one.bin > data/one.bin", "chmod +x data/one.bin"]
)
def test_a_job_that_changes_content_is_found_out(lfs: Path, repo: Path, reprun: Reprun, action: str) -> None:
    data = run(reprun, "--", "sh", "-c", f"chmod u+w data data/one.bin; {action}")
    assert show(reprun, data["run_id"])["outcome"]["worktree"] == {"modified": True, "paths": ["data/one.bin"]}
    after = run(reprun, *LOOK)  # the next run gets a tree that is whole again
    assert seen(reprun, after["run_id"]) == files(repo)


def test_pointers_are_text_where_lfs_is_not_set_up(private_home: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'ab' * 32}\nsize 12\n"
    (repo / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    (repo / "one.bin").write_text(pointer)
    (repo / "raw.bin").write_bytes(BIG)
    check_exact(reprun, repo)


def test_the_guard_lets_content_pass_that_does_not_get_into_the_history(lfs: Path, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "model.bin").write_bytes(bytes(11 << 20))
    (repo / "model.raw").write_bytes(bytes(11 << 20))
    refused = reprun("launch", "--", "true")
    assert refused.rc == 3 and "model.raw" in refused.stderr and "model.bin" not in refused.stderr
    (repo / "model.raw").unlink()
    data = run(reprun, *LOOK)
    assert len(git("cat-file", "blob", f"{data['commit']}:model.bin")) < 200
