"""The one place where errors become text and exit statuses."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable, Sequence

from reprun.cli import envelope
from reprun.core.asides import take_asides
from reprun.core.errors import ReprunError, UsageError
from reprun.core.text import is_recordable, show

_FULL = (errno.ENOSPC, errno.EIO, errno.EDQUOT)


def guard(words: Sequence[str], call: Callable[[], int]) -> int:
    """Calls `call` for the command in `words`; every way of failing becomes a sentence, a hint and a documented exit status."""
    command = next((word for word in words if not word.startswith("-")), "")
    ours = words[: words.index("--")] if "--" in words else words
    envelope.begin(command, "--json" in ours)
    try:
        _check_words(ours if command == "launch" else words)
        return call()
    except ReprunError as error:
        default = f"reprun {command} --help" if error.exit_code == 2 else "reprun doctor"
        return envelope.failed(error.exit_code, error.message, error.hint or default)
    except KeyboardInterrupt:
        return envelope.failed(130, "interrupted", "what was started goes on: reprun status")
    except BrokenPipeError:
        return 0
    except SystemExit as leaving:  # what click makes of a reader that went away
        return 0 if leaving.code == 1 else int(leaving.code or 0)
    except OSError as error:
        return _disk(error) if error.filename or error.errno in _FULL else _fault(error)
    except Exception as error:
        return _fault(error)
    finally:
        for text in take_asides():
            envelope.say(f"note: {show(text)}")


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if not is_recordable(word):
            raise UsageError(f"{show(word)} is not text in UTF-8")


def _disk(error: OSError) -> int:
    """A file system that says no where nobody expected it: no fault of ours."""
    where = error.filename or "a file"
    return envelope.failed(5, f"{where} cannot be used: {error.strerror}", "check its owner and the space on its disk")


def _fault(error: Exception) -> int:
    path = envelope.write_report(error, sys.argv)
    return envelope.failed(70, f"a fault of reprun itself: {type(error).__name__}: {error}", f"please report it with {path}")
