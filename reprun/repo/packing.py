"""Git objects on their way to another machine: a pack of what is missing there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence

from reprun.core.errors import ToolError
from reprun.repo.discover import Repository
from reprun.system.files import find_bytes
from reprun.system.process import translated

_PIECE = 1 << 17
_WORDS = ("pack-objects", "--revs", "--thin", "--stdout", "--delta-base-offset", "-q")


def pack(repository: Repository, commit: str, known: Sequence[str]) -> Iterator[bytes]:
    """A pack with `commit` and all that it needs beyond the `known` commits, in pieces. Raises `ToolError` when git fails."""
    with translated():
        process = repository.git.spawn(*_WORDS)
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write("".join([f"{commit}\n", *(f"^{one}\n" for one in known)]).encode("ascii"))
        process.stdin.close()
        yield from iter(lambda: os.read(process.stdout.fileno(), _PIECE), b"")  # type: ignore[union-attr]
        said = process.stderr.read() if process.stderr else b""
        if process.wait():
            raise ToolError(f"git cannot pack {commit[:12]}: {said.decode('utf-8', 'replace').strip() or process.returncode}")
    finally:
        process.kill()
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream is not None:
                stream.close()
        process.wait()


def list_known(repository: Repository, commits: Iterable[str]) -> list[str]:
    """Those of the commits that are in this repository too."""
    wanted = [one for one in commits if one.isalnum()]
    if not wanted:
        return []
    asked = "".join(f"{one}\n" for one in wanted).encode()
    said = repository.git.run("cat-file", "--batch-check", stdin=asked).stdout.decode("ascii", "replace")
    return [line.split(" ")[0] for line in said.splitlines() if line.split(" ")[1:2] == ["commit"]]


def shallow_text(repository: Repository) -> str:
    """The commits where the history of this clone is cut, a line each."""
    return (find_bytes(os.path.join(repository.common_dir, "shallow")) or b"").decode("ascii", "replace")
