"""Wrong input, one row each: a documented exit status, no traceback, one sentence and something to type next."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from e2e_lab import Reprun, launch, run, says_nicely
from lab import REPRUN, Run, unprivileged

pytestmark = pytest.mark.e2e
BYTES = os.fsdecode(b"\xff")
WRONG = [
    (2, ["nonsense"]),
    (2, ["--nonsense"]),
    (2, ["ls", "--nonsense"]),
    (2, ["ls", "extra"]),
    (2, ["ls", "--state", "nonsense"]),
    (2, ["ls", "--since", "nonsense"]),
    (2, ["ls", "--where", "nonsense"]),
    (2, ["ls", "--commit", "nonsense"]),
    (2, ["ls", "-n", "0"]),
    (2, ["show"]),
    (2, ["show", ""]),
    (2, ["show", "@first"]),
    (2, ["show", "@last~x"]),
    (6, ["show", "nobody"]),
    (6, ["show", "@last"]),
    (6, ["show", "20261121-031622-m4k7qx"]),
    (6, ["logs", "nobody"]),
    (6, ["attach", "nobody"]),
    (6, ["stop", "nobody"]),
    (2, ["stop", "nobody", "--grace", "-1"]),
    (6, ["wait", "nobody"]),
    (2, ["wait"]),
    (6, ["diff", "nobody", "nobody"]),
    (6, ["resume", "nobody"]),
    (6, ["reproduce", "nobody"]),
    (2, ["reproduce", "nobody", "--tolerance", "x"]),
    (2, ["gc", "--keep", "-1"]),
    (2, ["launch"]),
    (2, ["launch", "--"]),
    (2, ["launch", "--", ""]),
    (3, ["launch", "--", "no-such-program"]),
    (3, ["launch", "--", "./no-such-file"]),
    (3, ["launch", "--", "./train.py"]),
    (2, ["launch", "--", "true", "{nonsense}"]),
    (2, ["launch", "--", "true", "{config}"]),
    (2, ["launch", "--config", "conf/base.yaml", "--", "true", "{l}"]),
    (2, ["launch", "--config", "no-such.yaml", "--", "true"]),
    (2, ["launch", "--config", "train.py", "--", "true"]),
    (2, ["launch", "--config", "bad.yaml", "--", "true"]),
    (2, ["launch", "--config", "bad.json", "--", "true"]),
    (2, ["launch", "--config", "bad.toml", "--", "true"]),
    (2, ["launch", "--config", "conf", "--", "true"]),
    (2, ["launch", "--config", "conf/base.yaml", "--set", "nonsense=1", "--", "true"]),
    (2, ["launch", "--config", "conf/base.yaml", "--set", "lr", "--", "true"]),
    (2, ["launch", "--config", "conf/base.yaml", "--set", "lr=1", "--set", "lr=2", "--", "true"]),
    (2, ["launch", "--config", "conf/base.yaml", "--set", "lr.x=1", "--", "true"]),
    (2, ["launch", "--set", "lr=1", "--", "true"]),
    (2, ["launch", "--seed", "-1", "--", "true"]),
    (2, ["launch", "--seed", "4294967296", "--", "true"]),
    (2, ["launch", "--seed", "x", "--", "true"]),
    (2, ["launch", "--on", "mars", "--", "true"]),
    (2, ["launch", "--gpus", "all of them", "--", "true"]),
    (2, ["launch", "--gpus", "0,0", "--", "true"]),
    (2, ["launch", "--name", "@last", "--", "true"]),
    (2, ["launch", "--name", "2026", "--", "true"]),
    (2, ["launch", "--name", "n" * 1000, "--", "true"]),
    (2, ["launch", "--name", BYTES, "--", "true"]),
    (2, ["launch", "--", "true", BYTES]),
    (2, ["launch", "--nonsense", "--", "true"]),
]


@pytest.fixture
def wrong(repo: Path) -> Path:
    (repo / "bad.yaml").write_text("a: [1\n")
    (repo / "bad.json").write_text("{1}")
    (repo / "bad.toml").write_text("= 1")
    return repo


@pytest.mark.parametrize(("code", "words"), WRONG, ids=lambda value: " ".join(value)[:60] if isinstance(value, list) else None)
def test_wrong_words(wrong: Path, git: Run, reprun: Reprun, code: int, words: list[str]) -> None:
    answer = reprun(*words)
    assert answer.rc == code and says_nicely(answer), answer
    assert answer.stdout == "" and len(answer.stderr.splitlines()) <= 3
    at = words.index("--") if "--" in words else len(words)
    as_json = reprun(*words[:at], "--json", *words[at:])
    envelope = as_json.json
    assert set(envelope) == {"reprun_result_version", "command", "ok", "exit_code", "data", "error"}
    assert (as_json.rc, envelope["ok"], envelope["data"], as_json.stderr) == (envelope["exit_code"], False, None, "")
    assert set(envelope["error"]) == {"message", "hint"} and envelope["error"]["message"]
    assert git("for-each-ref", "refs/reprun") == "" and reprun("status", "--json").data == []  # nothing happened


@pytest.mark.parametrize("text", [BYTES, "a\nb", "*", "-x", "'", "@", "~", "é", "x" * 5000])
def test_odd_names_of_runs(repo: Path, reprun: Reprun, text: str) -> None:
    for words in (["show"], ["wait"], ["logs"], ["reproduce"]):
        answer = reprun(*words, "--", text)
        assert answer.rc in (2, 6) and says_nicely(answer), answer
    assert reprun("ls", "--name", text, "--json").rc in (0, 2)


@pytest.mark.parametrize(
    "words", [["launch", "--", "true"], ["ls"], ["status"], ["show", "x"], ["snapshot"], ["init"], ["gc"]], ids=" ".join
)
def test_no_repository(repo: Path, git: Run, reprun: Reprun, tmp_path: Path, words: list[str]) -> None:
    git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    for folder in (tmp_path, tmp_path / "bare.git", repo / ".git"):
        answer = reprun(*words, cwd=folder)
        assert answer.rc == 2 and says_nicely(answer), answer


def test_the_doctor_looks_at_a_machine_without_a_repository(repo: Path, git: Run, reprun: Reprun, tmp_path: Path) -> None:
    git("init", "-q", "--bare", str(tmp_path / "bare.git"))
    for folder in (tmp_path, tmp_path / "bare.git"):
        found = {one["subject"]: one for one in reprun("doctor", "--json", cwd=folder).data}
        assert list(found) == ["git", "tmux", "home", "python", "repository"]
        assert found["git"]["status"] == "ok" and found["repository"]["status"] == "warn" and found["repository"]["hint"]
    (repo / "reprun.toml").write_text("a = [")
    for words in (["doctor"], ["doctor", "--mend"]):
        assert reprun(*words).rc == 2 and reprun("doctor", "--mend", cwd=tmp_path).rc == 2


def test_a_folder_that_is_gone(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    words = ["sh", "-c", 'rmdir ../gone; exec "$0" ls', REPRUN]
    done = subprocess.run(words, cwd=tmp_path / "gone", capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "error: " in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("missing", ["git", "tmux"])
def test_a_tool_that_is_not_installed(repo: Path, reprun: Reprun, tmp_path: Path, missing: str) -> None:
    for program in {"git", "tmux", "true", "sh"} - {missing}:
        path = shutil.which(program)
        assert path
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / program).symlink_to(path)
    answer = reprun("launch", "--", "true", env={"PATH": str(tmp_path / "bin")})
    assert answer.rc == 5 and f"{missing} is not installed" in answer.stderr and says_nicely(answer)


@pytest.mark.parametrize("place", ["/proc/nowhere", "/dev/null", "/dev/null/below", "/x" * 2500, "/tmp/" + "x" * 300])
def test_a_home_that_cannot_be(repo: Path, reprun: Reprun, place: str) -> None:
    answer = reprun("launch", "--", "true", env={"REPRUN_HOME": place})
    assert answer.rc in (2, 3, 5) and says_nicely(answer), answer
    for words in (["ls"], ["status"], ["doctor"], ["gc"]):
        answer = reprun(*words, env={"REPRUN_HOME": place})
        assert answer.rc in (0, 3, 5) and "Traceback" not in answer.stderr, (words, answer)
    assert "home" in reprun("doctor", env={"REPRUN_HOME": place}).stdout
    if place == "/dev/null":  # the launch is on record, and went no further
        for words in (["reproduce", "@last"], ["diff", "@last", "@last"], ["pull", "@last"]):
            answer = reprun(*words)
            assert answer.rc == 6 and "hint: reprun resume 2" in answer.stderr and says_nicely(answer), answer


@pytest.mark.needs("setpriv")
def test_folders_that_may_not_be_written(repo: Path, home: Path, reprun: Reprun) -> None:
    home.chmod(0o500)
    done = unprivileged(REPRUN, "launch", "--", "true")
    home.chmod(0o700)
    assert done.returncode == 5 and "hint: " in done.stderr and "Traceback" not in done.stderr
    folders = [where for where, _, _ in os.walk(repo / ".git")]
    for folder in folders:
        os.chmod(folder, 0o500)
    done = unprivileged(REPRUN, "launch", "--", "true")
    looks = [unprivileged(REPRUN, *words) for words in (["ls"], ["status"], ["snapshot"])]
    for folder in folders:
        os.chmod(folder, 0o700)
    assert done.returncode in (3, 5) and "hint: " in done.stderr and "Traceback" not in done.stderr, done
    assert [look.returncode for look in looks] == [0, 0, 0], looks


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full"])
def test_streams_that_are_closed_or_full(repo: Path, reprun: Reprun, closed: str) -> None:
    script = f'"$0" launch --name odd -- sh -c "echo out; echo err >&2" {closed}'
    done = subprocess.run(["sh", "-c", script, REPRUN], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stdout + done.stderr and done.returncode in (0, 5)
    assert reprun("wait", "odd").rc == 0 and reprun("logs", "odd").stdout == "out\nerr\n"
    for words in ("ls", "ls --json", "show odd", "logs odd"):
        done = subprocess.run(["sh", "-c", f'"$0" {words} {closed}', REPRUN], capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stdout + done.stderr and done.returncode in (0, 5), (words, done)


def test_a_reader_that_goes_away(repo: Path, reprun: Reprun) -> None:
    run(reprun, "--", "true")
    for words in ("ls --json", "show @last", "--help", "logs @last"):
        script = f'("$0" {words}; echo $? >&2) | head -c 1 >/dev/null'
        done = subprocess.run(["sh", "-c", script, REPRUN], capture_output=True, text=True, check=False)
        assert done.stderr.strip() == "0", (words, done)


def test_a_tmux_that_starts_nothing(repo: Path, reprun: Reprun, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tmux").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "bin" / "tmux").chmod(0o755)
    answer = reprun("launch", "--", "true", env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"})
    assert answer.rc == 5 and says_nicely(answer) and "reprun resume" in answer.stderr, answer


def test_unfinished_git_work_is_refused(repo: Path, git: Run, reprun: Reprun) -> None:
    git("checkout", "-q", "-b", "other")
    (repo / "train.py").write_text("other")
    git("commit", "-qam", "other")
    git("checkout", "-q", "main")
    (repo / "train.py").write_text("main")
    git("commit", "-qam", "main")
    git("merge", "other", check=False)
    answer = reprun("launch", "--", "true")
    assert answer.rc == 3 and "merge" in answer.stderr and says_nicely(answer)


def test_settings_that_are_wrong(repo: Path, reprun: Reprun) -> None:
    for text in ("nonsense = 1", "auto_commit = 3", "= 1", '[env]\n"a b" = 1', 'writable = ["../x"]', "[launch]\ngrace = -1"):
        (repo / "reprun.toml").write_text(text)
        answer = reprun("launch", "--", "true")
        assert answer.rc == 2 and "reprun.toml" in answer.stderr and "Traceback" not in answer.stderr, answer
    assert reprun("init").rc == 3 and reprun("init", "--force").rc == 0
    assert launch(reprun, "--", "true")["state"] in ("running", "finished")
