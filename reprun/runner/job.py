"""The process of a job before its first instruction: forked, it waits at a gate, and becomes the job when that is opened."""

from __future__ import annotations

import os
import signal

from reprun.runner.paths import RunDir, job_paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, Mapping, Optional, Tuple

FORWARDED = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2}
IGNORED = (signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE)
_OPEN = b"!"
_MOST = 1 << 16


def fork_job(run: RunDir, plan: Dict[str, Any]) -> Tuple[int, int]:
    """Forks the job: what opens its gate, and its process. It ends without a first instruction if this process dies before."""
    gate, release = os.pipe()
    os.set_inheritable(release, False)
    job = os.fork()
    if job == 0:
        try:
            os.close(release)
            _become_job(run, plan, gate)
        finally:
            os._exit(126)
    os.close(gate)
    return release, job


def release_job(release: int, env: Optional[Mapping[str, str]] = None) -> None:
    """Opens the gate; the variables `env` go before those of its plan."""
    told = _OPEN
    if env:
        import json

        told += json.dumps(env).encode()
    try:
        os.write(release, told)
    except BrokenPipeError:
        pass  # the job died at the gate, and says why on its standard error
    os.close(release)


def _wait(gate: int) -> Dict[str, str]:
    """Waits for the gate to be opened, and answers with the variables that come with that."""
    told = os.read(gate, _MOST)
    if told[:1] != _OPEN:
        os._exit(125)
    while len(told) > 1:  # more than a pipe takes at once may come in pieces
        piece = os.read(gate, _MOST)
        told += piece
        if not piece:
            import json

            found: Dict[str, str] = json.loads(told[1:])
            return found
    return {}


def _become_job(run: RunDir, plan: Dict[str, Any], gate: int) -> None:
    os.setsid()
    # What can be done before the gate is: each page that a forked process writes to for the first time is copied. Whatever is
    # opened from here on is closed when it becomes the job.
    os.closerange(3, gate)
    os.closerange(gate + 1, 256)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number in (*FORWARDED, *IGNORED):
        signal.signal(number, signal.SIG_DFL)
    argv, env = plan["argv"], {**plan["env"], "PYTHONPATH": job_paths(plan["env"], bool(plan.get("watch")))}
    umask = int(plan.get("umask", 0o022))
    env.update(_wait(gate))
    # This file is the mark of a job that may have run (see `never_ran`), and whoever finds it there does not run a second one.
    out = os.open(run.stdout, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    err = os.open(run.stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.umask(umask)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    try:
        if plan.get("inherit"):
            from reprun.runner.inherit import inherit

            inherit(plan["inherit"], run.output)
        os.chdir(plan["cwd"])
        os.execvpe(argv[0], argv, env)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        os.write(2, ("reprun: cannot run %s: %s\n" % (argv[0], why)).encode("utf-8", "backslashreplace"))
        os._exit(127 if isinstance(error, FileNotFoundError) else 126)
