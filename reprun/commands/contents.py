"""Contents of files on their way to or from another machine beside the Git objects: those of Git LFS, only what is missing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import groupby
from typing import TYPE_CHECKING, Any

from reprun.core.errors import ToolError
from reprun.core.frozen import dataclass
from reprun.core.text import human_bytes
from reprun.hosts.base import Host
from reprun.hosts.base import Part as Block
from reprun.runner.lfs import damaged, missing, object_path
from reprun.system.process import translated

if TYPE_CHECKING:
    from reprun.workspace import Workspace


Part = tuple[str, int, int, int]  # SHA-256, size of the whole, offset, length
_BATCH = 64 << 20  # bytes in one request: no more than that is sent twice when the link breaks
_MANY = 1000  # parts in one request
_PIECE = 1 << 17


@dataclass(frozen=True)
class Source:
    """Where contents are read: `storage`, the `known` ones (SHA-256 → what it is called, size), and how they are spoken of.
    `fields` of the request say where they go."""

    storage: str
    known: Mapping[str, tuple[str, int]]
    what: str
    fields: Mapping[str, Any]


def send_contents(
    workspace: Workspace, host: Host, form: Mapping[str, Any], lacking: Sequence[Sequence[Any]], tell: Callable[[str], None]
) -> None:
    """Sends what the host lacks: (SHA-256, bytes that it has) of each. Raises `RefusedError` for what is not here either."""
    known = {str(oid): (path, int(size)) for path, (oid, size) in form["lfs"].items()}
    send(host, Source(str(form["storage"]), known, "the files of Git LFS", {"key": workspace.key}), lacking, tell)


def send(host: Host, source: Source, lacking: Sequence[Sequence[Any]], tell: Callable[[str], None]) -> None:
    """Sends contents of which the host has as many bytes as `lacking` says. Raises `RefusedError` for what is not here either."""
    known = source.known
    wanted = [(str(oid), known[oid][1], int(there)) for oid, there in lacking if oid in known]
    total = sum(size - there for _, size, there in wanted)
    sent = 0
    for parts in _batches(wanted):

        def attached(parts: list[Part] = parts, before: int = sent) -> Iterator[bytes]:
            gone = before
            for piece in _read(source.storage, parts, known):
                yield piece
                gone += len(piece)
                tell(f"sending {source.what} to {host.name}: {human_bytes(gone)} of {human_bytes(total)}")

        answer = host.ask({"op": "take", **source.fields, "parts": parts}, attached, tell=tell)
        sent += sum(length for *_, length in parts)
        whole = {oid for oid, _, there in wanted if there == 0}
        for oid in whole & set(answer["damaged"]):
            with translated():
                raise damaged(known[oid][0], object_path(source.storage, oid), oid)


def _batches(wanted: Sequence[tuple[str, int, int]]) -> Iterator[list[Part]]:
    """All that is wanted, in requests of some size; a large content takes several."""
    batch: list[Part] = []
    room = _BATCH
    for oid, size, there in wanted:
        at, is_first = there, True
        while at < size or is_first:
            length, is_first = min(size - at, room), False
            batch.append((oid, size, at, length))
            at, room = at + length, room - length
            if not room or len(batch) == _MANY:
                yield batch
                batch, room = [], _BATCH
    if batch:
        yield batch


def _read(storage: str, parts: Sequence[Part], known: Mapping[str, tuple[str, int]]) -> Iterator[bytes]:
    for oid, _, offset, length in parts:
        path = object_path(storage, oid)
        with translated():
            try:
                with open(path, "rb") as file:
                    file.seek(offset)
                    left = length
                    while left:
                        piece = file.read(min(left, _PIECE))
                        if not piece:
                            raise damaged(known[oid][0], path, oid)
                        left -= len(piece)
                        yield piece
            except FileNotFoundError:
                raise missing(known[oid][0], storage, oid) from None


def fetch_contents(host: Host, source: Source, wanted: Mapping[str, int], tell: Callable[[str], None]) -> list[str]:
    """Brings what is not in the storage here (SHA-256 → size) from a host, on from where an interruption was. The `fields` of
    the source say where it lies there.

    Returns those that the host does not have in full. Raises what `Host.fetch` raises.
    """
    from reprun.runner.contents import list_lacking

    def lacking() -> list[str]:
        return [oid for oid, _ in list_lacking(source.storage, {oid: [oid, size] for oid, size in wanted.items()})]

    for _ in range(2):  # a part that lay here may have been damaged: then the whole is asked for
        if lacking():
            with translated():
                _bring(host, source, {oid: wanted[oid] for oid in lacking()}, tell)
    return lacking()


def _bring(host: Host, source: Source, waiting: dict[str, int], tell: Callable[[str], None]) -> None:
    from reprun.runner.contents import list_lacking, write_content
    from reprun.system.files import ensure_dir

    storage = source.storage
    ensure_dir(os.path.join(storage, "tmp"))
    asked: list[tuple[str, int]] = []
    total, came = human_bytes(sum(waiting.values())), 0

    def question() -> dict[str, Any]:
        asked[:] = list_lacking(storage, {oid: [oid, size] for oid, size in waiting.items()})
        names = [(os.path.relpath(object_path(storage, oid), storage), there, waiting[oid]) for oid, there in asked]
        return {"op": "contents", **source.fields, "wanted": names}

    def which(block: Block) -> str:
        at = block[0].get("at")
        if not isinstance(at, int) or not 0 <= at < len(asked):
            raise ToolError(f"{host.name} sends what nobody asked for", hint="reprun doctor")
        return asked[at][0]

    with closing(host.fetch(question, tell)) as parts:
        for oid, blocks in groupby(parts, which):  # of one content, also when the link breaks in the middle of it
            tell(f"bringing {source.what} from {host.name}: {human_bytes(came)} of {total}")
            write_content(storage, (oid, waiting[oid]), dict(asked)[oid], (data for _, data in blocks))
            came += waiting.pop(oid)
