"""`pre-launch` and `post-launch`: what they are told, what a no leaves behind, and that they hold up nothing for ever."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, says_nicely
from hooks_lab import notes, put_hook, traces
from lab import REPRUN, Run, until
from terminal_lab import on_a_terminal

pytestmark = pytest.mark.e2e


@pytest.fixture
def seen(tmp_path: Path) -> Path:
    """Where the hooks of a test write to."""
    return tmp_path / "seen"


def refused(reprun: Reprun, repo: Path, home: Path, git: Run, *words: str) -> str:
    """Launches what is refused by a hook, without a trace of it; what was said."""
    status, head = git("status", "--porcelain", "--ignored"), git("rev-parse", "HEAD")
    done = reprun("launch", *words, "--", "true")
    assert done.rc == 3 and says_nicely(done), done
    assert traces(repo, home, git) == []
    assert (git("status", "--porcelain", "--ignored"), git("rev-parse", "HEAD")) == (status, head)
    return done.stderr


class TestVeto:
    @pytest.mark.parametrize("settings", ["", 'auto_commit = "branch"\n'])
    def test_a_no_leaves_nothing_behind(self, repo: Path, home: Path, git: Run, reprun: Reprun, settings: str) -> None:
        (repo / "reprun.toml").write_text(settings)
        put_hook(repo, "pre-launch", "echo 'not on a \033[31mFriday'; echo because; exit 9")
        put_hook(repo, "post-run", "exit 0")
        said = refused(reprun, repo, home, git)
        assert "the pre-launch hook says no (exit status 9)" in said
        assert "not on a \\x1b[31mFriday\nbecause" in said

    def test_who_ends_badly_says_no(self, repo: Path, home: Path, git: Run, reprun: Reprun) -> None:
        put_hook(repo, "pre-launch", "kill -KILL $$")
        assert "(signal 9)" in refused(reprun, repo, home, git)
        put_hook(repo, "pre-launch", "exit 1")
        assert "and says nothing" in refused(reprun, repo, home, git)
        hook = put_hook(repo, "pre-launch")
        hook.write_text("#!/no/such/interpreter\n")
        assert "the interpreter in its first line is not here" in refused(reprun, repo, home, git)
        hook.unlink()
        hook.mkdir()
        assert "it is a folder" in refused(reprun, repo, home, git)

    def test_who_takes_too_long_is_ended_and_says_no(self, repo: Path, home: Path, git: Run, reprun: Reprun) -> None:
        (repo / "reprun.toml").write_text("[hooks]\ntimeout = 0.5\n")
        put_hook(repo, "pre-launch", "yes flood & sleep 1000")
        said = refused(reprun, repo, home, git)
        assert "did not end within 0.5 s, and was ended" in said and "[hooks] timeout" in said and len(said) < 20_000

    def test_ctrl_c_before_the_start_leaves_nothing_behind(
        self, repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path
    ) -> None:
        put_hook(repo, "pre-launch", f"touch {seen}; exec sleep 1000")
        with subprocess.Popen([REPRUN, "launch", "--", "true"], cwd=repo, stderr=subprocess.PIPE) as process:
            until(seen.exists, "the hook runs")
            assert traces(repo, home, git)
            process.send_signal(signal.SIGINT)
            assert process.communicate()[1].decode().startswith("error: interrupted") and process.returncode == 130
        assert traces(repo, home, git) == [] and "nothing is running" in reprun("status").stdout

    def test_a_hook_that_launches_is_not_run_for_ever(self, repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path) -> None:
        put_hook(repo, "pre-launch", f"echo once >> {seen}", f"{shlex.quote(REPRUN)} launch -- true")
        assert "launches a run itself" in refused(reprun, repo, home, git)
        assert notes(seen) == ["once"]


class TestYes:
    def test_what_it_is_told(self, repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path) -> None:
        """About the tree as it will run, with git's own variables and nothing of an outer hook's."""
        (repo / "train.py").write_text("print('changed')\n")
        lines = [f"cat > {seen}.json", f"pwd > {seen}", f"env | grep -E '^(GIT_|REPRUN_)' | sort >> {seen}"]
        lines += [f"git show $REPRUN_COMMIT:train.py > {seen}.code", f'echo "$1" >> {seen}', "echo fine"]
        put_hook(repo, "pre-launch", *lines)
        git_mess = {"GIT_DIR": "/nowhere", "GIT_INDEX_FILE": "/nowhere/index", "GIT_WORK_TREE": "/", "GIT_PREFIX": "x/"}
        words = ("--name", "a \u202e$(x)", "--seed", "7", "--config", "base.yaml", "--set", "lr=0.5", "--", "echo", "$HOME")
        data = launch(reprun, *words, cwd=repo / "conf", env=git_mess)
        told = json.loads(Path(f"{seen}.json").read_text())
        run = told["run"]
        assert (told["reprun_hook_version"], told["hook"], told["place"]) == (1, "pre-launch", "dev")
        assert told["repository"]["top"] == str(repo)
        assert {name: run[name] for name in ("run_id", "commit", "tree", "ref", "name", "target", "dirty", "changed")} == {
            **{name: data[name] for name in ("run_id", "commit", "tree", "ref", "target")}, "name": "a \u202e$(x)", "dirty": True,
            "changed": 1,
        }  # fmt: skip
        assert run["command"] == {"argv": ["echo", "$HOME"], "cwd": "conf"} and run["seeds"]["root"] == 7
        assert run["config"]["values"]["lr"] == 0.5
        assert Path(f"{seen}.code").read_text() == "print('changed')\n"
        where, *variables, first = notes(seen)
        assert (where, first) == (str(repo), data["run_id"])
        names = dict(line.split("=", 1) for line in variables)
        assert {name for name in names if name.startswith("GIT_")} == {
            "GIT_CONFIG_GLOBAL", "GIT_CONFIG_NOSYSTEM", "GIT_TERMINAL_PROMPT",
        }  # fmt: skip
        assert (names["REPRUN_HOOK"], names["REPRUN_RUN_ID"], names["REPRUN_EXECUTABLE"]) == (
            "pre-launch",
            data["run_id"],
            REPRUN,
        )
        marks = repo / ".git" / "reprun" / "hooks" / data["run_id"]
        assert (marks / "pre-launch.log").read_text() == "fine\n"

    def test_streams_and_children_of_a_hook_are_its_own(self, repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
        put_hook(repo, "pre-launch", f"exec <&-; sleep 1000 & echo $! > {seen}; cd /; exit 0")
        data = launch(reprun, "--", "true")
        os.kill(int(notes(seen)[0]), 9)
        assert data["run_id"]

    def test_in_a_linked_worktree_git_is_told_where_it_is(
        self, repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        linked = repo.parent / "linked"
        git("worktree", "add", "-q", str(linked))
        monkeypatch.chdir(linked)
        put_hook(repo, "pre-launch", f'echo "$GIT_DIR" > {seen}; git rev-parse --show-toplevel >> {seen}')
        launch(reprun, "--", "true")
        assert notes(seen) == [str(repo / ".git" / "worktrees" / "linked"), str(linked)]

    def test_one_that_is_not_executable_is_passed_over_and_said(self, repo: Path, home: Path, reprun: Reprun) -> None:
        put_hook(repo, "pre-launch", "exit 1").chmod(0o644)
        done = reprun("launch", "--", "true")
        assert done.rc == 0 and "not executable" in done.stderr and "chmod +x" in done.stderr

    def test_after_the_start_a_hook_changes_nothing(self, repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
        put_hook(repo, "post-launch", f"cat > {seen}; echo late >&2; exit 7")
        done = reprun("launch", "--json", "--", "true")
        run = json.loads(seen.read_text())["run"]
        assert (run["run_id"], run["run_dir"]) == (done.data["run_id"], done.data["run_dir"])
        assert "the post-launch hook failed (exit status 7): late" in done.stderr
        assert reprun("launch", "--dry-run", "--", "true").rc == 0 and json.loads(seen.read_text())["run"] == run


class TestTrust:
    @pytest.fixture(autouse=True)
    def of_the_repository(self, repo: Path, git: Run) -> None:
        put_hook(repo, "pre-launch", "echo ran >> ../seen", folder=".githooks")
        git("config", "core.hooksPath", ".githooks")
        git("add", "--all")
        git("commit", "-qm", "hooks")

    def test_it_runs_once_it_is_trusted_and_as_long_as_it_stays_so(
        self, repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path
    ) -> None:
        said = refused(reprun, repo, home, git)
        assert "is part of this repository, and you have not trusted it yet" in said
        assert "hint: reprun hooks trust pre-launch " in said
        assert reprun("hooks", "trust", "pre-launch").rc == 0
        launch(reprun, "--", "true")
        assert notes(seen) == ["ran"]
        with (repo / ".githooks" / "pre-launch").open("a") as file:
            file.write("echo changed >> ../seen\n")
        done = reprun("launch", "--", "true")
        assert done.rc == 3 and "has changed since you trusted it" in done.stderr and notes(seen) == ["ran"]

    @pytest.mark.parametrize("answer", [b"y\n", b"n\n", b"\x04"])
    def test_a_person_at_a_terminal_is_asked(self, repo: Path, home: Path, seen: Path, answer: bytes) -> None:
        status, shown = on_a_terminal(answer, "launch", "--", "true")
        assert "| echo ran >> ../seen" in shown and "trust it" in shown
        assert (status, notes(seen)) == ((0, ["ran"]) if answer == b"y\n" else (3, []))

    def test_after_the_start_it_is_left_out_and_said(self, repo: Path, home: Path, reprun: Reprun, seen: Path) -> None:
        hook = repo / ".githooks" / "pre-launch"
        hook.rename(hook.with_name("post-launch"))
        done = reprun("launch", "--", "true")
        assert done.rc == 0 and "you have not trusted it yet (reprun hooks trust post-launch)" in done.stderr and not notes(seen)


def test_in_a_hook_of_git_nobody_is_asked(repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path) -> None:
    """On a terminal that git's hook inherits, with git's own variables set, and a lock of git's held."""
    put_hook(repo, "pre-launch", "exit 0", folder=".githooks")
    put_hook(repo, "pre-commit", f"{shlex.quote(REPRUN)} launch -- true < /dev/tty; echo $? > {seen}", folder=".githooks")
    git("config", "core.hooksPath", ".githooks")
    (repo / "train.py").write_text("print(2)\n")
    git("add", "--all")
    status, shown = on_a_terminal(b"y\n", "commit", "-qm", "two", program="git")
    assert status == 0 and notes(seen) == ["3"] and "Traceback" not in shown and "[y/N]" not in shown, shown
    assert git("log", "-1", "--format=%s") == "two"


@pytest.mark.parametrize("words", [["launch", "--", "true"], ["hooks", "ls"], ["hooks", "exec", "pre-push", "o", "x"], ["ls"]])
def test_with_all_streams_closed(repo: Path, home: Path, words: list[str]) -> None:
    env = {**os.environ, "GIT_DIR": str(repo / ".git"), "GIT_INDEX_FILE": str(repo / ".git" / "index")}
    command = " ".join(shlex.quote(word) for word in (REPRUN, *words))
    done = subprocess.run(["sh", "-c", f"exec {command} <&- >&- 2>&-"], env=env, check=False, timeout=120)
    assert done.returncode == (2 if "exec" in words else 0)


def test_behind_any_hook_of_git_nobody_is_asked(repo: Path, home: Path, git: Run, reprun: Reprun, seen: Path) -> None:
    """Of some git tells less than of others: for pre-push, and what a rebase executes, by an empty variable."""
    put_hook(repo, "pre-launch", "exit 0", folder=".githooks")
    lines = [f"{shlex.quote(REPRUN)} launch --during-operation -- true < /dev/tty", f"echo $? >> {seen}", "exit 0"]
    put_hook(repo, "pre-push", *lines, folder=".githooks")
    script = put_hook(repo, "exec", *lines, folder=".githooks")
    git("config", "core.hooksPath", ".githooks")
    git("add", "--all")
    git("commit", "-qm", "two")
    git("init", "-q", "--bare", str(repo.parent / "bare.git"))
    for words in (["push", "-q", str(repo.parent / "bare.git"), "HEAD"], ["rebase", "-q", "--exec", str(script), "HEAD~1"]):
        status, shown = on_a_terminal(b"y\n", *words, program="git")
        assert status == 0 and "Traceback" not in shown and "[y/N]" not in shown, shown
    assert notes(seen) == ["3", "3"]
