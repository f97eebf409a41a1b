"""Files, names, modes and links as people have them: the snapshot is what is seen, or it is refused by name."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful

Change = Callable[[Path, Run], None]


def link_becomes_file(repo: Path, git: Run) -> None:
    (repo / "latest").symlink_to("train.py")
    git("add", "latest")
    git("commit", "-qm", "link")
    (repo / "latest").unlink()
    (repo / "latest").write_text("a file now\n")


def link_leads_elsewhere(repo: Path, git: Run) -> None:
    link_becomes_file(repo, git)
    (repo / "latest").unlink()
    (repo / "latest").symlink_to("conf/base.yaml")


def folder_becomes_file(repo: Path, git: Run) -> None:
    (repo / "conf" / "base.yaml").unlink()
    (repo / "conf").rmdir()
    (repo / "conf").write_text("a file now\n")


def folder_becomes_link(repo: Path, git: Run) -> None:
    """The file behind the link has the name of the tracked one, and is not it."""
    (repo / "conf").rename(repo / "settings")
    (repo / "conf").symlink_to("settings")


def folder_becomes_link_out_of_the_tree(repo: Path, git: Run) -> None:
    (repo / "conf").rename(repo.parent / "settings")
    (repo / "conf").symlink_to("../settings")


def folder_becomes_file_staged_halfway(repo: Path, git: Run) -> None:
    git("rm", "-rq", "--cached", "conf")
    folder_becomes_file(repo, git)


def file_becomes_folder_staged_halfway(repo: Path, git: Run) -> None:
    (repo / "train.py").unlink()
    (repo / "train.py").mkdir()
    (repo / "train.py" / "main.py").write_text("main\n")
    git("add", "train.py")
    (repo / "train.py" / "main.py").unlink()
    (repo / "train.py").rmdir()
    (repo / "train.py").write_text("a file again\n")


def links_of_all_kinds(repo: Path, git: Run) -> None:
    targets = {
        "out": "../elsewhere", "absolute": "/etc/passwd", "dangling": "nowhere", "self": "self", "device": "/dev/zero",
        "up": "..", "home": "~", "long": "x" * 255, "odd": "a\nb\tc\\d\"e'f", "git": ".git/config", "-n": "-n", "folder": "conf",
    }  # fmt: skip
    for name, target in targets.items():
        (repo / name).symlink_to(target)
    os.symlink(b"bytes\xff\xfe", os.fsencode(repo / "bytes"))
    os.symlink("y" * 4000, repo / "longest")


def hard_links(repo: Path, git: Run) -> None:
    os.link(repo / "train.py", repo / "again.py")
    (repo / "train.py").write_text("both\n")


def renamed_by_case(repo: Path, git: Run) -> None:
    (repo / "train.py").rename(repo / "Train.py")


def differ_by_case(repo: Path, git: Run) -> None:
    for name in ("README", "readme", "Readme", "CONF/base.yaml", "conf/BASE.yaml"):
        (repo / name).parent.mkdir(exist_ok=True)
        (repo / name).write_text(name)


def differ_by_case_where_git_ignores_case(repo: Path, git: Run) -> None:
    """A checkout that was copied from a Mac, with its .git/config."""
    git("config", "core.ignoreCase", "true")
    (repo / "Train.py").write_text("another file\n")
    differ_by_case(repo, git)


def renamed_by_case_where_git_ignores_case(repo: Path, git: Run) -> None:
    git("config", "core.ignoreCase", "true")
    (repo / "train.py").rename(repo / "TRAIN.py")


NAMES = (
    b"new\nline", b"\n", b'quo"te', b"'", b"tab\tback\\slash", b"-n", b"--all", b"--", b":(glob)**", b":(top)magic", b":!x",
    b" ", b"trailing ", b" leading", b"*", b"?", b"[a-z]", b"caf\xc3\xa9", b"cafe\xcc\x81", b"bad\xff\xfe", b"\x01\x1b[31m",
    b"#x",     b"!important", b"~", b"$HOME", b"`id`", b"%s", b"x" * 255, b"\xf0\x9f\xa6\x8a", b".gitkeep",
    b"HEAD", b"refs", b"...", b".x.",
    b"\xe2\x80\x8d.git", b"a.lock", b"index.lock", b"@{0}", b"con", b"a:b", b"\x7f", b".gitmodules.txt", b"git", b".reprun",
)  # fmt: skip


def names_of_all_kinds(repo: Path, git: Run) -> None:
    folder = os.fsencode(repo)
    for number, name in enumerate(NAMES):
        with open(os.path.join(folder, name), "wb") as file:
            file.write(name)
        if number % 2:
            os.makedirs(os.path.join(folder, b"sub", name), exist_ok=True)
            with open(os.path.join(folder, b"sub", name, name), "wb") as file:
                file.write(name)


def tracked_names_of_all_kinds_changed_and_deleted(repo: Path, git: Run) -> None:
    names_of_all_kinds(repo, git)
    git("add", "--all")
    git("commit", "-qm", "odd")
    for number, name in enumerate(NAMES):
        path = os.path.join(os.fsencode(repo), name)
        if number % 3 == 0:
            os.unlink(path)
        elif number % 3 == 1:
            os.chmod(path, 0o755)
        else:
            with open(path, "ab") as file:
                file.write(b"more")


def deep(repo: Path, git: Run) -> None:
    folder = repo
    for number in range(120):
        folder = folder / f"level-{number}"
    folder.mkdir(parents=True)
    (folder / "bottom.py").write_text("deep\n")


def modes(repo: Path, git: Run) -> None:
    for mode in (0o400, 0o444, 0o500, 0o600, 0o604, 0o640, 0o664, 0o700, 0o711, 0o744, 0o755, 0o777, 0o4755, 0o2644):
        (repo / f"mode-{mode:o}").write_text(f"{mode:o}")
        (repo / f"mode-{mode:o}").chmod(mode)
    (repo / "train.py").chmod(0o600)


def executable_no_more(repo: Path, git: Run) -> None:
    (repo / "train.py").chmod(0o755)
    git("commit", "-qam", "executable")
    (repo / "train.py").chmod(0o644)


def empty_and_sparse_files(repo: Path, git: Run) -> None:
    (repo / "train.py").write_bytes(b"")
    with open(repo / "holes", "wb") as file:
        file.truncate(3 << 20)
    (repo / "empty folder" / "in it").mkdir(parents=True)


def intent_to_add_and_deleted(repo: Path, git: Run) -> None:
    (repo / "planned.py").write_text("planned\n")
    (repo / "kept.py").write_text("kept\n")
    git("add", "--intent-to-add", "planned.py", "kept.py")
    (repo / "planned.py").unlink()


def intent_to_add_of_an_empty_file(repo: Path, git: Run) -> None:
    (repo / "planned.py").write_bytes(b"")
    git("add", "--intent-to-add", "planned.py")


def hidden_by_flags_and_deleted(repo: Path, git: Run) -> None:
    """Nobody asked for a sparse checkout: a file that is gone is gone."""
    git("update-index", "--assume-unchanged", "train.py")
    git("update-index", "--skip-worktree", "conf/base.yaml")
    (repo / "train.py").unlink()
    (repo / "conf" / "base.yaml").unlink()
    (repo / "other.py").write_text("other\n")


def hidden_by_flags_and_of_another_kind(repo: Path, git: Run) -> None:
    git("update-index", "--assume-unchanged", "train.py")
    git("update-index", "--skip-worktree", "conf/base.yaml")
    (repo / "train.py").unlink()
    (repo / "train.py").symlink_to("conf")
    (repo / "conf" / "base.yaml").chmod(0o755)


def hidden_by_flags_and_a_folder_now(repo: Path, git: Run) -> None:
    git("update-index", "--assume-unchanged", "train.py", "conf/base.yaml")
    (repo / "train.py").unlink()
    (repo / "train.py").mkdir()
    (repo / "train.py" / "x.py").write_text("x")
    folder_becomes_file(repo, git)


def hidden_by_flags_and_equal(repo: Path, git: Run) -> None:
    git("update-index", "--assume-unchanged", "train.py")
    git("update-index", "--skip-worktree", "conf/base.yaml")


def staged_executable_only(repo: Path, git: Run) -> None:
    git("update-index", "--chmod=+x", "train.py")


def everything_deleted(repo: Path, git: Run) -> None:
    git("rm", "-rq", "--cached", ".")
    (repo / "train.py").unlink()
    (repo / "conf" / "base.yaml").unlink()


def pipes_and_sockets(repo: Path, git: Run) -> None:
    """Untracked ones; git passes them over, and so did whoever copies a checkout."""
    os.mkfifo(repo / "pipe")
    os.mkfifo(repo / "conf" / "pipe")
    (repo / "only").mkdir()
    os.mkfifo(repo / "only" / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind("socket")
    listening.close()


def pipe_instead_of_a_folder(repo: Path, git: Run) -> None:
    """What was in the folder is gone, and the pipe is as good as any untracked one."""
    (repo / "conf" / "base.yaml").unlink()
    (repo / "conf").rmdir()
    os.mkfifo(repo / "conf")


def a_repository_without_a_git_folder(repo: Path, git: Run) -> None:
    """A bare repository inside the tree is a folder with files for git; a broken .git is none at all."""
    git("init", "-q", "--bare", str(repo / "bare.git"))
    for name in ("broken", "empty"):
        (repo / name).mkdir()
        (repo / name / "code.py").write_text(name)
    (repo / "broken" / ".git").write_text("gitdir: /nowhere\n")
    (repo / "empty" / ".git").mkdir()


def a_repository_around_tracked_files(repo: Path, git: Run) -> None:
    git("init", "-q", str(repo / "conf"))
    git("add", "--all", cwd=repo / "conf")
    git("commit", "-qm", "inner", cwd=repo / "conf")
    (repo / "conf" / "base.yaml").write_text("lr: 7\n")
    (repo / "conf" / "new.yaml").write_text("new\n")


def data_behind_an_ignored_link(repo: Path, git: Run) -> None:
    """The folder moved to a larger disk; what git would see through the link has even the same times."""
    (repo / "data" / "deep").mkdir(parents=True)
    for name in ("data/.gitkeep", "data/deep/kept.csv", "database.py"):
        (repo / name).write_text(name)
    git("add", "--all")
    git("commit", "-qm", "data")
    (repo / "data").rename(repo.parent / "large")
    (repo / "data").symlink_to(repo.parent / "large")
    (repo / ".git" / "info" / "exclude").write_text("/data\n")


def dates_of_all_kinds(repo: Path, git: Run) -> None:
    for name, seconds in (("old", 0), ("older", -5), ("far", 2**33), ("future", 2**32 - 1)):
        (repo / name).write_text(name)
        os.utime(repo / name, (seconds, seconds))
    git("add", "old", "far")
    os.utime(repo / "train.py", (2**33, 2**33))


STATES: list[Change] = [
    link_becomes_file, link_leads_elsewhere, folder_becomes_file, folder_becomes_link, folder_becomes_link_out_of_the_tree,
    folder_becomes_file_staged_halfway, file_becomes_folder_staged_halfway, links_of_all_kinds, hard_links, renamed_by_case,
    differ_by_case, differ_by_case_where_git_ignores_case, renamed_by_case_where_git_ignores_case, names_of_all_kinds,
    tracked_names_of_all_kinds_changed_and_deleted, deep, modes, executable_no_more, empty_and_sparse_files,
    intent_to_add_and_deleted, intent_to_add_of_an_empty_file, hidden_by_flags_and_deleted, hidden_by_flags_and_of_another_kind,
    hidden_by_flags_and_a_folder_now, hidden_by_flags_and_equal, staged_executable_only, everything_deleted, pipes_and_sockets,
    pipe_instead_of_a_folder,
    data_behind_an_ignored_link, dates_of_all_kinds, a_repository_without_a_git_folder, a_repository_around_tracked_files,
]  # fmt: skip


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_what_is_seen_is_what_runs(repo: Path, git: Run, faithful: Faithful, state: Change) -> None:
    state(repo, git)
    faithful(repo, ("data",) if state is data_behind_an_ignored_link else ())
