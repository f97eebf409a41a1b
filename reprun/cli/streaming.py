"""Printing logs: bytes go out as they are to a file or pipe; on a terminal control characters are shown, not obeyed."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterable

from reprun.cli.envelope import say
from reprun.commands.following import await_start, follow, read_log, require_log
from reprun.commands.states import get_state
from reprun.core.text import show_block
from reprun.store.rows import Row
from reprun.workspace import Workspace

_LINE = 200  # bytes to go back for each line of --lines, at first


def print_logs(workspace: Workspace, row: Row, streams: list[str], following: bool, lines: int) -> int:
    """Prints the logs of a run; with `lines` about the last so many of each stream."""
    if following:
        await_start(workspace, row, say)
    require_log(workspace, row)
    printer = Printer()
    # Everything comes by `follow` where that is asked for: it alone goes on when a link breaks.
    begun = dict.fromkeys(streams, 0)
    if lines or not following:
        begun = {stream: printer.print_all(_from(workspace, row, stream, lines)) for stream in streams}
    if following:
        for _, piece in follow(workspace, row, begun, say):
            printer.write(piece)
        get_state(workspace, row)  # what is known of its end now
    printer.finish()
    return 0


def _from(workspace: Workspace, row: Row, stream: str, lines: int) -> Iterable[bytes]:
    if not lines:
        return read_log(workspace, row, stream)
    text = b"".join(read_log(workspace, row, stream, -lines * _LINE))
    return [b"".join(text.splitlines(keepends=True)[-lines:])]


class Printer:
    """Writes pieces of a log to standard output."""

    def __init__(self) -> None:
        self.safe = sys.stdout.isatty()
        self.decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def print_all(self, pieces: Iterable[bytes]) -> int:
        """Prints the pieces and returns how many bytes they had."""
        total = 0
        for piece in pieces:
            self.write(piece)
            total += len(piece)
        return total

    def write(self, piece: bytes) -> None:
        """Prints one piece."""
        if not self.safe:
            sys.stdout.flush()
            sys.stdout.buffer.write(piece)
            sys.stdout.buffer.flush()
            return
        # A carriage return is how progress bars are drawn; on a terminal it may stay.
        text = "\r".join(show_block(part) for part in self.decoder.decode(piece).split("\r"))
        sys.stdout.write(text)
        sys.stdout.flush()

    def finish(self) -> None:
        """Prints what an incomplete character left."""
        if self.safe:
            sys.stdout.write(show_block(self.decoder.decode(b"", final=True)))
            sys.stdout.flush()
