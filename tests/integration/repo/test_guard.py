"""Nothing secret or huge is committed by accident: what a snapshot would add is looked at before an object is written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import sacred, snap, tree_of, tree_on_disk

from reprun.core.errors import RefusedError
from reprun.core.guarded import MIB, Rules
from reprun.repo.discover import find_repository
from reprun.repo.explain import explain_snapshot
from reprun.repo.refs import list_refs

TOKEN = 'tok = "ghp_0123456789abcdefghijklmnopqrstuvwxyz"\n'


def objects(repo: Path) -> set[str]:
    return {os.path.join(folder, name) for folder, _, names in os.walk(repo / ".git" / "objects") for name in names}


def refused(repo: Path, rules: Rules = Rules()) -> RefusedError:
    """The refusal of a snapshot; nothing was written for it."""
    before = objects(repo)
    with sacred(repo), pytest.raises(RefusedError) as caught:
        snap(repo, rules=rules)
    assert objects(repo) == before
    assert list_refs(find_repository(str(repo)), "refs/reprun/") == []
    return caught.value


class TestNothingSecretOrHuge:
    def test_a_file_over_the_limit_is_refused_with_its_size(self, repo: Path) -> None:
        (repo / "big.bin").write_bytes(bytes(10 * MIB + 1))
        error = refused(repo)
        assert "big.bin" in error.message and "10.0 MiB" in error.message
        assert "echo /big.bin >> .gitignore" in error.hint and 'allow = ["/big.bin"]' in error.hint

    def test_a_file_at_the_limit_is_fine(self, repo: Path) -> None:
        (repo / "big.bin").write_bytes(bytes(10 * MIB))
        assert snap(repo).allowed == []

    def test_a_tracked_file_that_grew_is_refused(self, repo: Path) -> None:
        (repo / "train.py").write_bytes(b"x" * (10 * MIB + 1))
        error = refused(repo)
        assert "train.py" in error.message and ".gitignore" not in error.hint

    def test_many_files_that_are_too_much_together(self, repo: Path) -> None:
        for number in range(11):
            (repo / f"part{number}.bin").write_bytes(os.urandom(MIB // 10))
        assert "1.1 MiB together" in refused(repo, Rules(max_total=MIB)).message

    def test_what_is_stopped_by_itself_blames_no_other_file(self, repo: Path) -> None:
        (repo / "big.bin").write_bytes(bytes(2 * MIB))
        (repo / "run.py").write_text("print(1)\n")
        error = refused(repo, Rules(max_file=MIB, max_total=MIB))
        assert "1 file looks" in error.message and "run.py" not in error.message + error.hint

    def test_of_too_much_together_no_more_is_named_than_has_to_go(self, repo: Path) -> None:
        for number in range(1, 5):
            (repo / f"part{number}.bin").write_bytes(os.urandom(number * MIB // 10))
        error = refused(repo, Rules(max_total=MIB // 2))
        assert [name for name in ("part1", "part2", "part3", "part4") if name in error.message] == ["part3", "part4"]

    def test_too_many_new_files_are_told_by_folder(self, repo: Path) -> None:
        (repo / "frames").mkdir()
        for number in range(30):
            (repo / "frames" / f"{number}.txt").write_text(str(number))
        error = refused(repo, Rules(max_new_files=29))
        assert "frames/" in error.message and "30 of 30 new files" in error.message and "/frames/" in error.hint

    @pytest.mark.parametrize("name", [".env", "conf/.env.local", "id_rsa", "keys/server.pem", "credentials.json"])
    def test_a_name_that_says_secret(self, repo: Path, name: str) -> None:
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text("x\n")
        assert name in refused(repo).message

    def test_a_secret_in_a_new_file(self, repo: Path) -> None:
        (repo / "a file.py").write_text("import os\n" + TOKEN)
        error = refused(repo)
        assert "line 2 looks like a secret (GitHub Token)" in error.message and "'/a file.py'" in error.hint

    def test_a_secret_that_comes_into_a_tracked_file(self, repo: Path) -> None:
        (repo / "train.py").write_text(TOKEN)
        assert "train.py" in refused(repo).message

    def test_a_secret_that_was_committed_knowingly_is_no_news(self, repo: Path, git: Run) -> None:
        (repo / "train.py").write_text(TOKEN)
        git("commit", "-qam", "with a token")
        (repo / "train.py").write_text("import os\n" + TOKEN)
        snap(repo)
        (repo / "train.py").write_text("import os\n" + TOKEN + 'password = "hunter2xyz"\n')
        with pytest.raises(RefusedError, match="line 3"):
            snap(repo)

    @pytest.mark.parametrize(("name", "data"), [(".env", b"x"), ("big", bytes(11 * MIB)), ("a.py", TOKEN.encode())])
    def test_what_is_only_staged_is_looked_at_too(self, repo: Path, git: Run, name: str, data: bytes) -> None:
        (repo / name).write_bytes(data)
        git("add", "-f", name)
        with sacred(repo), pytest.raises(RefusedError) as caught:
            snap(repo)
        assert name in caught.value.message
        (repo / name).write_bytes(data + b"more")
        with pytest.raises(RefusedError):
            snap(repo)
        assert list_refs(find_repository(str(repo)), "refs/reprun/") == []

    def test_a_file_that_appears_while_the_snapshot_is_taken_is_looked_at(
        self, repo: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from reprun.repo import parts

        original = parts.apply

        def late(git: object, additions: object) -> None:
            original(git, additions)  # type: ignore[arg-type]
            (repo / ".env").write_text("SECRET=1\n")

        monkeypatch.setattr(parts, "apply", late)
        assert ".env" in refused_text(repo)

    def test_ignored_and_unchanged_files_are_nobodys_business(self, repo: Path, git: Run) -> None:
        (repo / ".env").write_text("committed=1\n")
        git("add", "-f", ".env")
        git("commit", "-qm", "env")
        (repo / ".gitignore").write_text("/data\n")
        (repo / "data").write_bytes(bytes(11 * MIB))
        snap(repo)
        (repo / ".env").write_text("committed=2\n")
        snap(repo)


class TestAllowed:
    def test_what_is_allowed_is_let_in_and_recorded(self, repo: Path, git: Run) -> None:
        (repo / "big.bin").write_bytes(bytes(10 * MIB + 1))
        (repo / ".env").write_text("x")
        (repo / "a.py").write_text(TOKEN)
        taken = snap(repo, rules=Rules(allow=("*.bin", "/.env", "/a.py", "nothing/*")))
        assert tree_of(git, taken.commit) == tree_on_disk(repo)
        assert [(item["path"], item["new"]) for item in taken.allowed] == [(".env", True), ("a.py", True), ("big.bin", True)]

    def test_what_is_allowed_does_not_count(self, repo: Path) -> None:
        (repo / "frames").mkdir()
        for number in range(30):
            (repo / "frames" / f"{number}.txt").write_text(str(number))
        snap(repo, rules=Rules(max_new_files=29, max_total=10, allow=("frames/",)))

    def test_the_lines_that_are_printed_work(self, repo: Path) -> None:
        import subprocess

        names = ["a b.bin", "[x]*.bin", "it's.bin", "#c.bin", "!d.bin", "back\\slash.bin", "-e.bin", "space ", "line\nbreak"]
        for name in names:
            (repo / name).write_bytes(bytes(1001))
        error = refused(repo, Rules(max_file=1000))
        subprocess.run(["sh", "-c", error.hint.splitlines()[0]], cwd=repo, check=True)
        assert snap(repo, rules=Rules(max_file=1000)).added == 1

    def test_they_work_from_a_subdirectory_too(self, repo: Path) -> None:
        import subprocess

        (repo / "conf" / "big.bin").write_bytes(bytes(1001))
        with pytest.raises(RefusedError) as caught:
            snap(repo / "conf", rules=Rules(max_file=1000))
        subprocess.run(["sh", "-c", caught.value.hint.splitlines()[0]], cwd=repo / "conf", check=True)
        assert (repo / ".gitignore").read_text() == "/conf/big.bin\n"

    def test_the_explanation_says_what_would_be_refused(self, repo: Path) -> None:
        (repo / ".env").write_text("x")
        (repo / "fine.py").write_text("x")
        before = objects(repo)
        found = {item.path: item.stopped for item in explain_snapshot(find_repository(str(repo)), Rules()).committed}
        assert found == {".env": "a file of this name usually holds secrets", "fine.py": ""}
        assert objects(repo) == before


def refused_text(repo: Path) -> str:
    with pytest.raises(RefusedError) as caught:
        snap(repo)
    return caught.value.message
