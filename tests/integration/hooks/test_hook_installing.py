"""Hooks are put before the one that is there, and taken out so that it is byte for byte as it was."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from lab import Run

from reprun.commands.hook_care import Changed, install_hooks, list_hooks, uninstall_hooks
from reprun.core.errors import RefusedError
from reprun.core.hooking import SHIPPED
from reprun.hooks import installing
from reprun.hooks.ready import is_ours, is_untouched, render_hook, shipped_text
from reprun.workspace import open_workspace

THEIRS = b"#!/bin/sh\n\xff\xfe echo theirs\n"


def install(*names: str) -> list[str]:
    return [item.done for item in install_hooks(open_workspace(), names or SHIPPED)]


def uninstall(*names: str) -> list[str]:
    return [item.done for item in uninstall_hooks(open_workspace(), names or SHIPPED)]


def listed(name: str) -> tuple[str, str]:
    found = next(item for item in list_hooks(open_workspace()) if item.name == name)
    return found.state, found.by


@pytest.fixture
def hooks(repo: Path) -> Path:
    folder = repo / ".git" / "hooks"
    for sample in folder.glob("*.sample"):
        sample.unlink()
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def put(path: Path, content: bytes = THEIRS, mode: int = 0o755) -> os.stat_result:
    path.write_bytes(content)
    path.chmod(mode)
    os.utime(path, (1, 1))
    return path.lstat()


def test_all_that_is_shipped_is_sh_and_is_known_again() -> None:
    for name in SHIPPED:
        text = shipped_text(name)
        content = render_hook(text, name, "/opt/it's here/reprun")
        assert is_ours(content) and is_untouched(content) and not is_ours(text.encode())
        assert not is_untouched(content + b"\n") and not is_untouched(content.replace(b"exec", b"exec "))
        for script in (text.encode(), content):
            assert subprocess.run(["sh", "-n"], input=script, check=False).returncode == 0
        assert content.count(b"'/opt/it'\\''s here/reprun'") == 2
        assert "reprun=${REPRUN_EXECUTABLE:-reprun}\n" in text and os.access(_file(name), os.X_OK)


def _file(name: str) -> Path:
    return Path(__file__).parents[3] / "hooks" / name


def test_installed_twice_and_removed_twice(hooks: Path) -> None:
    assert install() == ["installed"] * 4
    before = {path: path.read_bytes() for path in hooks.iterdir()}
    assert install() == ["there already"] * 4
    assert {path: path.read_bytes() for path in hooks.iterdir()} == before and len(before) == 4
    assert listed("commit-msg") == ("runs", "reprun")
    assert uninstall() == ["removed"] * 4 and uninstall() == ["not there"] * 4
    assert names_in(hooks) == []


def test_the_folder_is_made_where_a_template_had_none(repo: Path, hooks: Path) -> None:
    hooks.rmdir()
    assert uninstall("commit-msg") == ["not there"] and not hooks.exists()
    assert install("commit-msg") == ["installed"]


@pytest.mark.parametrize("mode", [0o755, 0o700, 0o644, 0o4755])
def test_the_earlier_hook_comes_back_as_it_was(hooks: Path, mode: int) -> None:
    before = put(hooks / "commit-msg", mode=mode)
    assert install("commit-msg") == ["chained"] and install("commit-msg") == ["there already"]
    assert names_in(hooks) == ["commit-msg", "commit-msg.before-reprun"]
    assert stat.S_IMODE((hooks / "commit-msg").stat().st_mode) & 0o111
    assert uninstall("commit-msg") == ["restored"]
    after = (hooks / "commit-msg").lstat()
    assert (hooks / "commit-msg").read_bytes() == THEIRS and names_in(hooks) == ["commit-msg"]
    assert (after.st_mode, after.st_ino, after.st_mtime) == (before.st_mode, before.st_ino, before.st_mtime)


def test_a_link_comes_back_as_a_link(hooks: Path) -> None:
    (hooks.parent / "tool").write_bytes(THEIRS)
    (hooks / "pre-push").symlink_to("../tool")
    assert install("pre-push") == ["chained"]
    assert (hooks.parent / "tool").read_bytes() == THEIRS  # nothing was written through it
    assert uninstall("pre-push") == ["restored"] and os.readlink(hooks / "pre-push") == "../tool"


def test_one_that_was_edited_stays(hooks: Path) -> None:
    put(hooks / "commit-msg")
    install("commit-msg")
    edited = (hooks / "commit-msg").read_bytes() + b"echo mine\n"
    (hooks / "commit-msg").write_bytes(edited)
    assert listed("commit-msg") == ("runs", "reprun, edited since")
    assert uninstall("commit-msg") == ["edited"] and install("commit-msg") == ["edited"]
    assert (hooks / "commit-msg").read_bytes() == edited
    assert (hooks / "commit-msg.before-reprun").read_bytes() == THEIRS


def test_one_of_another_version_is_updated(hooks: Path) -> None:
    put(hooks / "commit-msg")
    install("commit-msg")
    put(hooks / "commit-msg", render_hook("#!/bin/sh\n# of another version\n", "commit-msg", "/x"))
    assert install("commit-msg") == ["updated"] and uninstall("commit-msg") == ["restored"]
    assert (hooks / "commit-msg").read_bytes() == THEIRS


def test_another_tool_that_keeps_ours_and_calls_it(hooks: Path) -> None:
    """As `pre-commit install` does."""
    install("pre-push")
    (hooks / "pre-push").rename(hooks / "pre-push.legacy")
    put(hooks / "pre-push")
    assert listed("pre-push") == ("runs", "another tool, which calls reprun")
    assert install("pre-push") == ["there already"] and uninstall("pre-push") == ["chained by another"]
    assert names_in(hooks) == ["pre-push", "pre-push.legacy"]


def test_another_tool_that_replaced_ours(hooks: Path) -> None:
    put(hooks / "pre-push", b"#!/bin/sh\n# first\n")
    install("pre-push")
    (hooks / "pre-push").unlink()
    put(hooks / "pre-push")
    assert uninstall("pre-push") == ["not there"]
    with pytest.raises(RefusedError, match=r"before-reprun is there already") as caught:
        install("pre-push")
    assert "rm " in caught.value.hint
    assert (hooks / "pre-push").read_bytes() == THEIRS


def test_another_tool_that_has_put_its_own_back(hooks: Path) -> None:
    """As `lefthook install` does, which moves ours away."""
    for again in (install, uninstall):
        put(hooks / "pre-push")
        install("pre-push")
        (hooks / "pre-push").unlink()
        put(hooks / "pre-push")
        assert again("pre-push") == ["chained" if again is install else "not there"]
        uninstall("pre-push")
        assert names_in(hooks) == ["pre-push"] and (hooks / "pre-push").read_bytes() == THEIRS


@pytest.mark.parametrize("step", ["link", "rename"])
def test_killed_in_between(hooks: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """Both ways of keeping the earlier hook, killed right behind it."""
    before = put(hooks / "commit-msg")
    with monkeypatch.context() as patch:

        class KilledError(BaseException):
            pass

        def die(*_: object, **__: object) -> None:
            raise KilledError

        if step == "rename":
            patch.setattr(os, "link", lambda *_, **__: (_ for _ in ()).throw(OSError(1, "no hard links")))
        patch.setattr(installing, "write_atomic", die)
        with pytest.raises(KilledError):
            install("commit-msg")
    assert names_in(hooks) == (["commit-msg"] if step == "link" else []) + ["commit-msg.before-reprun"]
    assert uninstall("commit-msg") == ["not there" if step == "link" else "restored"]
    after = (hooks / "commit-msg").lstat()
    assert names_in(hooks) == ["commit-msg"] and (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)
    assert install("commit-msg") == ["chained"] and uninstall("commit-msg") == ["restored"]


def test_half_written_files_of_the_killed_go(hooks: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (hooks / f"commit-msg.0.{gone.pid}.tmp").write_text("half")
    (hooks / f"mine.0.{gone.pid}.tmp").write_text("not ours")
    install("commit-msg")
    assert names_in(hooks) == ["commit-msg", f"mine.0.{gone.pid}.tmp"]


def test_many_at_once(repo: Path, hooks: Path) -> None:
    before = put(hooks / "commit-msg")
    words = "from reprun.commands.hook_care import *; from reprun.workspace import open_workspace as o"
    turns = [f"{what}_hooks(o(), ['commit-msg'])" for what in ("install", "uninstall", "install")]
    script = words + "\nfor _ in range(20):\n " + "\n ".join(turns)
    processes = [subprocess.Popen([sys.executable, "-c", script], cwd=repo) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert uninstall("commit-msg") == ["restored"]
    assert names_in(hooks) == ["commit-msg"] and (hooks / "commit-msg").lstat().st_ino == before.st_ino


def test_the_user_s_folder_for_all_repositories(repo: Path, git: Run) -> None:
    folder = repo.parent / "all"
    git("config", "core.hooksPath", str(folder))
    assert install("commit-msg") == ["installed"] and names_in(folder) == ["commit-msg"]
    assert uninstall("commit-msg") == ["removed"]


@pytest.mark.parametrize("inside", [".githooks", ".husky/_"])
def test_nothing_is_written_into_the_tree(repo: Path, git: Run, inside: str) -> None:
    git("config", "core.hooksPath", inside)
    with pytest.raises(RefusedError, match="in its worktree") as caught:
        install("pre-push")
    assert 'reprun hooks exec pre-push "$@"' in caught.value.hint
    assert git("status", "--porcelain", "--ignored") == ""


def test_a_hooks_folder_that_leads_into_the_tree(repo: Path, hooks: Path) -> None:
    hooks.rmdir()
    (repo / "team").mkdir()
    hooks.symlink_to("../team")
    with pytest.raises(RefusedError, match="in its worktree"):
        install("pre-push")
    assert names_in(repo / "team") == []


def test_what_is_said_is_what_was_done(hooks: Path) -> None:
    assert install_hooks(open_workspace(), ["post-run"]) == [Changed("post-run", str(hooks / "post-run"), "installed")]
