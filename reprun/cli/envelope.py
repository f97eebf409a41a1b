"""How answers and errors leave the program: text for people, or one JSON document of a fixed shape."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

from reprun.core.frozen import dataclass
from reprun.core.text import show_block

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

RESULT_VERSION = 1


@dataclass
class _Call:
    command: str = ""
    as_json: bool = False


_call = _Call()


def begin(command: str, as_json: bool) -> None:
    """Remembers which command is answering, and how, for `answer` and `failed`."""
    _call.command, _call.as_json = command, as_json


def is_json() -> bool:
    """True when standard output belongs to one JSON document."""
    return _call.as_json


def answer(data: Any, human: Callable[[], None], exit_code: int = 0) -> int:
    """Prints the answer of a command, as JSON or by calling `human`, and returns its exit status."""
    try:
        if _call.as_json:
            _print_document(exit_code == 0, exit_code, data, None)
        else:
            human()
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        return _unwritable(error)
    return exit_code


def failed(exit_code: int, message: str, hint: str = "") -> int:
    """Prints an error: one sentence, and a hint on a line of its own."""
    if _call.as_json:
        try:
            _print_document(False, exit_code, None, {"message": message, "hint": hint})
            return exit_code
        except OSError:
            pass  # then at least people are told
    say(f"{_style('error:', '31;1')} {show_block(message)}")
    if hint:
        lines = show_block(hint).replace("\n", "\n       ")
        say(f"{_style(' hint:', '36')} {lines}")
    return exit_code


def _unwritable(error: OSError) -> int:
    """The answer could not be printed: said on standard error alone."""
    _call.as_json = False
    return failed(5, f"standard output cannot be written: {error.strerror}", "what was asked for may have been done: reprun ls")


def say(text: str) -> None:
    """Talk goes to standard error, so that standard output stays data. Where nobody can hear it, nothing is lost."""
    try:
        print(text, file=sys.stderr, flush=True)
    except OSError:
        sys.stderr = open(os.devnull, "w")  # or Python would try again at the end, and fail


def _style(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if is_colourful(sys.stderr) else text


def is_colourful(stream: Any) -> bool:
    """True for a terminal whose user has not asked for plain text (https://no-color.org)."""
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _print_document(ok: bool, exit_code: int, data: Any, error: dict[str, str] | None) -> None:
    document = {
        "reprun_result_version": RESULT_VERSION,
        "command": _call.command,
        "ok": ok,
        "exit_code": exit_code,
        "data": data,
        "error": error,
    }
    try:
        text = json.dumps(document, indent=2, ensure_ascii=False, default=str, allow_nan=False)
    except ValueError:  # NaN and infinities, which a config may hold
        text = json.dumps(_finite(document), indent=2, ensure_ascii=False, default=str, allow_nan=False)
    # Bytes that are no text are spelled out: the document must be valid for every reader.
    print(text.encode("utf-8", "backslashreplace").decode(), flush=True)


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity: they become strings, as in outcome.json."""
    if isinstance(value, float) and value - value != 0:
        return {"inf": "Infinity", "-inf": "-Infinity"}.get(str(value), "NaN")
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, (list, tuple)) else value


def write_report(error: BaseException, argv: list[str]) -> str:
    """Writes what is needed to mend a fault of ours into a file of this user and returns its path."""
    import platform
    import tempfile
    import traceback

    from reprun import __version__

    fd, path = tempfile.mkstemp(prefix="reprun-report-", suffix=".txt")
    with os.fdopen(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(f"reprun {__version__}, Python {platform.python_version()}, {platform.platform()}\ncommand: {argv[1:2]}\n\n")
        file.write("".join(traceback.format_exception(error)))
    return path
