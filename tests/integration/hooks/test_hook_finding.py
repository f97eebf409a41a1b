"""Hooks are found where git finds them, and those that came with the repository wait to be trusted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from lab import Run, give_away

from reprun.commands.hook_care import install_hooks
from reprun.commands.hook_context import ground_of
from reprun.core.errors import RefusedError
from reprun.hooks.finding import Hook, find_hook
from reprun.hooks.trust import Trust
from reprun.workspace import open_workspace

SCRIPT = "#!/bin/sh\nexit 0\n"


def put(path: Path, text: str = SCRIPT, mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def found(name: str = "pre-launch") -> Hook | None:
    return find_hook(ground_of(open_workspace()), name)


def test_a_repository_without_hooks_has_none(repo: Path) -> None:
    repository = open_workspace().repository
    assert repository.hooks_dir == str(repo / ".git" / "hooks")
    assert not repository.has_hooks() and found() is None


def test_one_in_git_s_own_folder_is_the_user_s(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(repo / ".git" / "hooks" / "pre-launch")
    hook = found()
    assert open_workspace().repository.has_hooks()
    assert hook is not None and (hook.path, hook.why, hook.is_executable) == (str(path), "", True)
    git("worktree", "add", "-q", str(repo.parent / "linked"))
    monkeypatch.chdir(repo.parent / "linked")
    linked = found()
    assert linked is not None and (linked.path, linked.why) == (str(path), "")


@pytest.mark.parametrize("spelled", [".githooks", "{repo}/.githooks", "./.githooks/", "~/link"])
def test_one_of_the_repository_has_to_be_trusted(repo: Path, git: Run, spelled: str, monkeypatch: pytest.MonkeyPatch) -> None:
    put(repo / ".githooks" / "pre-launch")
    (Path(os.environ["HOME"]) / "link").symlink_to(repo / ".githooks")
    git("config", "core.hooksPath", spelled.format(repo=repo))
    monkeypatch.chdir(repo / "conf")
    hook = found()
    assert hook is not None and hook.why == "is part of this repository"


def test_a_link_into_the_tree_has_to_be_trusted(repo: Path) -> None:
    put(repo / "tools" / "check")
    (repo / ".git" / "hooks" / "pre-launch").symlink_to("../../tools/check")
    hook = found()
    assert hook is not None and hook.why == "is part of this repository"


def test_one_of_another_worktree_has_to_be_trusted(repo: Path, git: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    git("worktree", "add", "-q", str(repo.parent / "linked"))
    put(repo.parent / "linked" / "hooks" / "pre-launch")
    git("config", "core.hooksPath", str(repo.parent / "linked" / "hooks"))
    hook = found()
    assert hook is not None and hook.why == "is part of this repository"


def test_a_folder_for_all_repositories_is_the_user_s(repo: Path, git: Run) -> None:
    put(repo.parent / "mine" / "pre-launch")
    git("config", "core.hooksPath", str(repo.parent / "mine"))
    hook = found()
    assert hook is not None and hook.why == ""


@pytest.mark.parametrize("spelled", ["", "/dev/null", "/nowhere/at/all", "a\nb"])
def test_a_folder_that_is_none(repo: Path, git: Run, spelled: str) -> None:
    git("config", "core.hooksPath", spelled)
    if "\n" in spelled:
        with pytest.raises(RefusedError, match="line break"):
            open_workspace()
        return
    assert not open_workspace().repository.has_hooks() and found() is None
    with pytest.raises(RefusedError):
        install_hooks(open_workspace(), ["commit-msg"])


def test_what_everybody_can_change_has_to_be_trusted(repo: Path) -> None:
    put(repo / ".git" / "hooks" / "pre-launch", mode=0o777)
    hook = found()
    assert hook is not None and hook.why == "can be changed by everybody"


@pytest.mark.needs("chown")
def test_what_belongs_to_somebody_else_has_to_be_trusted(repo: Path) -> None:
    give_away(put(repo / ".git" / "hooks" / "pre-launch"))
    hook = found()
    assert hook is not None and hook.why == "belongs to another user"


def test_files_that_are_none(repo: Path) -> None:
    hooks = repo / ".git" / "hooks"
    (hooks / "pre-launch").mkdir(parents=True)
    (hooks / "post-launch").symlink_to("nowhere")
    os.mkfifo(hooks / "post-run")
    folder, link, pipe = (found(name) for name in ("pre-launch", "post-launch", "post-run"))
    assert folder is not None and folder.trouble == "it is a folder"
    assert link is None  # as git sees it
    assert pipe is not None and pipe.trouble == "it is no file"


def test_trust_is_for_this_content_under_this_name(repo: Path, git: Run) -> None:
    path = put(repo / "hooks" / "pre-launch")
    put(repo / "hooks" / "post-run")
    git("config", "core.hooksPath", "hooks")
    trust = Trust(open_workspace().repository.state_dir)
    hook, other = found(), found("post-run")
    assert hook is not None and other is not None
    assert "you have not trusted it yet" in trust.distrust(hook)
    assert trust.add(hook.name, hook.digest, hook.path) and not trust.add(hook.name, hook.digest, hook.path)
    assert trust.distrust(hook) == "" and trust.distrust(other)  # the same content under another name
    path.write_text(SCRIPT + "# changed\n")
    changed = found()
    assert changed is not None and "has changed since you trusted it" in trust.distrust(changed)
    path.write_text(SCRIPT)
    again = found()
    assert again is not None and trust.distrust(again) == ""


@pytest.mark.parametrize("text", ["", "{", "[]\n", '{"name": 3}\n', "\x00\n" * 3, "[" * 100_000])
def test_a_damaged_record_of_trust_says_nothing(repo: Path, git: Run, text: str) -> None:
    put(repo / "hooks" / "pre-launch")
    git("config", "core.hooksPath", "hooks")
    trust, hook = Trust(open_workspace().repository.state_dir), found()
    assert hook is not None
    os.makedirs(os.path.dirname(trust.path))
    Path(trust.path).write_text(text)
    assert trust.distrust(hook)
    trust.add(hook.name, hook.digest, hook.path)
    assert trust.distrust(hook) == ""
