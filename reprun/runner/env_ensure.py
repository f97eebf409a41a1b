"""An environment for a plan: there already, being made, or begun to be made by this request. Nobody waits here for long.

One process makes it, see `env_make`; it holds the kernel lock from its birth to its end, so there is one of it, however many
launches ask, and none after a power cut. Whoever asks again hears what it is at, that it is done, or why it failed.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import time
from typing import Any, Dict, Optional, Set

from reprun.runner.env_plan import check_plan
from reprun.runner.env_record import MARK, find_record
from reprun.runner.errors import RunnerError
from reprun.runner.files import ensure_dir, read_json, read_text
from reprun.runner.paths import Home
from reprun.runner.privacy import check_home
from reprun.runner.virtual import glibc

_WAIT = 1.0  # seconds in one request
_STRANGE = frozenset('"$`\\:\n')
_TRIES = 3  # makers that end without a word before that is a failure


def ensure(home: Home, request: Dict[str, Any]) -> Dict[str, Any]:
    """For an environment that is not here: `absent`, where the request brings no `plan`.

    With a plan the `record` of it once it is made, or `doing`, what its maker is at, and `awaited`: who asks again with that
    need not send the plan once more. Or `lacks`, packages, and `tools`, which have to be sent. Raises `RunnerError` for what a
    maker that was waited for has failed by.
    """
    if "plan" not in request and not request.get("awaited"):
        platform = "%s-%s" % (sys.platform, os.uname().machine)
        return {"absent": request["digest"], "platform": platform, "glibc": glibc()}
    check_home(home)
    _check_name(home)
    if "plan" in request:
        check_plan(request["plan"])
    return _Wait(home, request).until_told()


def _check_name(home: Home) -> None:
    """The scripts of packages name their interpreter in words of a shell, and PATH has a colon between two folders."""
    strange = [char for char in home.envs if char in _STRANGE]
    if strange:
        what = "no environment can be made in %s: scripts of packages do not work in a folder with %r in its name"
        raise RunnerError("usage", what % (home.envs, strange[0]), "export REPRUN_HOME=<a folder of yours>")


class _Wait:
    def __init__(self, home: Home, request: Dict[str, Any]) -> None:
        self.home, self.request, self.digest = home, request, request["digest"]
        self.prefix = home.prefix(self.digest)
        self.awaited: Set[str] = set(request.get("awaited", []))

    def until_told(self) -> Dict[str, Any]:
        """The first of: it is there, it has failed, or the time of this request is over."""
        ensure_dir(self.home.envs)
        until, pause = time.monotonic() + float(self.request.get("wait", _WAIT)), 0.002
        while True:
            answer = self._look()
            if answer is not None:
                return answer
            if time.monotonic() > until:
                return {"doing": self._doing().get("text", ""), "awaited": sorted(self.awaited)}
            time.sleep(pause)
            pause = min(pause * 1.5, 0.05)

    def _look(self) -> Optional[Dict[str, Any]]:
        fd = os.open(self.prefix + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.awaited |= {str(self._doing().get("id", ""))} - {""}
                return None
            record = find_record(self.home, self.digest)
            if record is not None:
                return {"record": record}
            failure = read_json(self.prefix + ".failed") or {}
            if failure.get("id") in self.awaited:
                return _told(failure)
            if "plan" not in self.request:
                return {"absent": self.digest, "awaited": sorted(self.awaited)}
            if len(self.awaited) >= _TRIES:
                said = read_text(self.prefix + ".log").strip().splitlines()[-1:] or ["it was killed"]
                raise RunnerError("tool", "the process that makes the environment ends without a result: %s" % said[0])
            self._check_unused()
            self._begin(fd)
            return None
        finally:
            os.close(fd)

    def _check_unused(self) -> None:
        """What is damaged is made anew, but not under the feet of those that still run in it."""
        from reprun.runner.env_gc import in_use

        if os.path.lexists(os.path.join(self.prefix, MARK)):
            run_id = in_use(self.home, ("starting", "running")).get(os.path.basename(self.prefix))
            if run_id:
                what = "the environment %s is not as it was made, and cannot be made anew while a run is in it: %s"
                raise RunnerError("refused", what % (self.prefix, run_id), "reprun wait %s, then the same command again" % run_id)

    def _begin(self, fd: int) -> None:
        """Starts the maker, which inherits the lock: it is free again when that process ends, however that ends."""
        from reprun.runner.env_make import note

        maker = os.urandom(8).hex()
        if os.path.lexists(self.prefix + ".failed"):
            os.unlink(self.prefix + ".failed")
        note(self.prefix, maker, "starting")
        self.awaited.add(maker)
        words = [
            sys.executable,
            "-I",
            "-S",
            *["-B"] * sys.dont_write_bytecode,
            os.path.dirname(os.path.abspath(__file__)),
            "make-env",
        ]
        with open(self.prefix + ".log", "wb") as log:
            process = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=log, stderr=log, pass_fds=[fd], start_new_session=True, cwd=self.home.root
            )
        job = {"home": self.home.root, "id": maker, "lock": fd, "request": self.request}
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError), process.stdin:
            process.stdin.write(json.dumps(job).encode())
        process.returncode = 0  # nobody will ask

    def _doing(self) -> Dict[str, Any]:
        try:
            return read_json(self.prefix + ".doing") or {}
        except ValueError:
            return {}


def _told(failure: Dict[str, Any]) -> Dict[str, Any]:
    if "message" in failure:
        raise RunnerError(failure["kind"], failure["message"], failure["hint"])
    return {name: value for name, value in failure.items() if name != "id"}
