"""A run that the queue has started has a session of its name, as a launched one has; the job knows nothing of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import until
from queue_lab import QueueLab

from reprun.runner.queue_wake import tmux

JOB = 'trap "echo keys >> $LOG" INT; echo here; echo up >> "$LOG"; while ! test -e "$0"; do sleep 0.05; done'


def test_a_run_that_goes_on_has_a_session_and_gets_another(queue_lab: QueueLab, tmp_path: Path) -> None:
    end = tmp_path / "end"
    run_id = queue_lab.put("sh", "-c", JOB, str(end))

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(tmux(queue_lab.home, *words), capture_output=True, text=True, check=False)

    def is_there() -> bool:
        return ask("has-session", "-t", "=" + run_id).returncode == 0

    look = tmux(queue_lab.home, "has-session", "-t", "=" + run_id)
    assert not queue_lab.ask("session", run_id="none", look=look)["there"]
    until(is_there, "the worker has made the session")
    ask("kill-session", "-t", "=" + run_id)
    until(lambda: queue_lab.lines() == ["up"], "the job is up")
    assert queue_lab.ask("session", run_id=run_id, look=look)["there"]
    until(lambda: "here" in ask("capture-pane", "-p", "-t", f"={run_id}:").stdout, "the log is shown")
    ask("send-keys", "-t", f"={run_id}:", "C-c")
    until(lambda: queue_lab.lines() == ["up", "keys"], "the job has heard it")
    end.touch()
    assert queue_lab.outcome(run_id)["exit_code"] == 0
    until(lambda: not is_there(), "the session has ended with the job")
