"""What is ignored, and where the file system has no modes or links: git's rules decide what is seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab import Run
from snapshot_lab import Faithful


def test_ignore_rules_are_those_of_git(repo: Path, git: Run, private_home: Path, faithful: Faithful) -> None:
    (repo / ".gitignore").write_text("*.log\n!kept.log\n/build/\nsub/*\n!sub/keep\n\\!bang\ntrailing\\ \n")
    (repo / ".git" / "info" / "exclude").write_text("excluded.txt\n")
    git("config", "core.excludesFile", "~/ignore")
    (private_home / "ignore").write_text("global.txt\n")
    (repo / "conf" / ".gitignore").write_text("!*.log\nlocal.txt\n")
    ignored = ("a.log", "build/kept.log", "sub/other", "!bang", "trailing ", "excluded.txt", "global.txt", "conf/local.txt")
    for name in (*ignored, "kept.log", "sub/keep", "conf/b.log", "local.txt", "lib/build/x", "forced.log"):
        (repo / name).parent.mkdir(parents=True, exist_ok=True)
        (repo / name).write_text(name)
    git("add", "--force", "forced.log")
    (repo / "forced.log").write_text("edited after it was forced in")
    git("init", "-q", str(repo / "build" / "vendored"))
    faithful(repo, ignored)


def test_a_tracked_file_that_is_ignored_now(repo: Path, git: Run, faithful: Faithful) -> None:
    (repo / ".gitignore").write_text("*.py\nconf/\n")
    (repo / "train.py").write_text("edited\n")
    (repo / "conf" / "base.yaml").write_text("edited\n")
    faithful(repo)


def test_what_was_taken_out_of_the_index_and_is_ignored_is_out(repo: Path, git: Run, faithful: Faithful) -> None:
    (repo / ".gitignore").write_text("train.py\n")
    git("rm", "-q", "--cached", "train.py")
    faithful(repo, ("train.py",))


@pytest.mark.parametrize("setting", ["core.fileMode", "core.symlinks"])
def test_where_modes_or_links_mean_nothing_those_of_the_index_hold(
    repo: Path, git: Run, faithful: Faithful, setting: str
) -> None:
    """File systems without them: git is told so when it makes the repository, and what the disk says is noise."""
    (repo / "latest").symlink_to("train.py")
    git("add", "latest")
    git("update-index", "--chmod=+x", "train.py")
    git("commit", "-qm", "both")
    git("config", setting, "false")
    known = dict(reversed(line.split("\t")) for line in git("ls-files", "-s").splitlines())
    kept = {name: " ".join(what.split(" ")[:2]) for name, what in known.items()}
    (repo / "new.py").write_text("new\n")
    if setting == "core.fileMode":
        (repo / "conf" / "base.yaml").chmod(0o777)
        faithful(repo, unseen={name: kept[name] for name in ("train.py", "conf/base.yaml")})
    else:
        (repo / "train.py").chmod(0o755)
        (repo / "latest").unlink()
        (repo / "latest").write_text("train.py")
        faithful(repo, unseen={"latest": kept["latest"]})
