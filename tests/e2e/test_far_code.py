"""Whatever is in the dev tree arrives on a host that cannot see it, to the byte."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hidden_lab import describe, far, is_borrowed, run_far, store_of, tree
from hiding import hide
from lab import Answer, Run
from ssh_lab import SshHost, SshLab

pytestmark = [pytest.mark.usefixtures("home"), pytest.mark.needs("hiding", "sshd")]
Reprun = Callable[..., Answer]


@pytest.fixture
def gpu1(ssh_lab: SshLab, tmp_path: Path, repo: Path, monkeypatch: pytest.MonkeyPatch) -> SshHost:
    """A host for which all folders of the dev side are empty."""
    host = hide(ssh_lab.host("gpu1").meet(), tmp_path)
    describe(host)
    monkeypatch.setenv("REPRUN_SSH", host.environ["REPRUN_SSH"])
    return host


def check(reprun: Reprun, host: SshHost, top: Path, *words: str) -> dict[str, object]:
    """A job there sees the dev tree, and its tree is unmodified."""
    data = run_far(reprun, host, *(words or ("--", "true")))
    assert tree(data["worktree"]) == tree(top)
    assert data["outcome"]["worktree"] == {"modified": False, "paths": []} and data["outcome"]["state"] == "finished"
    assert not is_borrowed(host)
    return data


def test_a_dirty_tree(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "train.py").write_text("print('edited')\n")
    (repo / "new.bin").write_bytes(bytes(range(256)) * 1000)
    (repo / "tool").write_text("#!/bin/sh\n")
    (repo / "tool").chmod(0o755)
    (repo / "link").symlink_to("conf")
    (repo / "dead").symlink_to("/nowhere/at all")
    for name in (b"caf\xe9 \n'\"$(id)", b"-rf", b"a\\b", "ünï".encode()):
        Path(os.fsdecode(os.fsencode(repo) + b"/" + name)).write_bytes(name)
    before = git("status", "--porcelain")
    data = check(reprun, gpu1, repo)
    assert git("status", "--porcelain") == before
    (repo / "train.py").write_text("print('again')\n")
    check(reprun, gpu1, repo)
    assert git("--git-dir", str(store_of(gpu1)), "rev-parse", str(data["ref"])) == data["commit"]


def test_states_of_the_index(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    """What git is told to overlook, what it was told of only, and what is gone."""
    for name in ("overlooked", "skipped", "staged", "gone", "both"):
        (repo / name).write_text(name)
    git("add", "-A")
    git("commit", "-qm", "files")
    git("update-index", "--assume-unchanged", "overlooked")
    git("update-index", "--skip-worktree", "skipped")
    for name in ("overlooked", "skipped", "staged", "both"):
        (repo / name).write_text(name + " edited\n")
    git("add", "staged", "both")
    (repo / "both").write_text("and again\n")
    (repo / "gone").unlink()
    (repo / "intended").write_text("intended\n")
    git("add", "--intent-to-add", "intended")
    shutil.rmtree(repo / "conf")
    (repo / "conf").symlink_to("train.py")
    before = (repo / ".git" / "index").read_bytes()
    check(reprun, gpu1, repo)
    assert (repo / ".git" / "index").read_bytes() == before


def test_a_merge_that_is_not_finished_there(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    git("add", "-A")
    git("commit", "-qm", "settings")
    for name in ("side", "main"):
        git("switch", "-qC", name, "HEAD" if name == "side" else "HEAD^")
        (repo / "train.py").write_text(f"print({name!r})\n")
        git("commit", "-qam", name)
    git("merge", "side", check=False)
    assert "<<<<" in (repo / "train.py").read_text()
    check(reprun, gpu1, repo, "--during-operation", "--", "true")


def test_no_commit_at_all(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    shutil.rmtree(repo / ".git")
    git("init", "-q")
    check(reprun, gpu1, repo)


def test_a_submodule(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path / "inner"))
    (tmp_path / "inner" / "lib.py").write_text("one\n")
    git("add", "-A", cwd=tmp_path / "inner")
    git("commit", "-qm", "inner", cwd=tmp_path / "inner")
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "inner"), "inner")
    git("commit", "-qam", "submodule")
    (repo / "inner" / "lib.py").write_text("edited\n")
    (repo / "inner" / "new.py").write_text("new\n")
    check(reprun, gpu1, repo)


def test_a_shallow_clone(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    for number in range(3):
        (repo / "train.py").write_text(f"{number}\n")
        git("commit", "-qam", str(number))
    git("clone", "-q", "--depth", "2", f"file://{repo}", str(tmp_path / "shallow"))
    shutil.copy(repo / "reprun.toml", tmp_path / "shallow")
    os.chdir(tmp_path / "shallow")
    check(reprun, gpu1, Path.cwd())
    data = run_far(reprun, gpu1, "--", "sh", "-c", "git log --format=%s > {output}/log")
    assert Path(data["run_dir"], "output", "log").read_text() == "reprun: snapshot\n2\n1\n"


@pytest.mark.parametrize("left_out", ["blob:none", "tree:0"])
def test_a_partial_clone_whose_remote_is_gone(
    gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, tmp_path: Path, left_out: str
) -> None:
    (repo / "train.py").write_text("next\n")
    git("commit", "-qam", "next")
    git("config", "uploadpack.allowFilter", "true")
    git("clone", "-q", f"--filter={left_out}", f"file://{repo}", str(tmp_path / "partial"))
    shutil.copy(repo / "reprun.toml", tmp_path / "partial")
    repo.rename(tmp_path / "away")
    os.chdir(tmp_path / "partial")
    for text in ("one\n", "two\n"):
        Path("train.py").write_text(text)
        check(reprun, gpu1, Path.cwd())


def test_a_linked_worktree_that_borrows_its_objects(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    git("clone", "-q", "--shared", str(repo), str(tmp_path / "shared"))
    git("worktree", "add", "-q", str(tmp_path / "linked"), cwd=tmp_path / "shared")
    shutil.copy(repo / "reprun.toml", tmp_path / "linked")
    os.chdir(tmp_path / "linked")
    Path("new.py").write_text("new\n")
    check(reprun, gpu1, Path.cwd())


def test_objects_of_sha256(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    check(reprun, gpu1, repo)
    shutil.rmtree(repo / ".git")
    git("init", "-q", "--object-format=sha256")
    git("add", "-A")
    git("commit", "-qm", "first")
    data = run_far(reprun, gpu1, "--", "true")
    assert len(data["commit"]) == 64 and tree(data["worktree"]) == tree(repo)


def test_replaced_objects_and_grafts(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    (repo / "train.py").write_text("second\n")
    git("commit", "-qam", "second")
    git("replace", "HEAD:train.py", git("hash-object", "-w", "--stdin", stdin=b"another\n"))
    git("replace", "--graft", "HEAD")
    (repo / ".git" / "info").mkdir(exist_ok=True)
    (repo / ".git" / "info" / "grafts").write_text(git("rev-parse", "HEAD") + "\n")
    check(reprun, gpu1, repo)


def test_line_endings_and_a_filter_that_is_there(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    git("config", "filter.upper.clean", "tr A-Z a-z")
    git("config", "filter.upper.smudge", "tr a-z A-Z")
    (repo / ".gitattributes").write_text("*.up filter=upper\n*.bat eol=crlf\n")
    (repo / "one.up").write_text("LOUD\n")
    (repo / "one.bat").write_bytes(b"dir\r\n")
    check(reprun, gpu1, repo)


def test_a_filter_whose_program_is_missing_there(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    program = tmp_path / "upper"
    program.write_text("#!/bin/sh\ntr a-z A-Z\n")
    program.chmod(0o755)
    git("config", "filter.upper.clean", "tr A-Z a-z")
    git("config", "filter.upper.smudge", str(program))
    (repo / ".gitattributes").write_text("*.up filter=upper\n")
    (repo / "one.up").write_text("LOUD\n")
    answer = far(reprun, gpu1, "--", "true")
    assert answer.rc == 3 and "one.up" in answer.stdout and str(program) in answer.stdout and "committed" in answer.stdout
    assert reprun("ls", "--json").data == []
    with open("reprun.toml", "a") as file:
        file.write('[snapshot]\nfilters = "committed"\n')
    data = run_far(reprun, gpu1, "--", "true")
    assert Path(data["worktree"], "one.up").read_text() == "loud\n"
    assert reprun("show", "--json", data["run_id"]).data["manifest"]["code"]["conversions"]["filters"] == ["upper"]


def test_carried_files_and_writable_paths(gpu1: SshHost, repo: Path, git: Run, reprun: Reprun) -> None:
    secret = "hunter2-" + "x" * 50
    with open("reprun.toml", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write('carry = [".env", "deep/er/key"]\nwritable = ["outputs"]\n' + text)
    (repo / ".gitignore").write_text(".env\ndeep/\n")
    (repo / ".env").write_text(secret)
    (repo / "deep" / "er").mkdir(parents=True)
    (repo / "deep" / "er" / "key").write_text(secret)
    data = run_far(reprun, gpu1, "--", "sh", "-c", "echo 1 > outputs/x; stat -c %a .env deep/er/key > {output}/modes")
    assert tree(data["worktree"], "outputs/x") == tree(repo)
    assert Path(data["run_dir"], "output", "modes").read_text() == "600\n600\n"
    held = [path for path in gpu1.home.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]
    assert sorted(path.name for path in held) == [".env", "key"]
    assert all(path.is_relative_to(Path(data["run_dir"], "tree")) for path in held)
    git_dir = ("--git-dir", str(store_of(gpu1)))
    objects = git(*git_dir, "cat-file", "--batch-all-objects", "--batch-check=%(objectname)").split()
    assert not any(secret in git(*git_dir, "cat-file", "-p", one) for one in objects)


def test_data_on_the_host(gpu1: SshHost, repo: Path, reprun: Reprun) -> None:
    with open("reprun.toml", "r+") as file:
        text = file.read()
        file.seek(0)
        file.write('data = [{ path = "~/sets/train.csv" }, { path = "conf/base.yaml" }]\n' + text)
    answer = far(reprun, gpu1, "--", "true")
    assert answer.rc == 3 and f"{gpu1.home}/sets/train.csv" in answer.stdout
    (gpu1.home / "sets").mkdir()
    (gpu1.home / "sets" / "train.csv").write_text("1\n")
    data = run_far(reprun, gpu1, "--", "true", cwd=repo / "conf")
    facts = reprun("show", "--json", data["run_id"]).data["manifest"]["data"]
    assert [item["path"] for item in facts] == ["~/sets/train.csv", "conf/base.yaml"] and facts[0]["size"] == 2
