"""The hooks that git runs, with a real git: commits get trailers, and pushes are checked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from lab import REPRUN, Answer, Run, run_reprun, until
from recorded_lab import record

from reprun.commands.hook_care import install_hooks, uninstall_hooks
from reprun.workspace import open_workspace

NEVER = "20260101-000000-000000"  # no such run


@pytest.fixture
def run_id(repo: Path, private_home: Path, git: Run) -> str:
    """A finished run, with the hooks of reprun that git runs."""
    install_hooks(open_workspace(), ["commit-msg", "pre-push"])
    return record(git, "20261121-031601-m4k7qx")


@pytest.fixture
def remote(repo: Path, git: Run) -> Path:
    """A bare repository, as `origin`."""
    folder = repo.parent / "bare.git"
    git("init", "-q", "--bare", str(folder))
    git("remote", "add", "origin", str(folder))
    return folder


def push(*words: str, **environ: str) -> Answer:
    done = subprocess.run(["git", "push", *words], env={**os.environ, **environ}, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def commit(git: Run, message: str, *words: str) -> str:
    """Commits nothing with this message; what became of it."""
    git("commit", "-q", "--allow-empty", *words, "-F", "-", stdin=message.encode("utf-8", "surrogateescape"))
    return git("cat-file", "commit", "HEAD").partition("\n\n")[2]


def damage(git: Run, run_id: str) -> None:
    """The manifest in the object database is another one."""
    blob = git("hash-object", "-w", "--stdin", stdin=b"not sealed")
    git("update-ref", f"refs/reprun/manifests/{run_id}", blob)


class TestMessages:
    def test_trailers_for_the_runs_that_are_named(self, run_id: str, git: Run) -> None:
        trailer = f"Reprun-Run: {run_id}"
        assert commit(git, f"see {run_id}, not {NEVER}") == f"see {run_id}, not {NEVER}\n\n{trailer}"
        assert commit(git, f"s\n\nsee ({run_id}).\n\nSigned-off-by: T <t@t>") == (
            f"s\n\nsee ({run_id}).\n\nSigned-off-by: T <t@t>\n{trailer}"
        )
        assert commit(git, f"s\n\n{trailer}") == f"s\n\n{trailer}"  # not twice
        git("commit", "-q", "--amend", "--no-edit", "--allow-empty")
        assert git("log", "-1", "--format=%B").count("Reprun-Run") == 1
        assert commit(git, "no run") == "no run"
        assert commit(git, f"x{run_id} {run_id}x {run_id}-1") == f"x{run_id} {run_id}x {run_id}-1"

    def test_what_is_no_text_stays(self, run_id: str, git: Run) -> None:
        message = f"\udcff\udcfe {run_id}"
        assert commit(git, message) == f"ÿþ {run_id}\n\nReprun-Run: {run_id}"  # git takes it for Latin-1

    def test_comments_and_diffs_below_name_no_run(self, run_id: str, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        editor = Path(os.environ["HOME"]) / "editor"
        editor.write_text(f'#!/bin/sh\nprintf "subject\\n# {run_id}\\n" | cat - "$1" > "$1.new" && cat "$1.new" > "$1"\n')
        editor.chmod(0o755)
        monkeypatch.setenv("GIT_EDITOR", str(editor))
        Path(run_id).write_text("x")
        git("add", run_id)
        git("commit", "-q", "--verbose")
        assert git("log", "-1", "--format=%B") == "subject"

    def test_an_empty_message_still_ends_the_commit(self, run_id: str, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("reprun.toml").write_text('[hooks]\ntrailer = "latest"\n')
        monkeypatch.setenv("GIT_EDITOR", "true")
        before = git("rev-parse", "HEAD")
        git("commit", "-q", "--allow-empty", check=False)
        assert git("rev-parse", "HEAD") == before

    def test_the_latest_run_of_the_tree_where_that_is_wished(self, repo: Path, run_id: str, git: Run) -> None:
        (repo / "reprun.toml").write_text('[hooks]\ntrailer = "latest"\n')
        (repo / "new.py").write_text("print(1)\n")
        assert commit(git, "the tree that ran") == f"the tree that ran\n\nReprun-Run: {run_id}"
        git("add", "new.py")
        assert commit(git, "another tree") == "another tree"
        latest = record(git, "20261121-031603-m4k7qx")
        record(git, "20261121-031602-m4k7qx")
        record(git, "20261121-031604-m4k7qx", "failed")
        assert commit(git, "again") == f"again\n\nReprun-Run: {latest}"

    def test_no_program_of_the_user_s_trailers_is_run(self, run_id: str, git: Run, repo: Path) -> None:
        git("config", "trailer.signed.key", "Signed")
        git("config", "trailer.signed.command", f"touch {repo}/executed; echo x")
        assert commit(git, run_id).count(":") == 1 and not (repo / "executed").exists()

    def test_without_reprun_a_commit_goes_through(self, repo: Path, run_id: str, git: Run) -> None:
        env = {**os.environ, "REPRUN_EXECUTABLE": "/gone/reprun"}
        words = ["git", "commit", "-q", "--allow-empty", "-m", run_id]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "reprun has added no trailers" in done.stderr

    def test_the_earlier_hook_is_asked_first(self, repo: Path, run_id: str, git: Run) -> None:
        hook = repo / ".git" / "hooks" / "commit-msg"
        uninstall_hooks(open_workspace(), ["commit-msg"])
        hook.write_text('#!/bin/sh\ngrep -q allowed "$1"\n')
        hook.chmod(0o755)
        install_hooks(open_workspace(), ["commit-msg"])
        assert "Reprun-Run" in commit(git, f"allowed {run_id}")
        before = git("rev-parse", "HEAD")
        git("commit", "-q", "--allow-empty", "-m", f"other {run_id}", check=False)
        assert git("rev-parse", "HEAD") == before


class TestPushes:
    def test_runs_that_are_whole_go(self, run_id: str, remote: Path, git: Run) -> None:
        commit(git, f"see {run_id}")
        done = push("origin", "HEAD")
        assert done.rc == 0 and "1 cited run checked" in done.stderr
        assert git("ls-remote", "origin", "refs/reprun/*") == ""  # not wished

    @pytest.mark.parametrize("what", ["missing", "damaged", "gone"])
    def test_runs_that_nobody_could_check_do_not(self, run_id: str, remote: Path, git: Run, what: str) -> None:
        cited = NEVER if what == "missing" else run_id
        commit(git, f"s\n\nReprun-Run: {cited}")
        if what == "damaged":
            damage(git, run_id)
        elif what == "gone":
            git("update-ref", "-d", f"refs/reprun/manifests/{run_id}")
        done = push("origin", "HEAD", "HEAD:refs/heads/other", "HEAD:refs/tags/t")
        assert done.rc == 1 and f"cites {cited}" in done.stderr and "--no-verify" in done.stderr
        assert git("ls-remote", "origin") == ""
        assert push("--no-verify", "origin", "HEAD").rc == 0

    def test_what_the_remote_has_already_is_not_looked_at(self, run_id: str, remote: Path, git: Run) -> None:
        commit(git, f"see {NEVER}", "--no-verify")
        push("--no-verify", "origin", "HEAD:refs/heads/main")
        commit(git, "more")
        assert push("origin", "HEAD:refs/heads/main").rc == 0
        assert push("origin", "HEAD~1:refs/heads/old").rc == 0  # known by the remote's other branch
        assert push("origin", ":refs/heads/old").rc == 0
        git("tag", "-a", "-m", "t", "tag", "HEAD")
        git("tag", "blob", git("hash-object", "-w", "--stdin", stdin=b"x"))
        assert push("origin", "blob").rc == 0 and push("origin", "refs/tags/tag").rc == 0
        assert push(str(remote), "HEAD:refs/heads/by-address").rc == 1  # nothing is known of an address

    def test_the_records_go_along_where_that_is_wished(self, repo: Path, run_id: str, remote: Path, git: Run) -> None:
        (repo / "reprun.toml").write_text('[git]\npush = "origin"\n')
        git("remote", "add", "other", str(remote))
        commit(git, f"see {run_id}")
        assert push("other", "HEAD:refs/heads/one").rc == 0
        assert not (repo / ".git" / "reprun" / "push.json").exists()
        assert push("origin", "HEAD:refs/heads/two").rc == 0
        until(lambda: run_id in git("ls-remote", "origin", "refs/reprun/manifests/*"), "the manifest is there")

    def test_without_reprun_nothing_is_pushed_unchecked(self, run_id: str, remote: Path) -> None:
        done = push("origin", "HEAD", REPRUN_EXECUTABLE="/gone/reprun")
        assert done.rc == 1 and "--no-verify" in done.stderr

    def test_a_ref_with_spaces_is_one_too(self, run_id: str, remote: Path, git: Run) -> None:
        commit(git, f"see {NEVER}")
        assert push("origin", "HEAD@{0 seconds ago}:refs/heads/main").rc == 1
        assert push("origin", "HEAD@{0}:refs/heads/main").rc == 1

    @pytest.mark.parametrize("said", [b"HEAD\n", b"garbage of four words\n", b"\xff\0 \x85", None])
    def test_who_says_nothing_of_git_is_not_passed(self, run_id: str, said: bytes | None) -> None:
        """Such as a tool that runs hooks, and keeps what git says for itself."""
        words = [REPRUN, "hooks", "exec", "pre-push", "origin", "address"]
        given = {"stdin": subprocess.DEVNULL} if said is None else {"input": said}
        done = subprocess.run(words, **given, capture_output=True, check=False)  # type: ignore[call-overload]
        assert done.returncode == 2 and b"hint:" in done.stderr and b"Traceback" not in done.stderr

    def test_the_earlier_hook_hears_all_and_is_asked_first(self, repo: Path, run_id: str, remote: Path, git: Run) -> None:
        uninstall_hooks(open_workspace(), ["pre-push"])
        hook = repo / ".git" / "hooks" / "pre-push"
        hook.write_text('#!/bin/sh\necho "$@" > heard\ncat >> heard\ntest ! -e no\n')
        hook.chmod(0o755)
        install_hooks(open_workspace(), ["pre-push"])
        commit(git, f"see {run_id}")
        head = git("rev-parse", "HEAD")
        (repo / "no").touch()
        assert push("origin", "HEAD:refs/heads/main").rc == 1
        (repo / "no").unlink()
        done = push("origin", "HEAD:refs/heads/main")
        assert done.rc == 0 and "checked" in done.stderr
        assert (repo / "heard").read_text() == f"origin {remote}\nHEAD {head} refs/heads/main {'0' * 40}\n"
        assert push("origin", "HEAD:refs/heads/main").rc == 0  # nothing to push
        assert (repo / "heard").read_text() == f"origin {remote}\n"

    def test_from_a_linked_worktree(
        self, repo: Path, run_id: str, remote: Path, git: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        git("worktree", "add", "-q", str(repo.parent / "linked"))
        monkeypatch.chdir(repo.parent / "linked")
        assert "Reprun-Run" in commit(git, f"see {run_id}")
        assert "checked" in push("origin", "HEAD").stderr
        commit(git, f"see {NEVER}")
        assert push("origin", "HEAD").rc == 1

    def test_from_a_bare_repository(self, run_id: str, remote: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """As with hooks for all repositories, in `core.hooksPath`."""
        git("push", "-q", "--no-verify", "origin", "HEAD:refs/heads/main")
        (remote / "hooks" / "pre-push").write_bytes(Path(".git", "hooks", "pre-push").read_bytes())
        (remote / "hooks" / "pre-push").chmod(0o755)
        git("init", "-q", "--bare", str(remote.parent / "other.git"))
        monkeypatch.chdir(remote)
        done = push(str(remote.parent / "other.git"), "main")
        assert done.rc == 0 and "were not checked" in done.stderr


class TestPreCommit:
    """What pre-commit says in variables, and what its list of our hooks says."""

    def test_a_push(self, run_id: str, git: Run) -> None:
        commit(git, f"see {NEVER}")
        env = {"PRE_COMMIT_TO_REF": git("rev-parse", "HEAD"), "PRE_COMMIT_REMOTE_NAME": "origin"}
        assert run_reprun("hooks", "exec", "pre-push", env=env).rc == 3
        assert run_reprun("hooks", "exec", "pre-push", env={**env, "PRE_COMMIT_FROM_REF": git("rev-parse", "HEAD")}).rc == 0
        for all_of_it in ({}, {"PRE_COMMIT_LOCAL_BRANCH": "refs/heads/main", "PRE_COMMIT_REMOTE_NAME": "origin"}):
            assert run_reprun("hooks", "exec", "pre-push", env={**all_of_it, "PRE_COMMIT": "1"}).rc == 3

    def test_the_list_is_right(self) -> None:
        import yaml

        from reprun.commands.hook_exec import EXECUTED

        entries = yaml.safe_load((Path(__file__).parents[3] / ".pre-commit-hooks.yaml").read_text())
        assert [entry["id"] for entry in entries] == ["reprun-pre-push", "reprun-commit-msg"]
        for entry in entries:
            stage = entry["id"].removeprefix("reprun-")
            assert entry["stages"] == [stage] and entry["entry"] == f"reprun hooks exec {stage}" and stage in EXECUTED


@pytest.mark.parametrize("words", [["commit-msg"], ["commit-msg", "a", "b"], ["commit-msg", "/no/such/file"], ["nothing"]])
def test_called_by_hand_wrongly(repo: Path, words: list[str]) -> None:
    done = run_reprun("hooks", "exec", *words)
    assert "Traceback" not in done.stderr and (done.rc == 0) == (words[-1] == "/no/such/file")
