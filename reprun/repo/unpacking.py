"""Git objects that come from another machine into this repository, and what is here already."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from reprun.core.errors import ToolError
from reprun.core.ids import is_commit
from reprun.repo.discover import Repository
from reprun.system.process import translated

_MOST = 1000  # refs: each may save the whole history, and the newest nearly always do


def list_tips(repository: Repository) -> list[str]:
    """The commits that refs of this repository name, newest first."""
    words = ("for-each-ref", "--sort=-creatordate", f"--count={_MOST}", "--format=%(objecttype) %(objectname) %(*objectname)")
    with translated():
        said = repository.git.text(*words)
    lines = [line.split() for line in said.splitlines()]
    found = [line[-1] for line in lines if line[0] == "commit" or (line[0] == "tag" and len(line) == 3)]
    return list(dict.fromkeys([*([repository.head] if repository.head else []), *found]))


def list_incomplete(repository: Repository, commits: Iterable[str]) -> list[str]:
    """Those of the commits that are not here with all that they need."""
    return [one for one in dict.fromkeys(commits) if not is_commit(one) or not _is_complete(repository, one)]


def _is_complete(repository: Repository, commit: str) -> bool:
    with translated():
        done = repository.git.run("rev-list", "--objects", "--quiet", commit, "--not", "--all", check=False)
    return done.returncode == 0


def unpack(repository: Repository, pieces: Iterable[bytes | memoryview]) -> None:
    """Takes in a pack, whole or not at all; git names each object by what is in it. Raises `ToolError` when it cannot."""
    with translated():
        process = repository.git.spawn("index-pack", "--stdin", "--fix-thin")
    assert process.stdin is not None
    try:
        with suppress(BrokenPipeError):  # git says below why it has stopped to listen
            for piece in pieces:
                process.stdin.write(piece)
        _, said = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode:
        lines = said.decode("utf-8", "replace").strip().splitlines()
        raise ToolError(f"git cannot take in the code of the runs: {lines[-1] if lines else process.returncode}")
