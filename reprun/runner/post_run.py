"""The post-run hook on the host: the last thing that a supervisor does. Nothing of it changes the outcome, which is written.

It has a folder of its own: a hook that tidies up around itself must not take the records of the run with it.
"""

from __future__ import annotations

import os
import signal

from reprun.runner.files import ensure_dir, write_atomic
from reprun.runner.limited import run_limited
from reprun.runner.paths import RunDir

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR")
_OUTCOME = ("state", "exit_code", "signal", "stopped_by", "started", "ended", "seconds", "hostname", "peak_memory", "metrics")


def post_run(run: RunDir, hook: Dict[str, Any], outcome: Dict[str, Any]) -> None:
    """Runs what came with the plan, each script; what they say is in post-run.log in the folder of the run."""
    said = b""
    for number in range(len(hook["texts"])):
        try:
            said += _run(run, hook, outcome, number)
        except Exception as error:  # whatever it is, the run is over and recorded
            said += b"reprun: the hook was not run: %s\n" % str(error).encode("utf-8", "replace")
    try:
        write_atomic(os.path.join(run.path, "post-run.log"), said, durable=False)
    except OSError:
        pass


def _run(run: RunDir, hook: Dict[str, Any], outcome: Dict[str, Any], number: int) -> bytes:
    import json

    folder = os.path.join(run.path, "hooks")
    ensure_dir(folder)
    program = os.path.join(folder, "post-run" + (".%d" % number if number else ""))
    write_atomic(program, hook["texts"][number].encode("latin-1"), mode=0o700)
    known = {name: outcome[name] for name in _OUTCOME if name in outcome}
    context = hook["context"]
    context["run"].update(state=outcome["state"], exit_code=outcome["exit_code"], outcome=known)
    env = {name: os.environ[name] for name in _KEPT if name in os.environ}
    env.update(hook["env"], REPRUN_STATE=outcome["state"], REPRUN_EXIT_CODE=str(outcome["exit_code"]))
    ended = run_limited([program, run.run_id], folder, env, json.dumps(context).encode() + b"\n", hook["seconds"], _as_usual)
    if ended.status == 0:
        return ended.said
    how = "did not end in time, and was ended" if ended.status is None else "ended with %d" % ended.status
    return ended.said + b"\nreprun: the hook " + how.encode("ascii") + b"\n"


def _as_usual() -> None:
    """Signals as a program expects them: a supervisor ignores and blocks some."""
    for number in (signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
