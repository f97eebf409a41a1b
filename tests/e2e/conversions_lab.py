"""Dev trees whose files git converts, and what a job saw of them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

from e2e_lab import Reprun, fingerprint, run, show
from lab import Answer, Run

from reprun.runner.files import remove_tree

Files = dict[str, tuple[bool, bytes]]
LOOK = ("--", "sh", "-c", 'mkdir "$0/seen" && cp -R . "$0/seen"', "{output}")  # a job that keeps what it saw


def files(top: str | os.PathLike[str]) -> Files:
    """path → (executable, bytes) of every regular file but for git's own."""
    found = {}
    for folder, folders, names in os.walk(top):
        folders[:] = [name for name in folders if name != ".git"]
        for name in names:
            path = Path(folder, name)
            if name != ".git" and not path.is_symlink():
                found[str(path.relative_to(top))] = (bool(path.stat().st_mode & stat.S_IXUSR), path.read_bytes())
    return found


def seen(reprun: Reprun, run_id: str) -> Files:
    """What the job of a finished run saw; its tree must be called unmodified."""
    record = show(reprun, run_id)
    assert record["outcome"]["worktree"] == {"modified": False, "paths": []}, record["outcome"]
    return files(Path(record["run_dir"], "output", "seen"))


def check_exact(reprun: Reprun, repo: Path) -> dict[str, Any]:
    """A job sees the dev tree, a job with a tree of its own does, and so does a reproduction with nothing cached; what is the
    user's stays as it was. Returns what the manifest says of conversions."""
    before, wanted = untouchable(repo), files(repo)
    data = run(reprun, *LOOK)
    assert seen(reprun, data["run_id"]) == wanted
    for worktree in Path(data["worktree"]).parent.iterdir():
        remove_tree(str(worktree))
    answer = reprun("reproduce", "--json", data["run_id"])
    assert answer.rc in (0, 7) and seen(reprun, answer.json["data"]["run_id"]) == wanted, answer
    assert untouchable(repo) == before
    code = show(reprun, data["run_id"])["manifest"]["code"]
    return dict(code.get("conversions", {}))


def check_refused(reprun: Reprun, repo: Path, *paths: str) -> Answer:
    """The launch is refused, naming the paths, and leaves nothing behind."""
    before = untouchable(repo)
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3, answer
    assert all(path in answer.stderr for path in paths) and "hint:" in answer.stderr, answer.stderr
    assert untouchable(repo) == before
    assert reprun("ls", "--json").data == []
    home = Path(os.environ["REPRUN_HOME"])
    assert not [*home.glob("worktrees/*/*"), *home.glob("runs/*"), *home.glob("repos/*/worktrees/*")]
    return answer


def untouchable(repo: Path) -> dict[str, tuple[Any, ...]]:
    """Everything of the user's: files, index, refs, settings, hooks, the Git LFS objects that were there."""
    ours = {"objects", "reprun", "refs", "lfs", "packed-refs"}
    here = [repo / name for name in os.listdir(repo) if name != ".git"]
    mine = [repo / ".git" / name for name in os.listdir(repo / ".git") if name not in ours]
    return fingerprint(*here, *mine, repo / ".git" / "refs" / "heads")


def commit(git: Run, *settings: str) -> None:
    """Commits everything; files on disk are then as they were."""
    git(*(word for setting in settings for word in ("-c", setting)), "add", "--all")
    git("commit", "-qm", "next")


def age(git: Run, repo: Path) -> None:
    """Makes git sure of the files: what is as old as the index it reads anew, and what it is sure of it never does."""
    for path in git("ls-files", "-z").split("\0"):
        if path:
            os.utime(repo / path, (1_700_000_000, 1_700_000_000))
    git("update-index", "-q", "--refresh")


def check_out_anew(git: Run, repo: Path) -> None:
    """Lets git write all files again, under the settings of now."""
    for path in git("ls-files", "-z").split("\0"):
        if path and not (repo / path).is_dir():
            (repo / path).unlink(missing_ok=True)
    git("checkout", "--", ".")
