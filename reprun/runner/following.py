"""News of a log, waited for where it is written: one question for what would be hundreds."""

from __future__ import annotations

import time
from typing import Any, Dict

from reprun.runner.paths import Home, RunDir
from reprun.runner.state import find_state

_ALIVE = ("running", "starting")
_FIRST, _SLOWEST = 0.005, 0.2


def follow(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """What the logs have beyond the `offsets` {stream: bytes}, as {stream: text in Latin-1}; waits for some, `seconds` at most.

    `over`: the run had ended before they were read, so nothing comes after them but what `limit` has cut off.
    """
    run = home.run(request["run_id"])
    until, delay = time.monotonic() + float(request["seconds"]), _FIRST
    while True:
        over = find_state(run)["state"] not in _ALIVE  # asked before reading: what was written by then is read below
        news = {name: _read(run, name, int(offset), int(request["limit"])) for name, offset in request["offsets"].items()}
        if over or any(news.values()) or time.monotonic() >= until:
            return {"news": {name: data.decode("latin-1") for name, data in news.items()}, "over": over}
        time.sleep(delay)
        delay = min(delay * 1.5, _SLOWEST)


def _read(run: RunDir, stream: str, offset: int, limit: int) -> bytes:
    try:
        with open({"stdout": run.stdout, "stderr": run.stderr}[stream], "rb") as file:
            file.seek(offset)
            return file.read(limit)
    except FileNotFoundError:
        return b""


def session(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """Where the sessions of this home are: the socket, whose place follows from the environment of this host. And whether the
    command `look` finds the one of a run. One that the queue has started gets a session now if it has none."""
    from reprun.runner.process import run
    from reprun.runner.submit import SOCKET

    words = [home.socket() if word == SOCKET else word for word in request["look"]]
    there = run(words, check=False).returncode == 0
    state = find_state(home.run(request["run_id"])) if request.get("run_id") and not there else None
    if state is not None and state["state"] == "running" and state["record"].get("slot"):
        from reprun.runner.queue_session import make_session

        make_session(home, request["run_id"])
        there = run(words, check=False).returncode == 0
    return {"socket": home.socket(), "there": there}
