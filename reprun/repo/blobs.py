"""Reading many objects in one conversation with Git. What is missing, damaged or huge is None; the rest is read all the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress

from reprun.core.errors import ToolError
from reprun.system.process import Git, Process, beside, translated

MAX_BYTES = 64 << 20  # no record of ours is larger; one from a stranger must not fill the memory


def read_blobs(git: Git, object_ids: Iterable[str]) -> Iterator[bytes | None]:
    """The contents of objects, in order; None for one that is missing, cannot be read or is larger than `MAX_BYTES`."""
    wanted = list(object_ids)
    at = 0
    while at < len(wanted):
        for content in _converse(git, wanted[at:]):
            yield content
            at += 1
        if at < len(wanted):  # git dies at an object that is damaged: we go on behind it, with another one
            yield None
            at += 1


def find_sizes(git: Git, object_ids: Iterable[str]) -> dict[str, int]:
    """object → its size in bytes. Raises `ToolError` when one is missing."""
    wanted = list(dict.fromkeys(object_ids))
    if not wanted:
        return {}
    asked = "".join(f"{item}\n" for item in wanted).encode("ascii")
    said = git.run("cat-file", "--batch-check=%(objectname) %(objectsize)", stdin=asked).stdout.decode("ascii")
    sizes = dict(line.split(" ") for line in said.splitlines())
    lost = next((item for item, size in sizes.items() if size == "missing"), None)
    if lost is not None:
        raise ToolError(f"git has lost the object {lost}", hint="git fsck")
    return {item: int(size) for item, size in sizes.items()}


def _converse(git: Git, wanted: list[str]) -> Iterator[bytes | None]:
    """One `cat-file`, up to the first object that it cannot or should not deliver."""
    with translated():
        process = git.spawn("cat-file", "--batch")
    with beside(lambda: _ask(process, wanted)):
        try:
            yield from _answers(process, len(wanted))
        finally:
            _end(process)  # also when nobody wants the rest: the thread that asks must not wait for ever


def _ask(process: Process[bytes], wanted: list[str]) -> None:
    assert process.stdin is not None
    with suppress(OSError):  # git has died, which the reader finds out
        process.stdin.write("".join(f"{item}\n" for item in wanted).encode())
    with suppress(OSError):
        process.stdin.close()


def _answers(process: Process[bytes], count: int) -> Iterator[bytes | None]:
    assert process.stdout is not None
    for _ in range(count):
        header = process.stdout.readline().split()
        if header and header[-1] in (b"missing", b"ambiguous"):
            yield None
            continue
        if len(header) != 3 or not header[2].isdigit() or int(header[2]) > MAX_BYTES:
            return
        size = int(header[2])
        content = process.stdout.read(size)
        if len(content) < size or process.stdout.read(1) != b"\n":
            return
        yield content


def _end(process: Process[bytes]) -> None:
    process.kill()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.wait()
