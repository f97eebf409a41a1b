"""The supervisor: one process beside one job, from the claim of the start to the recorded end.

It lives in the tmux pane but needs nothing of it: a hang-up is ignored, the job has a session of its own and writes straight
to files, so nothing is lost when tmux is killed and a log of any size passes through no memory. The pane shows the files.
Imports here cost time before the job's first instruction; what is needed only afterwards is imported afterwards.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time

from reprun.runner.claim import claim, is_owner
from reprun.runner.files import ensure_dir, persist, read_json, write_json
from reprun.runner.identity import here, identity, is_alive, own
from reprun.runner.job import FORWARDED, IGNORED, fork_job, release_job
from reprun.runner.paths import RunDir, own_runner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, Optional, Tuple

    from reprun.runner.limits import Limit

HEARTBEAT = 10.0  # seconds between two touches of started.json
TICK = 0.1  # seconds between two looks at a limit
HEAD_START = 0.01  # seconds that the job has the processor before we go on, or less if it ends: what follows is for people


def supervise(path: str, launcher: Optional[Dict[str, Any]] = None) -> int:
    """Runs the job of a prepared run folder, once. Returns the job's exit status; 0 when another process has the start.

    Started early it waits for the plan that the process `launcher` will write, as long as that lives.
    """
    run = RunDir(path)
    shield()
    plan = read_plan(run) if launcher is None else _await_plan(run, launcher)
    generation = claim(run) if plan is not None else None
    if plan is None or generation is None:
        return 0
    ensure_dir(run.output)
    release, job = fork_job(run, plan)
    started = begin(run, start_record(run, plan, job), (release, generation))
    if started is None:
        return 0
    forget_plan(run)
    signal.sigtimedwait({signal.SIGCHLD}, HEAD_START)
    viewer = show_logs(run)
    return Watch(run, plan, job, started).until_the_end(viewer)


def shield() -> None:
    """No signal ends a supervisor, and none is lost between the fork and the wait: they are blocked here and waited for below."""
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED | {signal.SIGCHLD})


def begin(
    run: RunDir, record: Dict[str, Any], claimed: Tuple[int, int], given: Optional[Dict[str, Any]] = None
) -> Optional[Dict[str, Any]]:
    """Records the start and lets the job go (`claimed`: what opens its gate, and the generation of the claim): the record;
    None when a later claim has the start, and nothing ran here.

    started.json is durable before the job's first instruction: whoever finds none knows that the job never ran. Of what a
    queue has `given` to the run, "env" is for the job, the rest for the record.
    """
    more = dict(given or {})
    env = more.pop("env", None)
    release, generation = claimed
    record.update(more, started=time.time())
    write_json(run.started, record)
    if not is_owner(run, generation):
        os.close(release)
        return None
    release_job(release, env)
    return record


def read_plan(run: RunDir) -> Optional[Dict[str, Any]]:
    """The plan of the launch; None while only the worktree is known."""
    plan = read_json(run.launch)
    return plan if plan is not None and "argv" in plan else None


def _await_plan(run: RunDir, launcher: Dict[str, Any]) -> Optional[Dict[str, Any]]:
    """The plan as soon as it is written; None when the launch was refused or killed before that."""
    seen, count = None, 0
    while True:
        over = count % 32 == 31 and not is_alive(launcher)
        try:
            found = os.stat(run.launch)
            if (found.st_ino, found.st_mtime_ns) != seen:
                seen = (found.st_ino, found.st_mtime_ns)
                plan = read_plan(run)
                if plan is not None:
                    return plan
        except FileNotFoundError:
            pass
        if over:
            return None
        time.sleep(_pause(count))
        count += 1


def _pause(count: int) -> float:
    """How long to wait for a plan before the next look: a launch takes hundredths of a second, one of a huge tree minutes."""
    return 0.0003 if count < 1000 else 0.001 if count < 3000 else 0.02


def start_record(run: RunDir, plan: Dict[str, Any], job: int) -> Dict[str, Any]:
    """What there is to say of a start but for the moment of it."""
    record = {"schema_version": 1, "run_id": run.run_id, "state": "running", "started": 0.0, **here()}
    record.update(supervisor=own(), job=identity(job), commit=plan["worktree"]["commit"], publish=plan.get("publish", ""))
    record["environment"] = plan.get("environment", "")
    record["hostname"] = os.uname().nodename
    record["runner"] = own_runner()  # which must stay until the end
    return record


def forget_plan(run: RunDir) -> None:
    """Removes launch.json once the job has started: it may hold secrets, and is not needed again."""
    with contextlib.suppress(OSError):
        os.unlink(run.launch)


def show_logs(run: RunDir, lines: str = "+1") -> int:
    """Lets the pane follow the two logs, from their beginning or their last `lines`: the process that does it; 0 without a pane.
    It has a process group of its own, so that Ctrl-C in the pane reaches us alone."""
    if not os.isatty(1):
        return 0
    viewer = os.fork()
    if viewer == 0:
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGHUP, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, set())
            ours = "--pid=%d" % os.getppid()
            os.execvp("tail", ["tail", "-q", "-n", lines, "-F", "-s", "0.3", ours, run.stdout, run.stderr])
        finally:
            os._exit(127)
    return viewer


class Watch:
    """Waits for the job, forwards signals, keeps the heartbeat, records the end."""

    def __init__(self, run: RunDir, plan: Dict[str, Any], job: int, started: Dict[str, Any]) -> None:
        self.run = run
        self.plan = plan
        self.job = job
        self.record = started
        self.kill_at: Optional[float] = None
        self.stopped_by = ""
        self.limit = _limit(run, plan)
        self.host: Dict[str, Any] = {}  # the facts of this machine, where they are known already
        self.leave: Callable[[int], object] = bool  # told the status, when nothing of the job needs its place any more

    def until_the_end(self, viewer: int) -> int:
        """Blocks until the job is over and its outcome is on disk; returns the job's exit status."""
        from reprun.runner.facts import ask_gpus, host_facts, read_gpus

        asked = None if self.host else ask_gpus()
        host = dict(self.host) or host_facts()
        status, usage = self._wait()
        ended = time.time()
        if not self.stopped_by:
            self.leave(status)
        self._record_exit(status, usage, ended)
        if self.stopped_by:
            self._end_the_rest()
            self.leave(0)
        if not self.host:
            host["gpus"] = read_gpus(asked)
        self._finish(host)
        if viewer:
            time.sleep(0.4)  # lets an attached person see the last lines
            os.kill(viewer, signal.SIGTERM)
        return int(self.record["exit_code"])

    def _wait(self) -> "tuple[int, Any]":
        while True:
            pid, status, usage = os.wait4(self.job, os.WNOHANG)
            if pid:
                return status, usage
            until = HEARTBEAT if self.kill_at is None else max(0.05, min(HEARTBEAT, self.kill_at - time.monotonic()))
            got = signal.sigtimedwait(FORWARDED | {signal.SIGCHLD}, until if self.limit is None else min(until, TICK))
            if self.limit is not None:
                self._look_at_limit(self.limit)
            if got is None:
                self._beat()
            elif got.si_signo != signal.SIGCHLD:
                self._forward(got.si_signo)
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                self._kill()

    def _beat(self) -> None:
        try:
            os.utime(self.run.started)
        except OSError:
            pass  # a full or read-only disk must not end the watch

    def _end_the_rest(self) -> None:
        """A leader that obeyed TERM is not the end of its children: they get what is left of the grace, then KILL."""
        from reprun.runner.processes import end_strays

        if end_strays(self.run.run_id, 0.0 if self.kill_at is None else self.kill_at - time.monotonic()):
            self.record["stopped_by"] = "KILL"

    def _look_at_limit(self, limit: Limit) -> None:
        which = "" if self.stopped_by or self._is_over() else limit.reached()
        if which:
            self.record["limit"] = which
            self._stop(float(self.plan["limit"].get("grace", 10)))
            self._pass_on(signal.SIGTERM)

    def _stop(self, grace: float) -> None:
        self.stopped_by = "TERM"
        self.kill_at = time.monotonic() + grace

    def _forward(self, number: int) -> None:
        if number == signal.SIGTERM:
            wish = self._wish()
            if wish is not None and not self._is_over():
                self._stop(float(wish.get("grace", 10)))
        self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        try:
            os.killpg(self.job, number)
        except ProcessLookupError:
            pass

    def _is_over(self) -> bool:
        """True when the job ended by itself before the wish to stop it arrived."""
        return os.waitid(os.P_PID, self.job, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _wish(self) -> "Optional[Dict[str, Any]]":
        """What `reprun stop` left; without it a TERM is only passed on."""
        try:
            return read_json(self.run.stop)
        except ValueError:
            return {}

    def _kill(self) -> None:
        from reprun.runner.processes import kill_group

        self.kill_at = None
        self.stopped_by = "KILL"
        kill_group(self.job, self.run.run_id)

    def _record_exit(self, status: int, usage: Any, ended: float) -> None:
        """The exit status first, by itself and durable: the rest takes time, and this is what must not be lost."""
        code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        self.record.update(
            state="stopped" if self.stopped_by else "finished" if code == 0 else "failed",
            exit_code=128 - code if code < 0 else code,
            signal=-code if code < 0 else 0,
            stopped_by=self.stopped_by,
            exited=ended,
            seconds=round(ended - self.record["started"], 3),
            cpu_seconds=round(usage.ru_utime + usage.ru_stime, 3),
            peak_memory=usage.ru_maxrss * 1024,
        )
        persist(lambda: write_json(self.run.started, self.record))

    def left_behind(self) -> int:
        """How many processes of the job are still there."""
        from reprun.runner.processes import strays

        return len(strays(self.run.run_id))

    def _finish(self, host: Dict[str, Any]) -> None:
        from reprun.runner.collect import collect
        from reprun.runner.publish import publish

        outcome = {**self.record, "ended": time.time(), "host": host, "left_behind": self.left_behind()}
        outcome.update(collect(self.run, self.plan))
        outcome["ended"] = time.time()
        for name in ("runner", "queue"):
            outcome.pop(name, None)
        persist(lambda: write_json(self.run.outcome, outcome))
        for path in (self.run.started, self.run.stop):
            with contextlib.suppress(OSError):
                os.unlink(path)
        publish(self.run, self.plan.get("publish", ""))
        if self.plan.get("hook"):
            from reprun.runner.post_run import post_run

            post_run(self.run, self.plan["hook"], outcome)


def _limit(run: RunDir, plan: Dict[str, Any]) -> "Optional[Limit]":
    if not plan.get("limit"):
        return None
    from reprun.runner.limits import Limit

    return Limit(plan["limit"], run.metrics)
