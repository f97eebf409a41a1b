"""The supervisor of one job: what it starts, what it records, what it forwards, and that it starts a job once."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from supervisor_lab import Make, sh

from reprun.runner.paths import RunDir
from reprun.runner.processes import strays


@pytest.mark.parametrize(
    ("argv", "state", "code", "number"),
    [
        (("true",), "finished", 0, 0),
        (sh("exit 3"), "failed", 3, 0),
        (sh("exit 255"), "failed", 255, 0),
        (sh("kill -9 $$"), "failed", 137, 9),
        (sh("kill -TERM $$"), "failed", 143, 15),
        (sh("kill -SEGV $$"), "failed", 139, 11),
        (("no-such-command-anywhere",), "failed", 127, 0),
        (("./train.py",), "failed", 126, 0),
        (("/",), "failed", 126, 0),
    ],
)
def test_the_end_is_recorded(make: Make, argv: tuple[str, ...], state: str, code: int, number: int) -> None:
    job = make(*argv)
    process = job.supervise()
    process.communicate(timeout=60)
    outcome = job.outcome
    assert (outcome["state"], outcome["exit_code"], outcome["signal"], outcome["stopped_by"]) == (state, code, number, "")
    assert process.returncode == code
    assert job.words == (state, "", code)
    assert outcome["problems"] == [] and outcome["worktree"] == {"modified": False, "paths": []}
    assert sorted(os.listdir(job.run.path)) == ["claim", "outcome.json", "output", "stderr.log", "stdout.log"]


@pytest.mark.parametrize("argv", [("no-such-command-anywhere",), ("nul\0byte",), ("true", "nul\0byte"), ("true", "\ud800")])
def test_a_command_that_cannot_be_started_says_why(make: Make, argv: tuple[str, ...]) -> None:
    job = make(*argv)
    assert job.finish()["exit_code"] in (126, 127)
    assert Path(job.run.stderr).read_text().startswith("reprun: cannot run ")


def test_the_words_reach_the_job_as_they_are(make: Make) -> None:
    words = ["$HOME `id`", "a\nb", "", "'\"\\", "#(touch x)", "*", "-n", "\udcff", "ünï"]
    job = make(sys.executable, "-c", "import os, sys; os.write(1, b'\\0'.join(map(os.fsencode, sys.argv[1:])))", *words)
    job.finish()
    assert Path(job.run.stdout).read_bytes() == b"\0".join(map(os.fsencode, words))


def test_where_and_how_the_job_runs(make: Make) -> None:
    code = (
        "import os, signal, sys\n"
        "print(os.getcwd(), sorted(os.environ), oct(os.umask(0)), os.getsid(0) == os.getpid())\n"
        "print(sys.stdin.read(), sorted(int(name) for name in os.listdir('/proc/self/fd')))\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []), open('/proc/self/status').read().split('SigIgn:')[1].split()[0])\n"
    )
    job = make(sys.executable, "-S", "-c", code, umask=0o027)
    job.finish()
    lines = Path(job.run.stdout).read_text().splitlines()
    names = ["LC_CTYPE", "PATH", "PYTHONPATH", "REPRUN_METRICS", "REPRUN_RUN_ID", "SECRET"]
    seen = lines[0].replace("'LC_CTYPE', ", "")
    assert seen == f"{job.plan['cwd']} {names[1:]} 0o27 True"
    assert lines[1] == " [0, 1, 2, 3]"  # 3 is the listing itself
    assert lines[2].startswith("set()")
    # Python itself ignores PIPE and XFSZ; 32 and above are the C library's own, which nobody can set.
    assert int(lines[2].split()[-1], 16) & ~(1 << 12 | 1 << 24) & (1 << 31) - 1 == 0


def test_it_starts_nothing_of_its_own_python(make: Make) -> None:
    """-I -S: no site packages, no variables for Python, nothing imported from the current folder."""
    job = make("true")
    Path(job.run.path, "os.py").write_text("raise SystemExit(99)")
    words = [sys.executable, "-I", "-S", os.path.dirname(sys.modules["reprun.runner"].__file__ or ""), "supervise", job.run.path]
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": job.run.path, "PYTHONSTARTUP": "x"}
    assert subprocess.run(words, cwd=job.run.path, env=env, check=False).returncode == 0
    assert job.state == "finished"


def test_secrets_are_gone_once_the_job_runs(make: Make) -> None:
    job = make(*sh("echo up; sleep 600"))
    job.start()
    job.printed("up")
    for path in Path(job.run.path).rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def test_folders_and_files_are_private(make: Make) -> None:
    job = make("true")
    job.finish()
    for path in Path(job.run.path).iterdir():
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert path.is_symlink() or mode == (0o700 if path.is_dir() else 0o600), path


def test_long_logs_are_whole(make: Make) -> None:
    """Both at once, from two processes, faster than anything could copy them."""
    job = make(*sh("seq 300000 & seq 300000 >&2; wait"))
    job.finish()
    expected = "".join(f"{number}\n" for number in range(1, 300001))
    assert Path(job.run.stdout).read_text() == expected
    assert Path(job.run.stderr).read_text() == expected


def test_a_second_supervisor_does_nothing(make: Make) -> None:
    job = make(*sh("echo up >> $REPRUN_METRICS; echo up; sleep 600"))
    first = job.start()
    job.printed("up")
    before = job.started
    assert job.supervise().wait(60) == 0
    assert job.started == before and first.poll() is None
    assert Path(job.run.metrics).read_text() == "up\n"


def test_a_second_supervisor_after_the_end_does_nothing(make: Make) -> None:
    job = make(*sh("echo once; exit 3"))
    outcome = job.finish()
    Path(job.run.launch).write_text("{}")
    assert job.supervise().wait(60) == 0
    assert job.outcome == outcome and Path(job.run.stdout).read_text() == "once\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGQUIT])
def test_signals_are_passed_on(make: Make, number: signal.Signals) -> None:
    job = make(*sh(f"trap 'echo got; exit 9' {number.name[3:]}; echo up; while :; do sleep 0.05; done"))
    process = job.start()
    job.printed("up")
    process.send_signal(number)
    process.wait(60)
    assert job.words == ("failed", "", 9)


def test_a_hang_up_ends_nothing(make: Make, tmp_path: Path) -> None:
    job = make(*sh('echo up; while ! test -e "$GO"; do sleep 0.02; done; exit 4'), env={"GO": str(tmp_path / "go")})
    process = job.start()
    job.printed("up")
    for number in (signal.SIGHUP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
        process.send_signal(number)
    (tmp_path / "go").touch()
    assert process.wait(60) == 4
    assert job.words == ("failed", "", 4)


def test_metrics_and_outputs_are_collected(make: Make, home: Path) -> None:
    code = (
        "import json, os\n"
        "folder = os.path.dirname(os.environ['REPRUN_METRICS']) + '/output'\n"
        "os.makedirs(folder + '/sub'); open(folder + '/sub/model.bin', 'wb').write(b'model')\n"
        "os.symlink('sub', folder + '/link'); open(os.fsencode(folder) + b'/bad\\xff', 'w').close()\n"
        "open(os.environ['REPRUN_METRICS'], 'w').write('{\"loss\": 2}\\nnoise\\n{\"loss\": 1}\\n')\n"
    )
    outcome = make(sys.executable, "-c", code).finish()
    assert outcome["metrics"] == {"loss": {"last": 1, "min": 1, "max": 2, "count": 2}} and outcome["metrics_skipped"] == 1
    assert [entry["path"] for entry in outcome["outputs"]] == ["bad\\udcff", "link", "sub/model.bin"]
    assert outcome["outputs"][2]["size"] == 5 and len(outcome["outputs"][2]["sha256"]) == 64


def test_a_job_that_changes_its_tree_is_found_out(make: Make) -> None:
    outcome = make(*sh("chmod -R u+w . && echo changed >> train.py && touch extra.py")).finish()
    assert outcome["worktree"] == {"modified": True, "paths": ["train.py", "extra.py"]}


def test_usage_and_time_are_recorded(make: Make) -> None:
    outcome = make(sys.executable, "-c", "x = bytearray(100 << 20); sum(range(3_000_000))").finish()
    assert outcome["peak_memory"] > 100 << 20
    assert outcome["cpu_seconds"] > 0 and 0 < outcome["seconds"] <= outcome["ended"] - outcome["started"] + 1
    assert outcome["host"]["hostname"] == os.uname().nodename and outcome["host"]["cpus"] > 0


def test_a_launch_without_a_plan_is_left_alone(home: Path) -> None:
    run = RunDir(str(home / "runs" / "20261121-031622-empty0"))
    os.makedirs(run.path)
    words = [sys.executable, "-I", "-S", os.path.dirname(sys.modules["reprun.runner"].__file__ or ""), "supervise", run.path]
    assert subprocess.run(words, check=False).returncode == 0
    assert os.listdir(run.path) == []


def test_what_a_job_leaves_behind_is_counted(make: Make) -> None:
    job = make(*sh("setsid sleep 600 & exit 0"))
    outcome = job.finish()
    assert outcome["left_behind"] == len(strays(job.run.run_id)) == 1
    assert job.state == "finished"


def test_the_path_of_python_is_the_job_s_own_and_behind_it_reprun_job(make: Make) -> None:
    """No part of it is empty, which would be the current folder, and nothing else of ours can be imported."""
    for own, before in ((None, []), ("", []), ("/a:/b", ["/a", "/b"])):
        job = make(*sh("echo $PYTHONPATH"), env={} if own is None else {"PYTHONPATH": own})
        job.finish()
        *first, last = Path(job.run.stdout).read_text().strip().split(":")
        assert first == before and os.listdir(last) == ["reprun_job"]


class TestLimit:
    """A job is ended after so many steps of its metrics, or seconds; what it does after its last step is its own affair."""

    def test_steps(self, make: Make) -> None:
        write = 'for s in 1 2 3; do echo "{\\"step\\": $s, \\"a\\": 1}"; echo no json; echo "{\\"step\\": $s, \\"b\\": 1}"; done'
        job = make(*sh(f"({write}) >> $REPRUN_METRICS; sleep 600"), limit={"steps": 2})
        outcome = job.finish()
        assert (outcome["state"], outcome["stopped_by"], outcome["limit"]) == ("stopped", "TERM", "steps")
        job = make(*sh(f"({write}) >> $REPRUN_METRICS; exit 3"), limit={"steps": 3})
        outcome = job.finish()
        assert outcome["state"] == "failed" and "limit" not in outcome

    def test_seconds_and_a_job_that_does_not_listen(self, make: Make) -> None:
        job = make(*sh("trap '' TERM; echo up; while :; do sleep 0.1; done"), limit={"seconds": 1, "grace": 0.1})
        outcome = job.finish()
        assert (outcome["state"], outcome["stopped_by"], outcome["limit"]) == ("stopped", "KILL", "seconds")

    def test_metrics_that_are_no_file(self, make: Make) -> None:
        job = make(*sh("mkfifo $REPRUN_METRICS; sleep 600"), limit={"steps": 1, "seconds": 2})
        assert job.finish()["limit"] == "seconds"
