"""Requests of a dev machine, one after the other, on standard input; answers in frames on standard output."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, BinaryIO, Dict, Iterator, Optional

from reprun.runner.bootstrap import MARK
from reprun.runner.errors import RunnerError
from reprun.runner.main import handle
from reprun.runner.paths import own_runner

_LAUNCHES = ("ahead", "prepare")


class Line:
    """The two directions of the conversation. Programs that we start get neither of them."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.source: BinaryIO = os.fdopen(os.dup(0), "rb", 0)
        self.target = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        self.writing = threading.Lock()

    def say(self, message: Dict[str, Any]) -> None:
        """Writes one frame. Raises `OSError` when nobody listens any more."""
        text = json.dumps(message).encode()
        data = ("%s %s %d\n" % (MARK, self.nonce, len(text))).encode() + text
        with self.writing:
            while data:
                data = data[os.write(self.target, data) :]

    def hear(self) -> Optional[Dict[str, Any]]:
        """The next request; None when the dev side has ended the conversation."""
        text = self._piece()
        return None if text is None else json.loads(text)

    def pieces(self) -> Iterator[bytes]:
        """What is attached to a request: pieces up to an empty one. Raises `EOFError` when the link breaks before that."""
        while True:
            piece = self._piece()
            if piece is None:
                raise EOFError
            if not piece:
                return
            yield piece

    def _piece(self) -> Optional[bytes]:
        size = self.source.readline()
        if not size.endswith(b"\n"):
            return None
        left, parts = int(size), []
        while left:
            part = self.source.read(left)
            if not part:
                return None
            parts.append(part)
            left -= len(part)
        return b"".join(parts)


def serve(_: BinaryIO, nonce: str, beat: float) -> None:
    """Answers until the dev side ends the conversation, or the link breaks. Every `beat` seconds there is a sign of life."""
    line = Line(nonce)
    threading.Thread(target=_beat, args=(line, beat), daemon=True).start()
    try:
        for request in iter(line.hear, None):
            if request["op"] in _LAUNCHES:
                _touch_runner()
            attached = line.pieces() if request.pop("attached", False) else None
            if request["op"] == "ahead":
                _begin(request)
                continue
            if attached is not None:
                request["attached"] = attached
            answer = _answer(request)
            for _piece in attached or ():
                pass  # what a refused request did not read
            line.say(answer)
    except (OSError, EOFError):
        return


def _touch_runner() -> None:
    """Says that this runner is in use, see disused.py. Looking changes nothing: who only looks is sent it again."""
    try:
        os.utime(own_runner())
    except OSError:
        pass  # a disk that is read-only, or full


def _beat(line: Line, seconds: float) -> None:
    """Silence means that the host hangs. Also between requests: nothing else would tell us that the dev machine is gone."""
    while True:
        time.sleep(seconds)
        try:
            line.say({"alive": True})
        except OSError:
            return


def _answer(request: Dict[str, Any]) -> Dict[str, Any]:
    try:
        answer = handle(request)
        if request["op"] in ("prepare", "state"):
            from reprun.runner.foreseen import note, standing

            answer["standing"] = standing()
            note(request.get("run_id", ""), answer)
        return {"answer": answer}
    except RunnerError as error:
        return {"error": {"kind": error.kind, "message": error.message, "hint": error.hint}}
    except EOFError:
        raise
    except Exception:
        import traceback

        return {"fault": traceback.format_exc()}


def _begin(request: Dict[str, Any]) -> None:
    """What may begin before a launch has its snapshot. A failure means nothing: the launch will meet it in its turn."""

    def attempt(op: str) -> None:
        try:
            handle({**request, "op": op})
        except RunnerError:
            pass

    attempt("early")
    threading.Thread(target=attempt, args=("warm",), daemon=True).start()
