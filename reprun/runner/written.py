"""Writing a commit's files and telling whether they still are what was written, where git by itself cannot: it calls a file
modified that it has just written when writing and reading it back are not each other's opposite."""

from __future__ import annotations

import os
import re
import stat

from reprun.runner import lfs
from reprun.runner.data import sha256_file
from reprun.runner.errors import RunnerError
from reprun.runner.form import Form
from reprun.runner.git import Git
from reprun.runner.process import Completed, how_it_ended
from reprun.runner.progress import is_heard, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List


class MissingObjectError(RunnerError):
    """The repository does not have an object that the checkout needs."""


_LACKING = rb"unable to read sha1 file of (.*) \([0-9a-f]+\)"
_FAR = rb"\(([0-9]+)/([0-9]+)\)"
_FAILED = rb"^(?:fatal|error): (.*): smudge filter '?(.*?)'? failed$"


def check_out(git: Git, commit: str) -> None:
    """Lets git write what is missing or different. Raises `RunnerError` for a filter that fails, naming the file."""
    done = _read_tree(git, commit) if is_heard() else git.run("read-tree", "--reset", "-u", commit, check=False)
    if done.returncode == 0:
        return
    lacking = re.search(_LACKING, done.stderr)
    if lacking:
        raise MissingObjectError(
            "refused",
            "the repository does not have the content of %s, as in a partial clone" % os.fsdecode(lacking[1]),
            "git diff --shortstat $(git hash-object -t tree /dev/null) HEAD",  # which lets git fetch what it lacks, all at once
        )
    failed = re.search(_FAILED, done.stderr, re.MULTILINE)
    if failed is None:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines() or [how_it_ended(done.returncode)]
        raise RunnerError("tool", "git read-tree failed: %s" % said[0])
    item, name = os.fsdecode(failed.group(1)), os.fsdecode(failed.group(2))
    raise RunnerError(
        "refused",
        "the filter %s cannot write %s in the worktree, though git is set to require it" % (name, item),
        "git config --get-regexp '^filter\\.%s\\.'" % name,
    )


def _read_tree(git: Git, commit: str) -> Completed:
    """Git says how far it is, on one line that it writes anew for each hundredth, between what else it has to say."""
    process = git.at(GIT_PROGRESS_DELAY="0").spawn("read-tree", "-v", "--reset", "-u", commit)
    assert process.stdin is not None and process.stdout is not None and process.stderr is not None
    process.stdin.close()
    said = b""
    for piece in iter(lambda: os.read(process.stderr.fileno(), 1 << 16), b""):  # type: ignore[union-attr]
        said += piece
        for done, total in re.findall(_FAR, piece)[-1:]:
            report("writing the worktree", int(done), int(total))
    process.wait()
    process.stdout.close()
    process.stderr.close()
    return Completed(process.returncode, b"", re.sub(rb"[^\r\n]*\r", b"", said))


def changed_paths(git: Git, form: Form, path: str, commit: str) -> List[str]:
    """The paths below `path` that are not as the commit has them in this form; `git` has an index of it without stats."""
    said = git.run(
        "status", "--porcelain", "-z", "--no-renames", "--untracked-files=all", "--ignored=matching", "--ignore-submodules=none"
    )
    # "XY path"; X compares the index with HEAD, which the job may have moved: only Y and what git does not know count.
    found = {os.fsdecode(line[3:]).rstrip("/"): line[1:2] for line in said.stdout.split(b"\0") if line and line[1:2] != b" "}
    changed = [item for item, kind in found.items() if kind != b"M" or not is_as_written(git, form, path, commit, item)]
    # Where git finds its pointer unmodified, the content is gone.
    return changed + [item for item in form.lfs if item not in found and not lfs.is_same(path, form.lfs, item)]


def is_as_written(git: Git, form: Form, path: str, commit: str, item: str) -> bool:
    """Whether a file that git calls modified holds what a checkout writes, with the right mode."""
    place = os.path.join(path, item)
    said = git.run("ls-tree", "-z", commit, "--", item).stdout.partition(b"\t")[0].split(b" ")
    try:
        mode = os.lstat(place).st_mode
    except OSError:
        return False
    if len(said) != 3 or said[0] not in (b"100644", b"100755") or not stat.S_ISREG(mode):
        return False
    if bool(mode & stat.S_IXUSR) != (said[0] == b"100755"):
        return False
    if item in form.lfs:
        return lfs.is_same(path, form.lfs, item)
    if item in form.filtered:
        return sha256_file(place) == form.filtered[item]
    blob = git.run("cat-file", "--filters", "--path=" + item, said[2].decode("ascii"), check=False)
    with open(place, "rb") as file:
        return blob.returncode == 0 and file.read() == blob.stdout
