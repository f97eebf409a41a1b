"""Hooks in git's settings are found wherever git finds them, whatever its version, and are trusted by what they run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab import Run

from reprun.commands.hook_care import list_hooks, untrusted
from reprun.commands.hook_context import ground_of
from reprun.core.hooking import render_context
from reprun.hooks.configured import find_program, text_of
from reprun.hooks.finding import Hook, find_hooks
from reprun.hooks.running import run_hook
from reprun.hooks.trust import Trust
from reprun.workspace import open_workspace


def found(name: str = "pre-launch") -> list[Hook]:
    return find_hooks(ground_of(open_workspace()), name)


def configure(git: Run, command: str, *where: str, name: str = "check", event: str = "pre-launch") -> None:
    git("config", *where, f"hook.{name}.command", command)
    git("config", *where, "--add", f"hook.{name}.event", event)


def commands(name: str = "pre-launch") -> list[str]:
    return [hook.command for hook in found(name)]


def test_before_the_file_of_the_folder(repo: Path, git: Run) -> None:
    configure(git, "exit 0")
    path = repo / ".git" / "hooks" / "pre-launch"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    assert [(hook.command, hook.why) for hook in found()] == [("exit 0", ""), ("", "")]
    listed = [(one.state, one.by, one.detail) for one in list_hooks(open_workspace()) if one.name == "pre-launch"]
    assert listed == [("runs", "you", "hook.check.command"), ("runs", "you", "")]
    git("config", "hook.pre-launch.enabled", "false")
    assert found() == []


def test_wherever_it_is_said(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    git("config", "--global", "include.path", str(Path(os.environ["HOME"]) / "more"))
    (Path(os.environ["HOME"]) / "more").write_text('[hook "b"]\n\tevent = pre-launch\n\tcommand = two\n')
    configure(git, "one", "--global", name="a")
    (Path(os.environ["HOME"]) / "if").write_text('[hook "c"]\n\tevent = pre-launch\n\tcommand = three\n')
    git("config", f"includeIf.gitdir:{repo}/.path", str(Path(os.environ["HOME"]) / "if"))
    assert sorted(commands()) == ["one", "three", "two"] and open_workspace().repository.has_hooks()
    assert [hook.why for hook in found()] == ["", "", ""]
    monkeypatch.setenv("GIT_CONFIG_COUNT", "2")
    for number, (key, value) in enumerate([("hook.d.event", "pre-launch"), ("hook.d.command", "four")]):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", key)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    assert sorted(commands()) == ["four", "one", "three", "two"]
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    assert sorted(commands()) == ["four", "three"]


def test_none_are_asked_for_where_no_word_says_so(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    from reprun.repo import hook_settings

    git("config", "core.hooksPath", "x")
    monkeypatch.setattr(hook_settings, "ask_hook_settings", lambda _: pytest.fail("git was asked"))
    assert not open_workspace().repository.has_hooks()


def test_a_folder_that_variables_name(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """As within `git -c core.hooksPath=… commit`, and where a service sets them."""
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.hooksPath'='other'")
    assert open_workspace().repository.hooks_dir == str(repo / "other")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.hooksPath'=''")
    assert not open_workspace().repository.has_hooks()
    monkeypatch.delenv("GIT_CONFIG_PARAMETERS")
    git("config", "--global", "core.hooksPath", "/everywhere")
    assert open_workspace().repository.hooks_dir == "/everywhere"
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    assert open_workspace().repository.hooks_dir == str(repo / ".git" / "hooks")


def test_a_relative_folder_is_that_of_each_worktree(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (repo.parent / "if").write_text("[core]\n\thooksPath = team\n")
    git("config", "includeIf.onbranch:linked.path", str(repo.parent / "if"))
    git("worktree", "add", "-q", "-b", "linked", str(repo.parent / "linked"))
    assert open_workspace().repository.hooks_dir == str(repo / ".git" / "hooks")
    (repo.parent / "linked" / "deep").mkdir()
    monkeypatch.chdir(repo.parent / "linked" / "deep")
    assert open_workspace().repository.hooks_dir == str(repo.parent / "linked" / "team")


def test_settings_that_came_with_the_repository_have_to_be_trusted(repo: Path, git: Run) -> None:
    (repo / "team.gitconfig").write_text('[hook "team"]\n\tevent = pre-launch\n\tcommand = exit 0\n')
    git("config", "include.path", "../team.gitconfig")
    hook, trust = found()[0], Trust(open_workspace().repository.state_dir)
    assert hook.why == "is part of this repository" and "hook.team.command in " in trust.distrust(hook)
    assert untrusted(open_workspace()) == [hook]
    trust.add(hook.name, hook.digest, hook.path)
    assert not trust.distrust(found()[0])
    (repo / "team.gitconfig").write_text('[hook "team"]\n\tevent = pre-launch\n\tcommand = exit 1\n')
    assert "has changed since" in trust.distrust(found()[0])
    (repo / "team.gitconfig").write_text('[hook "mine"]\n\tevent = pre-launch\n')
    configure(git, "exit 0", "--global", name="mine", event="post-run")
    assert found()[0].why  # the command is the user's, that it is run now is not


@pytest.mark.parametrize(
    "command", ["./tools/check -x", "sh tools/check", "python3 -I {repo}/tools/check", "env tools/check 'a b'"]
)
def test_a_program_of_the_repository_has_to_be_trusted(repo: Path, git: Run, command: str) -> None:
    (repo / "tools").mkdir()
    program = repo / "tools" / "check"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    configure(git, command.format(repo=repo))
    first = found()[0]
    assert first.why == "runs tools/check, which is part of this repository"
    assert text_of(ground_of(open_workspace()), first).endswith(b"/tools/check:\n\n#!/bin/sh\n")
    program.write_text("#!/bin/sh\nexit 1\n")
    assert found()[0].digest != first.digest


@pytest.mark.parametrize("command", ["grep -q x train.py", "true", "train.py", "a 'b", "", "   ", "python3 -m pytest", "~/tool"])
def test_other_commands_run_nothing_of_it(repo: Path, command: str) -> None:
    assert find_program(str(repo), command) == ""


def test_it_is_run_as_git_runs_it(repo: Path, git: Run) -> None:
    configure(git, 'echo "$0" >&2; : && printf "%s."')
    hook = found()[0]
    context = render_context("pre-launch", "dev", {"run_id": "an id"})
    ended = run_hook(hook, str(repo), {}, context, 3600)
    assert (ended.status, ended.said) == (0, b'echo "$0" >&2; : && printf "%s."\nan id.')


def test_one_without_a_command_cannot_be_run(repo: Path, git: Run) -> None:
    git("config", "hook.check.event", "pre-launch")
    assert [hook.trouble for hook in found()] == ["no command is set"]
    listed = next(one for one in list_hooks(open_workspace()) if one.name == "pre-launch")
    assert (listed.state, listed.detail) == ("cannot be run", "hook.check.command: no command is set")
