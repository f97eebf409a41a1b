"""One class for each promise of the design that runs on this machine keep. The wording is the promise's own."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from pathlib import Path

import pytest
from e2e_lab import Reprun, fingerprint, is_alive, kill, launch, output_of, pid, run, says_nicely, show, wait
from lab import REPRUN, Run, until

pytestmark = [pytest.mark.e2e, pytest.mark.cold]


class TestTheDevTreeIsSacred:
    """No command writes to the user's worktree, index, HEAD, branch or stash."""

    def test_no_command_writes_to_it(self, repo: Path, git: Run, reprun: Reprun) -> None:
        (repo / "staged").write_text("1")
        git("add", "staged")
        (repo / "train.py").write_text("print('dirty')\n")
        git("stash", "-q")
        git("stash", "apply", "-q")
        (repo / "untracked").write_text("2")
        before = self.user_s(repo, git)
        data = run(reprun, "--name", "one", "--config", "conf/base.yaml", "--", "sh", "-c", "echo x > $REPRUN_OUTPUT/o")
        for words in (
            ["reproduce", "one"],
            ["resume", "one"],
            ["stop", "one"],
            ["wait", "one"],
            ["diff", "one", "@last"],
            ["gc", "--yes", "--keep", "0"],
            ["doctor"],
            ["snapshot"],
        ):
            assert reprun(*words).rc == 0, words
            assert self.user_s(repo, git) == before, words
        assert git("rev-parse", data["commit"] + "^") == git("rev-parse", "HEAD")

    def test_a_job_that_tries_to_write_to_it_by_git_cannot(self, repo: Path, git: Run, reprun: Reprun) -> None:
        before = self.user_s(repo, git)
        output_of(reprun, "--", "sh", "-c", "git config user.name evil; git branch evil; git stash; git checkout -q HEAD~0; true")
        assert self.user_s(repo, git) == before

    def user_s(self, repo: Path, git: Run) -> tuple[object, ...]:
        files = {path: facts for path, facts in fingerprint(repo).items() if "/.git" not in path}
        own = [(repo / ".git" / name).read_bytes() for name in ("index", "HEAD", "config")]
        return files, own, git("for-each-ref", "refs/heads", "refs/tags", "refs/stash"), git("reflog"), git("stash", "list")


class TestTheRecordedCommitIsTheCodeThatRan:
    """HEAD and the tree are verified after checkout, and again when the job ends."""

    def test_edits_after_the_launch_are_not_what_runs(self, repo: Path, reprun: Reprun, tmp_path: Path) -> None:
        gate = tmp_path / "gate"
        data = launch(reprun, "--", "sh", "-c", f"until [ -e {gate} ]; do sleep 0.02; done; python train.py")
        (repo / "train.py").write_text("print('edited')\n")
        gate.touch()
        wait(reprun, data["run_id"])
        assert reprun("logs", data["run_id"]).stdout == "training\n"

    @pytest.mark.parametrize(
        "damage", ["echo x >> train.py", "rm train.py", "touch stray", "chmod +x train.py", "ln -sf /dev/null train.py"]
    )
    def test_a_damaged_worktree_is_mended_before_the_next_start(self, repo: Path, git: Run, reprun: Reprun, damage: str) -> None:
        first = run(reprun, "--", "true")
        subprocess.run(["sh", "-c", f"chmod u+w . train.py; {damage}; chmod u-w ."], cwd=first["worktree"], check=True)
        second = run(reprun, "--", "sh", "-c", "git rev-parse HEAD; git status --porcelain; ls; cat train.py")
        assert reprun("logs", second["run_id"]).stdout == f"{first['commit']}\nconf\ntrain.py\nprint('training')\n"
        assert show(reprun, second["run_id"])["outcome"]["worktree"]["modified"] is False

    def test_a_change_by_the_job_is_recorded(self, repo: Path, reprun: Reprun) -> None:
        data = run(reprun, "--", "sh", "-c", "chmod u+w train.py; echo x >> train.py")
        assert show(reprun, data["run_id"])["outcome"]["worktree"] == {"modified": True, "paths": ["train.py"]}


class TestARunIsStartedAtMostOnceAndNeverForgotten:
    """kill -9, lost replies, reboots, double launches. The crash matrix is in test_crash.py."""

    def test_a_supervisor_started_a_second_time_does_nothing(self, repo: Path, reprun: Reprun, tmp_path: Path) -> None:
        counter = tmp_path / "counter"
        data = launch(reprun, "--", "sh", "-c", f"echo started >> {counter}; sleep 60")
        words = Path("/proc", str(pid(data, "supervisor")), "cmdline").read_bytes().split(b"\0")[:-1]
        assert subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode == 0
        assert reprun("resume", data["run_id"]).rc == 0
        reprun("stop", data["run_id"])
        assert subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode == 0
        assert counter.read_text() == "started\n"
        assert show(reprun, data["run_id"])["state"] == "stopped"

    def test_a_lost_run_is_listed_and_never_started_again(self, repo: Path, reprun: Reprun, tmp_path: Path) -> None:
        counter = tmp_path / "counter"
        data = launch(reprun, "--", "sh", "-c", f"echo started >> {counter}; sleep 60")
        until(counter.exists)
        kill(pid(data, "supervisor"), pid(data, "job"))
        reprun("resume", data["run_id"])
        reprun("gc", "--yes", "--keep", "0")
        assert [(row["run_id"], row["state"]) for row in reprun("ls", "--json").data] == [(data["run_id"], "lost")]
        assert counter.read_text() == "started\n"

    def test_the_index_is_a_cache(self, repo: Path, reprun: Reprun) -> None:
        run(reprun, "--name", "one", "--", "true")
        before = reprun("ls", "--json").data
        for damage in (
            lambda path: path.unlink(),
            lambda path: path.write_bytes(b"no database"),
            lambda path: path.write_bytes(b""),
        ):
            damage(repo / ".git" / "reprun" / "index.sqlite")
            assert reprun("ls", "--json").data == before


class TestLookingChangesNothing:
    """status, ls, show, logs alter no state; every command is in test_looking_changes_nothing.py."""

    def test_looking_at_a_live_job_does_not_end_it(self, repo: Path, reprun: Reprun) -> None:
        data = launch(reprun, "--", "sleep", "60")
        job = pid(data, "job")
        for words in (["status"], ["ls"], ["show", "@last"], ["logs", "@last"], ["ls", "--state", "running"]):
            assert reprun(*words).rc == 0
        assert is_alive(job) and reprun("status", "--json").data[0]["state_words"] == "running"

    def test_looking_waits_for_nobody(self, repo: Path, reprun: Reprun) -> None:
        run(reprun, "--", "true")
        locks = [repo / ".git" / "index.lock", repo / ".git" / "packed-refs.lock", repo / ".git" / "HEAD.lock"]
        for lock in locks:
            lock.touch()
        assert [reprun(*words).rc for words in (["ls"], ["status"], ["show", "@last"], ["logs", "@last"])] == [0, 0, 0, 0]


class TestWhatTheManifestSaysIsFinal:
    """It is written before the start and never edited; the outcome lies beside it."""

    def test_it_is_there_before_the_first_instruction_and_the_same_at_the_end(self, repo: Path, git: Run, reprun: Reprun) -> None:
        data = run(reprun, "--", "sh", "-c", 'cat "$(dirname "$REPRUN_OUTPUT")/manifest.toml"')
        seen = reprun("logs", data["run_id"]).stdout
        assert seen == Path(data["run_dir"], "manifest.toml").read_text()
        assert seen.strip() == git("cat-file", "blob", f"refs/reprun/manifests/{data['run_id']}").strip()
        assert seen.startswith('seal = "sha256:')
        outcome = json.loads(Path(data["run_dir"], "outcome.json").read_text())
        assert outcome == json.loads(git("cat-file", "blob", f"refs/reprun/outcomes/{data['run_id']}"))

    def test_the_seal_is_the_digest_of_the_rest(self, repo: Path, reprun: Reprun) -> None:
        from hashlib import sha256

        first, _, rest = Path(run(reprun, "--", "true")["run_dir"], "manifest.toml").read_bytes().partition(b"\n")
        assert first == f'seal = "sha256:{sha256(rest).hexdigest()}"'.encode()


class TestASnapshotIsOneMoment:
    """Files that change while it is taken are noticed; it is tried again, then refused."""

    def test_a_writer_never_leaves_a_mixture(self, repo: Path, git: Run, reprun: Reprun) -> None:
        names = [f"{number:02}" for number in range(40)]
        over = threading.Event()

        def keep_writing() -> None:
            count = 0
            while not over.is_set():
                count += 1
                for name in names:  # in order: at any moment the numbers fall by one at one place at most
                    (repo.parent / "aside").write_text(f"{count:08}")
                    (repo.parent / "aside").rename(repo / name)  # no file is ever empty or half written
                over.wait(0.02 * (count % 5))

        for name in names:
            (repo / name).write_text("00000000")
        writer = threading.Thread(target=keep_writing)
        writer.start()
        try:
            answers = [reprun("launch", "--json", "--", "true") for _ in range(3)]
        finally:
            over.set()
            writer.join()
        for answer in answers:
            if answer.rc == 3:
                assert "keeps changing" in answer.stdout
                continue
            found = [int(git("cat-file", "blob", f"{answer.data['commit']}:{name}")) for name in names]
            assert found == sorted(found, reverse=True) and found[0] - found[-1] <= 1, found

    def test_an_overwrite_within_one_second_is_noticed(self, repo: Path, git: Run, reprun: Reprun) -> None:
        """Git compares times in whole seconds, and a long read may end in another second than it began in."""
        (repo / "m.large").write_bytes(os.urandom(60 << 20))  # read after `a-first`, before `z-last`, for about a second
        for name in ("a-first", "z-last"):
            (repo / name).write_bytes(b"A")
        time.sleep((1.45 - time.time() % 1) % 1)
        for name in ("a-first", "z-last"):
            (repo / name).write_bytes(b"A")
        launching = subprocess.Popen([REPRUN, "launch", "--json", "--", "true"], stdout=subprocess.PIPE)
        time.sleep(0.45)
        for name in ("a-first", "z-last"):  # in this order: the old first beside the new last never was
            with open(repo / name, "r+b") as file:
                file.write(b"B")
        answer = json.loads(launching.communicate()[0])
        if launching.returncode == 0:
            first, last = (git("cat-file", "blob", f"{answer['data']['commit']}:{name}") for name in ("a-first", "z-last"))
            assert first + last in ("AA", "BA", "BB")


class TestNothingSecretOrHugeIsCommittedByAccident:
    """A guard looks at every file that the snapshot would add, before an object is written."""

    def test_it_is_refused_before_anything_is_written(self, repo: Path, git: Run, reprun: Reprun) -> None:
        (repo / "weights.bin").write_bytes(bytes(11 << 20))
        (repo / ".env").write_text("A=1\n")
        (repo / "train.py").write_text('key = "AKIAIOSFODNN7EXAMPLE"\n')
        before = fingerprint(repo / ".git" / "objects")
        answer = reprun("launch", "--", "true")
        assert answer.rc == 3 and says_nicely(answer)
        for words in ("weights.bin", "11.0 MiB", ".env", "train.py", "AWS", ".gitignore", "[guard]"):
            assert words in answer.stderr
        assert fingerprint(repo / ".git" / "objects") == before
        assert git("for-each-ref", "refs/reprun") == "" and reprun("ls", "--json").data == []

    def test_the_lines_that_it_prints_are_the_way_on(self, repo: Path, reprun: Reprun) -> None:
        (repo / "weights.bin").write_bytes(bytes(11 << 20))
        (repo / "train.py").write_text('key = "AKIAIOSFODNN7EXAMPLE"\n')
        hint = reprun("launch", "--", "true").stderr.partition("hint: ")[2].splitlines()
        subprocess.run(["sh", "-c", hint[0]], cwd=repo, check=True)
        (repo / "reprun.toml").write_text("\n".join(hint[-2:]))
        data = run(reprun, "--", "true")
        assert [item["path"] for item in show(reprun, data["run_id"])["manifest"]["allowed"]] == ["train.py"]


class TestAManifestIsData:
    """Nothing in it, in a config, a name or a parameter is ever interpreted by a shell that we write."""

    @pytest.mark.parametrize(
        "text",
        ["$(touch {0})", "`touch {0}`", "; touch {0} #", "'; touch {0}; '", '"; touch {0}; "', "#(touch {0})", "\n touch {0}\n"],
    )
    def test_nothing_is_executed(self, repo: Path, reprun: Reprun, tmp_path: Path, text: str) -> None:
        (repo / "sub").mkdir()
        evil = text.format(tmp_path / "pwned")
        (repo / "c.json").write_text(json.dumps({"key": evil}))
        (repo / "reprun.toml").write_text(f"[env]\nEVIL = {json.dumps(evil)}\n")
        words = ["--name", evil, "-m", evil, "--config", "c.json", "--", "printf", "%s|", evil, "{key}", "--x={key}"]
        data = run(reprun, *words)
        said = reprun("logs", data["run_id"]).stdout
        assert said == f"{evil}|{evil}|--x={evil}|"
        for looking in (["ls"], ["status"], ["show", "@last"], ["show", evil], ["diff", "@last", "@last"]):
            assert reprun(*looking).rc == 0
        assert reprun("reproduce", evil).rc == 7  # nothing to compare; but it ran
        assert not (tmp_path / "pwned").exists() and not list(repo.rglob("pwned"))


class TestEveryRefusalSaysWhatWhyAndTheCommandToTypeNext:
    """A table of wrong inputs is in test_errors.py."""

    def test_what_is_hinted_at_can_be_typed(self, repo: Path, reprun: Reprun) -> None:
        data = launch(reprun, "--", "sleep", "60")
        reprun("stop", data["run_id"])
        for words in (["attach", "@last"], ["init"], ["show", "nobody"], ["launch", "--", "no-such-program"]):
            answer = reprun(*words)
            assert answer.rc == 0 or says_nicely(answer), answer
        hint = reprun("attach", "@last").stderr.partition("hint: ")[2].split()
        assert hint[:2] == ["reprun", "logs"] and reprun(*hint[1:]).rc == 0

    def test_after_a_run_id_exists_an_error_names_it(self, repo: Path, reprun: Reprun) -> None:
        answer = reprun("launch", "--", "true", env={"REPRUN_HOME": "/dev/null"})
        assert answer.rc == 5 and "nothing is running" in answer.stderr and "reprun resume " in answer.stderr
        run_id = answer.stderr.rpartition("reprun resume ")[2].split()[0]
        assert reprun("resume", run_id).rc == 0 and wait(reprun, run_id)["state_words"] == "finished 0"
        assert os.environ["REPRUN_HOME"] in show(reprun, run_id)["run_dir"]
