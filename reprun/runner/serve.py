"""Requests of a dev machine, one after the other, on standard input; answers in frames on standard output."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import Any, BinaryIO, Dict, Iterator, Optional

from reprun.runner.bootstrap import MARK
from reprun.runner.errors import RunnerError
from reprun.runner.main import STREAMS, handle, stream
from reprun.runner.paths import own_runner
from reprun.runner.progress import listen

TYPE_CHECKING = False
if TYPE_CHECKING:
    from reprun.runner.progress import Step

_LAUNCHES = ("ahead", "prepare")
_TICK = 0.25  # seconds


class Line:
    """The two directions of the conversation. Programs that we start get neither of them."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.source: BinaryIO = os.fdopen(os.dup(0), "rb", 0)
        self.target = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(2, 1)
        self.writing = threading.Lock()
        self.step: Optional[Step] = None  # of the request that is being answered

    def say(self, message: Dict[str, Any], body: bytes = b"") -> None:
        """Writes one frame: a JSON object, and bytes as they are. Raises `OSError` when nobody listens any more."""
        text = json.dumps(message).encode()
        head = ("%s %s %d %d\n" % (MARK, self.nonce, len(text), len(body))).encode() + text
        left = [memoryview(part) for part in (head, body) if part]
        with self.writing:
            while left:
                gone = os.writev(self.target, left)
                while left and gone >= len(left[0]):
                    gone -= len(left.pop(0))
                if gone:
                    left[0] = left[0][gone:]

    def note(self, step: Optional[Step]) -> None:
        """What is done now; the dev side is told with the next beat, if it is still done then."""
        self.step = step

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
    listen(line.note)
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
            answer = _answer(line, request)
            for _piece in attached or ():
                pass  # what a refused request did not read
            line.note(None)
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
    """Silence means that the host hangs. Also between requests: nothing else would tell us that the dev machine is gone.

    A step that takes long is told of more often, when there is something new.
    """
    told, silent = None, 0.0
    while True:
        time.sleep(min(seconds, _TICK))
        silent += min(seconds, _TICK)
        step = line.step
        if step == told and silent < seconds:
            continue
        try:
            line.say({"alive": True} if step is None or step == told else {"step": step})
        except OSError:
            return
        told, silent = step, 0.0


def _answer(line: Line, request: Dict[str, Any]) -> Dict[str, Any]:
    try:
        if request["op"] in STREAMS:
            for head, body in stream(request):
                line.say({"part": head}, body)
            return {"answer": {}}
        answer = handle(request)
        if request["op"] in ("prepare", "state"):
            from reprun.runner.foreseen import note, standing

            answer["standing"] = standing()
            note(request.get("run_id", ""), answer)
        return {"answer": answer}
    except RunnerError as error:
        return {"error": {"kind": error.kind, "message": error.message, "hint": error.hint}}
    except (EOFError, BrokenPipeError):
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
