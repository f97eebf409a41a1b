"""Git objects on their way to another machine: a pack of what is missing there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from threading import Thread

from reprun.core.errors import ToolError
from reprun.repo.discover import Repository
from reprun.system.files import find_bytes
from reprun.system.process import Process, translated

_PIECE = 1 << 17
_WORDS = ("pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q")
# What is packed is what is here: no other history that `info/grafts` tells of, nothing fetched for the purpose (git 2.44).
_AS_IT_IS = {"GIT_GRAFT_FILE": os.devnull, "GIT_NO_LAZY_FETCH": "1"}
_KEPT = 10_000  # bytes of what git says


def pack(repository: Repository, commit: str, known: Sequence[str]) -> Iterator[bytes]:
    """A pack with `commit` and all that it needs beyond the `known` commits, in pieces. Raises `ToolError` when git fails."""
    with translated():
        process = repository.git.at(**_AS_IT_IS).spawn(*_WORDS)
    assert process.stdin is not None and process.stdout is not None
    said = bytearray()
    listener = Thread(target=_listen, args=(process, said), daemon=True)
    listener.start()
    try:
        with suppress(BrokenPipeError):  # git says below why it does not listen
            process.stdin.write(_wanted(repository, commit, known).encode("ascii"))
            process.stdin.close()
        yield from iter(lambda: os.read(process.stdout.fileno(), _PIECE), b"")  # type: ignore[union-attr]
        if process.wait():
            listener.join()
            why = said.decode("utf-8", "replace").strip() or f"exit status {process.returncode}"
            raise ToolError(f"git cannot pack {commit[:12]}: {why.splitlines()[-1]}", hint="git fsck --connectivity-only")
    finally:
        process.kill()
        process.wait()
        listener.join()
        for stream in (process.stdin, process.stdout, process.stderr):
            with suppress(BrokenPipeError):
                if stream is not None:
                    stream.close()


def _listen(process: Process[bytes], said: bytearray) -> None:
    """Takes what git says for as long as it says something: it waits when nobody does."""
    assert process.stderr is not None
    for line in process.stderr:
        said += line
        del said[:-_KEPT]


def _wanted(repository: Repository, commit: str, known: Sequence[str]) -> str:
    """What git is to pack, line by line."""
    cut = [commit, *known] if is_partial(repository) else []
    return "".join([*(f"--shallow {one}\n" for one in cut), f"{commit}\n", *(f"^{one}\n" for one in known)])


def is_partial(repository: Repository) -> bool:
    """True for a clone that has left objects with its remote. What it has is sure of the snapshot's own tree alone."""
    return b"promisor" in repository.config_texts or b"partialclone" in repository.config_texts


def list_known(repository: Repository, commits: Iterable[str]) -> list[str]:
    """Those of the commits that are in this repository too."""
    wanted = [one for one in commits if one.isalnum()]
    if not wanted:
        return []
    if is_partial(repository):  # where git would ask the remote for each that is missing
        from reprun.repo.refs import RUNS, list_refs

        here = {commit for _, commit in list_refs(repository, RUNS)}
        return [one for one in wanted if one in here]
    asked = "".join(f"{one}\n" for one in wanted).encode()
    said = repository.git.run("cat-file", "--batch-check", stdin=asked).stdout.decode("ascii", "replace")
    return [line.split(" ")[0] for line in said.splitlines() if line.split(" ")[1:2] == ["commit"]]


def shallow_text(repository: Repository, commit: str) -> str:
    """The commits where the history is cut that goes with `commit`, a line each: where this clone has cut it, and at the commit
    itself where objects of older ones may not be here."""
    if is_partial(repository):
        return commit + "\n"
    return (find_bytes(os.path.join(repository.common_dir, "shallow")) or b"").decode("ascii", "replace")
