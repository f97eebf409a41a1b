"""Watching runs: states that are true, logs that are whole, ends that are the job's own."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest
from e2e_lab import Reprun, is_alive, kill, launch, pid, run, show, started, wait
from lab import REPRUN, Run, until

pytestmark = pytest.mark.e2e


def tmux(data: dict[str, object], *words: str) -> str:
    attach = data["attach"]
    assert isinstance(attach, list)
    done = subprocess.run(["tmux", "-S", attach[2], *words], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("code", [0, 1, 2, 77, 126, 137, 255])
def test_wait_ends_as_the_run_did(repo: Path, reprun: Reprun, code: int) -> None:
    data = launch(reprun, "--", "sh", "-c", f"exit {code}")
    answer = reprun("wait", data["run_id"])
    assert answer.rc == code
    assert answer.stdout.strip().endswith(f"finished {code}" if code == 0 else f"failed {code}")
    assert reprun("wait", data["run_id"], "--json").json["exit_code"] == code


def test_wait_for_several(repo: Path, reprun: Reprun) -> None:
    good, bad = launch(reprun, "--", "sleep", "0.3"), launch(reprun, "--", "sh", "-c", "exit 9")
    assert reprun("wait", good["run_id"], bad["run_id"]).rc == 9
    assert reprun("wait", good["run_id"]).rc == 0


def test_a_job_killed_by_a_signal(repo: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "sleep", "60")
    kill(pid(data, "job"))
    assert wait(reprun, data["run_id"])["state_words"] == "failed 137"
    outcome = show(reprun, data["run_id"])["outcome"]
    assert (outcome["exit_code"], outcome["signal"], outcome["stopped_by"]) == (137, 9, "")


def test_a_run_outlives_its_tmux_server(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    data = launch(reprun, "--", "sh", "-c", f"echo before; until [ -e {gate} ]; do sleep 0.02; done; echo after; exit 3")
    supervisor = pid(data, "supervisor")
    tmux(data, "kill-server")
    assert reprun("status", "--json").data[0]["state_words"] == "running" and is_alive(supervisor)
    gate.touch()
    assert wait(reprun, data["run_id"])["state_words"] == "failed 3"
    assert reprun("logs", data["run_id"]).stdout == "before\nafter\n"
    assert reprun("launch", "--follow", "--", "true").rc == 0  # a new server for the next one


def _sleeping(reprun: Reprun) -> dict[str, Any]:
    """A run whose job is past its gate: killed before, its supervisor takes it along, and it never ran."""
    data = launch(reprun, "--", "sh", "-c", "echo up; exec sleep 60")
    until(lambda: "up" in reprun("logs", data["run_id"]).stdout)
    return data


def test_a_supervisor_that_was_killed(repo: Path, reprun: Reprun) -> None:
    data = _sleeping(reprun)
    job = pid(data, "job")
    kill(pid(data, "supervisor"))
    state = reprun("status", "--json").data[0]
    assert state["state"] == "running" and "supervisor" in state["reason"] and is_alive(job)
    assert reprun("resume", "--json", data["run_id"]).data["resumed"] is False
    kill(job)
    state = reprun("status", "--json").data[0]
    assert state["state"] == "lost" and reprun("wait", data["run_id"]).rc == 4
    again = reprun("resume", data["run_id"])
    assert again.rc == 3 and f"reprun reproduce {data['run_id']}" in again.stderr


def test_a_run_whose_supervisor_was_killed_can_still_be_stopped(repo: Path, reprun: Reprun) -> None:
    data = _sleeping(reprun)
    job = pid(data, "job")
    kill(pid(data, "supervisor"))
    assert reprun("stop", "--json", data["run_id"]).data["state"] == "stopped"
    assert not is_alive(job)


def test_a_reboot(repo: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "sleep", "60")
    kill(pid(data, "supervisor"), pid(data, "job"))
    record = started(data)
    record["boot_id"] = "00000000-0000-0000-0000-000000000000"
    Path(data["run_dir"], "started.json").write_text(json.dumps(record))
    assert reprun("status", "--json").data[0]["state_words"] == "lost (host rebooted)"
    assert [row["run_id"] for row in reprun("ls", "--state", "lost", "--json").data] == [data["run_id"]]
    assert reprun("wait", data["run_id"]).rc == 4


def test_stop_says_which_it_took(repo: Path, reprun: Reprun) -> None:
    polite = launch(reprun, "--", "sh", "-c", "trap 'echo bye; exit 0' TERM; echo up; sleep 60 & wait")
    until(lambda: "up" in reprun("logs", polite["run_id"]).stdout)
    assert reprun("stop", "--json", polite["run_id"]).data["state_words"] == "stopped (TERM)"
    assert reprun("logs", polite["run_id"]).stdout == "up\nbye\n"
    deaf = launch(reprun, "--", "sh", "-c", "trap '' TERM; echo up; sleep 60; sleep 60")
    until(lambda: "up" in reprun("logs", deaf["run_id"]).stdout)
    assert reprun("stop", "--grace", "0.3", "--json", deaf["run_id"]).data["state_words"] == "stopped (KILL)"
    assert reprun("wait", deaf["run_id"]).rc == 137
    assert "nothing to stop" in reprun("stop", deaf["run_id"]).stdout


def test_stop_ends_every_process_of_the_job(repo: Path, reprun: Reprun) -> None:
    deaf = "(trap '' TERM; exec sleep 300) & setsid sh -c 'trap \"\" TERM; sleep 300; sleep 300' &"
    script = f"{deaf} setsid sleep 300 & echo up; sleep 300"
    data = launch(reprun, "--", "sh", "-c", script)
    until(lambda: "up" in reprun("logs", data["run_id"]).stdout and len(family(data["run_id"])) >= 5)
    reprun("stop", "--grace", "0.5", data["run_id"])
    assert family(data["run_id"]) == []


def family(run_id: str) -> list[str]:
    """The processes that carry the run's id and have a program of their own."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and is_alive(int(name)):
            try:
                if f"REPRUN_RUN_ID={run_id}".encode() in Path("/proc", name, "environ").read_bytes():
                    found.append(name)
            except OSError:
                pass
    return found


def test_logs_are_whole(repo: Path, reprun: Reprun) -> None:
    script = "import sys; sys.stdout.buffer.write(bytes(range(256)) * 40000); sys.stderr.write('to stderr\\n')"
    data = run(reprun, "--", "python", "-c", script)
    done = subprocess.run([REPRUN, "logs", "--stdout", data["run_id"]], capture_output=True, check=True)
    assert done.stdout == bytes(range(256)) * 40000
    assert reprun("logs", "--stderr", data["run_id"]).stdout == "to stderr\n"


def test_logs_follow_until_the_end(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    data = launch(reprun, "--", "sh", "-c", f"echo one; until [ -e {gate} ]; do sleep 0.02; done; echo two")
    with subprocess.Popen([REPRUN, "logs", "-f", data["run_id"]], stdout=subprocess.PIPE) as follower:
        assert follower.stdout is not None and follower.stdout.readline() == b"one\n"
        gate.touch()
        assert follower.stdout.read() == b"two\n" and follower.wait() == 0


def test_logs_to_a_reader_that_goes_away(repo: Path, reprun: Reprun) -> None:
    data = run(reprun, "--", "python", "-c", "print('x' * 5_000_000)")
    words = ["sh", "-c", '("$0" logs "$1"; echo $? >&2) | head -c 10', REPRUN, data["run_id"]]
    done = subprocess.run(words, capture_output=True, check=False)
    assert (done.stdout, done.stderr) == (b"x" * 10, b"0\n")


def test_a_terminal_is_not_told_what_to_do(repo: Path, reprun: Reprun) -> None:
    data = run(reprun, "--name", "\x1b]0;owned\x07", "--", "printf", "\\033[2J\\033]0;owned\\007plain\\n")
    for words in (["logs", data["run_id"]], ["ls"], ["show", data["run_id"]], ["diff", "@last", "@last"]):
        said = in_terminal(REPRUN, *words)
        assert b"\x1b]0" not in said and b"\x1b[2J" not in said
    assert "plain" in reprun("logs", data["run_id"]).stdout


def test_attach_shows_the_log_and_ctrl_c_reaches_the_job(repo: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "sh", "-c", "trap 'echo interrupted; exit 5' INT; echo marker-here; sleep 60 & wait")
    until(lambda: "marker-here" in reprun("logs", data["run_id"]).stdout)
    said = in_terminal(REPRUN, "attach", data["run_id"], send=b"\x03", after=b"marker-here")
    assert b"marker-here" in said
    assert wait(reprun, data["run_id"])["state_words"] == "failed 5"


def test_ctrl_c_ends_the_following_and_says_that_the_run_goes_on(repo: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "sh", "-c", "echo up; sleep 60")
    words = [REPRUN, "logs", "-f", data["run_id"]]
    following = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert following.stdout is not None and following.stdout.readline() == "up\n"
    os.killpg(following.pid, signal.SIGINT)
    stderr = following.communicate(timeout=60)[1]
    assert following.returncode == 130 and "interrupted" in stderr and "reprun status" in stderr
    assert show(reprun, data["run_id"])["state"] == "running"


def test_attach_needs_a_session_and_a_terminal(repo: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "sleep", "60")
    no_terminal = reprun("attach", data["run_id"])
    assert no_terminal.rc in (2, 3) and f"reprun logs -f {data['run_id']}" in no_terminal.stderr
    reprun("stop", data["run_id"])
    over = reprun("attach", data["run_id"])
    assert over.rc == 3 and f"reprun logs {data['run_id']}" in over.stderr


def in_terminal(*words: str, send: bytes = b"", after: bytes = b"") -> bytes:
    """What a program writes to a terminal of its own, until it ends; `send` is typed when `after` has been seen."""
    child, fd = pty.fork()
    if child == 0:
        os.environ["TERM"] = "xterm"
        os.execv(words[0], words)
    said = b""
    try:
        while select.select([fd], [], [], 30)[0]:
            try:
                piece = os.read(fd, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            said += piece
            if send and after in said:
                os.write(fd, send)
                send = b""
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(fd)
    return said


def test_outputs_and_metrics(repo: Path, reprun: Reprun) -> None:
    script = (
        "mkdir -p $REPRUN_OUTPUT/a; printf x > $REPRUN_OUTPUT/a/o.txt; ln -s /etc/passwd $REPRUN_OUTPUT/link;"
        ' echo \'{"step": 1, "loss": 0.5}\' >> $REPRUN_METRICS; echo \'{"step": 2, "loss": 0.25}\' >> $REPRUN_METRICS;'
        " echo nonsense >> $REPRUN_METRICS"
    )
    outcome = show(reprun, run(reprun, "--", "sh", "-c", script)["run_id"])["outcome"]
    listed = {item["path"]: item for item in outcome["outputs"]}
    assert listed["a/o.txt"]["sha256"] == "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert listed["a/o.txt"]["size"] == 1 and "sha256" not in listed["link"]
    assert outcome["metrics"] == {"loss": {"last": 0.25, "min": 0.25, "max": 0.5, "count": 2}}
    assert outcome["metrics_skipped"] == 1
    for name in ("cpu", "cpus", "memory", "os", "kernel", "hostname", "gpus"):
        assert name in outcome["host"]
    assert outcome["peak_memory"] > 0 and outcome["cpu_seconds"] >= 0 and outcome["boot_id"]


def test_metrics_that_are_no_file_hold_nothing_up(repo: Path, reprun: Reprun) -> None:
    data = launch(reprun, "--", "sh", "-c", 'mkfifo "$REPRUN_METRICS"')
    until(lambda: show(reprun, data["run_id"])["state_words"] == "finished 0", "the run is over")


def test_large_outputs_are_listed_without_their_digest(repo: Path, reprun: Reprun) -> None:
    (repo / "reprun.toml").write_text("[outputs]\nhash_limit = 10\n")
    script = "printf 12345678901 > $REPRUN_OUTPUT/large; printf 1 > $REPRUN_OUTPUT/small"
    outcome = show(reprun, run(reprun, "--", "sh", "-c", script)["run_id"])["outcome"]
    assert {item["path"]: "sha256" in item for item in outcome["outputs"]} == {"large": False, "small": True}


def test_ls_finds(repo: Path, git: Run, reprun: Reprun) -> None:
    one = run(reprun, "--name", "alpha", "--config", "conf/base.yaml", "--", "true")
    (repo / "new").write_text("1")
    two = run(reprun, "--name", "beta", "--config", "conf/base.yaml", "--set", "lr=0.5", "--seed", "3", "--", "false")

    def ls(*words: str) -> list[str]:
        return [row["run_id"] for row in reprun("ls", "--json", *words).data]

    both, first, second = [two["run_id"], one["run_id"]], [one["run_id"]], [two["run_id"]]
    assert ls() == both and ls("-n", "1") == second
    assert ls("--name", "alpha") == first and ls("--name", "*a") == both and ls("--name", "nobody") == []
    assert ls("--state", "failed") == second and ls("--state", "finished") == first and ls("--state", "running") == []
    assert ls("--commit", one["commit"][:8]) == first and ls("--commit", two["commit"]) == second
    assert ls("--since", "1h") == both and ls("--since", "2999-01-01") == []
    assert ls("--where", "lr=0.1") == first and ls("--where", "lr>0.2") == second and ls("--where", "seed=3") == second
    assert ls("--where", "lr=0.1", "--state", "failed") == []


def test_a_run_goes_by_many_names(repo: Path, reprun: Reprun) -> None:
    ids = [run(reprun, "--name", name, "--", "true")["run_id"] for name in ("first", "twice", "twice")]
    ids += [run(reprun, "--", "true")["run_id"]]
    for text, want in {"@last": 3, "@last~1": 2, "@last~3": 0, "first": 0, "twice": 2, ids[1]: 1, ids[0][:-1]: 0}.items():
        assert show(reprun, text)["run_id"] == ids[want], text
    assert reprun("show", ids[0][:8]).rc == 2 and reprun("show", "@last~4").rc == 6


def test_status_and_the_interrupted_words(repo: Path, reprun: Reprun) -> None:
    assert reprun("status").rc == 0
    data = launch(reprun, "--name", "visible", "--", "sleep", "60")
    assert re.search(r"visible\s+running", reprun("status").stdout)
    reprun("stop", data["run_id"])
    assert "visible" not in reprun("status").stdout
