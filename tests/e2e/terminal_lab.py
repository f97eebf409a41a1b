"""A terminal with a person at it."""

from __future__ import annotations

import fcntl
import os
import pty
import subprocess
import termios

from lab import REPRUN


def on_a_terminal(answer: bytes, *words: str, program: str = REPRUN) -> tuple[int, str]:
    """Exit status and everything that `reprun` shows on a terminal where a person types `answer`."""
    ours, theirs = pty.openpty()
    settings = termios.tcgetattr(theirs)
    settings[3] |= termios.NOFLSH  # or Ctrl-C takes away what is being printed in that moment
    termios.tcsetattr(theirs, termios.TCSANOW, settings)
    process = subprocess.Popen(
        [program, *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in os.environ.items() if name != "CI"},  # where nobody is asked
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  # or Ctrl-C would be a character like any other
    )
    os.close(theirs)
    shown, typed = b"", False
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
        if b"[y/N] " in shown and not typed:
            os.write(ours, answer)
            typed = True
    os.close(ours)
    return process.wait(60), shown.decode("utf-8", "replace").replace("\r\n", "\n")
