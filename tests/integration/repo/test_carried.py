"""What can be carried: ignored regular files of the dev tree. Everything else is refused before anything happens."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest
from lab import Run, unprivileged

from reprun.core.errors import RefusedError, UsageError
from reprun.core.spec import Carried
from reprun.repo.carried import MAX_BYTES, carried_contents, declared_carried, find_carried, get_carried
from reprun.repo.discover import find_repository


def declared(*paths: str) -> tuple[Carried, ...]:
    return declared_carried(find_repository(os.getcwd()), paths)


def record(path: str, data: bytes) -> Carried:
    return Carried(path, sha256(data).hexdigest(), len(data))


def ignored(repo: Path, name: str, data: bytes = b"secret") -> Path:
    path = repo / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with (repo / ".gitignore").open("a") as file:
        file.write(f"/{name}\n")
    return path


def test_nothing_declared_asks_nobody(repo: Path) -> None:
    assert declared() == ()


def test_ignored_files_are_recorded_by_path_hash_and_size(repo: Path) -> None:
    ignored(repo, ".env", b"A=1\n")
    ignored(repo, "conf/local.yaml", b"")
    ignored(repo, "bin", bytes(range(256)))
    want = (record(".env", b"A=1\n"), record("conf/local.yaml", b""), record("bin", bytes(range(256))))
    assert declared(".env", "conf/local.yaml", "bin") == want


def test_what_is_sent_is_the_file_to_the_byte(repo: Path) -> None:
    ignored(repo, "bin", bytes(range(256)))
    repository = find_repository(str(repo))
    (sent,) = carried_contents(repository, declared("bin"))
    assert base64.b64decode(sent.pop("data")) == bytes(range(256)) and Carried(**sent) == record("bin", bytes(range(256)))


@pytest.mark.parametrize("source", ["exclude", "excludesFile", "folder", "nested"])
def test_every_source_of_ignore_rules_counts(repo: Path, git: Run, private_home: Path, source: str) -> None:
    (repo / "secrets").mkdir()
    (repo / "secrets" / "env").write_text("x")
    if source == "exclude":
        (repo / ".git" / "info" / "exclude").write_text("env\n")
    elif source == "excludesFile":
        (private_home / ".config" / "git").mkdir(parents=True)
        (private_home / ".config" / "git" / "ignore").write_text("env\n")
    elif source == "folder":
        (repo / ".gitignore").write_text("secrets/\n")
    else:
        (repo / "secrets" / ".gitignore").write_text("/env\n")
    assert declared("secrets/env") == (record("secrets/env", b"x"),)


def test_a_link_is_followed_in_the_dev_tree(repo: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("far")
    ignored(repo, ".env").unlink()
    (repo / ".env").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "a").write_text("deep")
    (repo / "data").symlink_to(tmp_path / "folder")
    (repo / ".git" / "info" / "exclude").write_text("/data\n")
    assert declared(".env", "data/a") == (record(".env", b"far"), record("data/a", b"deep"))


def test_a_path_through_a_link_that_git_tracks_is_refused(repo: Path, git: Run) -> None:
    (repo / "real").mkdir()
    ignored(repo, "real/a")
    (repo / "way").symlink_to("real")
    git("add", "way")
    with pytest.raises(RefusedError, match="way, through which way/a leads, is tracked by git"):
        declared("way/a")


WEIRD = ["plain", "with space", "st*r", "!bang", "#hash", "-dash", "que?", "[set]", "back\\slash", "quo'te", "trailing ", "é"]


@pytest.mark.parametrize("below", ["", "sub/deeper"])
@pytest.mark.parametrize("name", WEIRD)
def test_a_file_that_would_be_committed_is_refused_and_the_hint_helps(repo: Path, git: Run, name: str, below: str) -> None:
    (repo / name).write_text("x")
    for beside in ("star", "quex", "s"):
        (repo / beside).write_text("x")
    (repo / "sub" / "deeper").mkdir(parents=True)
    os.chdir(repo / below)
    with pytest.raises(RefusedError, match="is not ignored by git: the snapshot would commit it") as caught:
        declared(name)
    subprocess.run(["sh", "-c", caught.value.hint], check=True)
    assert declared(name) == (record(name, b"x"),)
    assert len((repo / ".gitignore").read_text().splitlines()) == 1
    left = git("ls-files", "-z", "--others", "--exclude-standard", cwd=repo).strip("\0").split("\0")
    assert {"star", "quex", "s"} <= set(left) and name not in left


def test_a_negated_rule_is_no_rule(repo: Path) -> None:
    (repo / ".env").write_text("x")
    (repo / ".gitignore").write_text(".e*\n!.env\n")
    with pytest.raises(RefusedError, match=r"\.env is not ignored by git"):
        declared(".env")


@pytest.mark.parametrize("how", [("add", "-f"), ("add", "-f", "-N")])
def test_a_tracked_file_is_refused_even_when_a_rule_ignores_it(repo: Path, git: Run, how: tuple[str, ...]) -> None:
    ignored(repo, ".env")
    git(*how, ".env")
    with pytest.raises(RefusedError, match=r"\.env is tracked by git, so the snapshot has it already") as caught:
        declared(".env")
    assert "take it out of carry" in caught.value.hint


def test_what_is_missing_or_no_file_is_refused(repo: Path) -> None:
    ignored(repo, "there")
    ignored(repo, "folder/a")
    (repo / ".gitignore").write_text("*\n")
    os.mkfifo(repo / "pipe")
    (repo / "null").symlink_to("/dev/null")
    (repo / "dangling").symlink_to("nowhere")
    (repo / "loop").symlink_to("loop")
    for path, why in {
        "missing": "the carried file missing is not there",
        "there/below": "the carried file there/below is not there",
        "dangling": "the carried file dangling is not there",
        "folder": "folder cannot be carried: it is a folder",
        "pipe": "pipe cannot be carried: it is no regular file",
        "null": "null cannot be carried: it is no regular file",
        "loop": "the carried file loop cannot be read: Too many levels",
        "x" * 300: "cannot be read: File name too long",
    }.items():
        with pytest.raises(RefusedError, match=why) as caught:
            declared("there", path)
        assert caught.value.hint.endswith(", or take it out of carry in reprun.toml"), path


@pytest.mark.needs("setpriv")
def test_a_file_that_cannot_be_read_is_refused(repo: Path) -> None:
    ignored(repo, ".env").chmod(0)
    code = (
        "from reprun.repo.carried import declared_carried\n"
        "from reprun.repo.discover import find_repository\n"
        f"declared_carried(find_repository({str(repo)!r}), ['.env'])\n"
    )
    done = unprivileged(sys.executable, "-c", code)
    assert done.returncode == 1, done
    assert done.stderr.splitlines()[-1].endswith("RefusedError: the carried file .env cannot be read: Permission denied")


def test_a_path_in_a_submodule_is_refused(repo: Path, git: Run, tmp_path: Path) -> None:
    git("init", "-q", str(tmp_path / "lib"))
    git("commit", "-q", "--allow-empty", "-m", "x", cwd=tmp_path / "lib")
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(tmp_path / "lib"), "lib")
    (repo / "lib" / ".env").write_text("x")
    with pytest.raises(RefusedError, match="lib"):
        declared("lib/.env")


def test_the_same_path_twice_is_a_mistake(repo: Path) -> None:
    ignored(repo, ".env")
    with pytest.raises(UsageError, match=r"carry names \.env twice"):
        declared(".env", ".env")


def test_all_of_it_together_has_a_limit(repo: Path) -> None:
    ignored(repo, "big", b"\0" * (MAX_BYTES - 1))
    ignored(repo, "one", b"1")
    ignored(repo, "two", b"2")
    assert len(declared("big", "one")) == 2
    with pytest.raises(RefusedError, match=r"larger than 10\.0 MiB together \(at two\)"):
        declared("big", "one", "two")


def test_a_file_that_is_another_one_since_is_refused_without_a_word_of_what_is_in_it(repo: Path) -> None:
    path = ignored(repo, ".env", b"hunter2")
    carried = declared(".env")
    path.write_bytes(b"hunter3")
    with pytest.raises(RefusedError, match="is not what it was") as caught:
        carried_contents(find_repository(str(repo)), carried)
    assert "hunter" not in caught.value.message + caught.value.hint


def test_looking_ahead_leaves_out_what_is_not_there(repo: Path) -> None:
    ignored(repo, "a")
    repository = find_repository(str(repo))
    assert [file.path for file in find_carried(repository, ["a", "b"])] == ["a"]
    with pytest.raises(RefusedError, match="the carried file b is not there"):
        get_carried(repository, ["a", "b"])
