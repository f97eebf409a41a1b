"""A repository and a home of their own, where a launch is killed at one instant: the place of a cell of the crash matrix."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tracer
from e2e_lab import fingerprint
from lab import REPRUN, Answer, end_processes_of, run_reprun
from traced import family_of

from reprun.runner.files import remove_tree

HOOKED = "[hooks]\ntimeout = 600"  # a repository with hooks
OWN_TREE = 'writable = ["outputs"]'
SETTINGS = ("", 'auto_commit = "branch"', OWN_TREE, f'auto_commit = "branch"\n{OWN_TREE}', HOOKED)
HOOKS = ("pre-launch", "post-launch", "post-run")
TRAIN = "print('training')\n"
FILES = 6
# The job says that it runs, then waits until it may go on, then shows the code that it ran with.
JOB = (
    'echo started >> "$0"; while [ ! -e "$0.go" ]; do sleep 0.02; done; cat train.py; '
    "! grep -q writable reprun.toml || echo x > outputs/new"
)
SECONDS = 60


@dataclass(frozen=True)
class Cell:
    """Where to kill whom: an effect as the tracer names it, or (random) a moment in seconds. And how the launch is set up."""

    effect: str = ""
    when: str = "before"
    who: str = "launch"
    runs_on: bool = False  # the job still runs while the launch is resumed and rubbish is collected
    settings: str = ""
    moment: float = 0.0
    queued: bool = False  # the launch goes through the queue
    package: str = ""  # a folder with another copy of the package, to see that a fault put into it is found

    @property
    def text(self) -> str:
        """A name for people, and for choosing it again."""
        what = self.effect or f"{self.moment:.4f}s"
        return " ".join(
            [
                what,
                self.when,
                self.who,
                "runs-on" if self.runs_on else "over",
                *["queued"][: self.queued],
                *self.settings.split("\n"),
            ]
        ).strip()


@dataclass
class Played:
    """What came of a cell."""

    reached: bool = False
    state: str = ""  # of the run in the end; "" when nothing was ever begun, or it was forgotten
    count: int = 0  # how often the job was executed
    problems: list[str] = field(default_factory=list)


class Place:
    """A repository, a home and a job of one cell, in a folder of their own."""

    def __init__(self, folder: Path, cell: Cell) -> None:
        self.cell = cell
        self.repo, self.home, self.counter = folder / "project", folder / "home", folder / "count"
        (folder / "gitconfig").write_text("[user]\n\tname = T\n\temail = t@localhost\n[init]\n\tdefaultBranch = main\n")
        self.env = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "TMUX", "REPRUN_"))},
            "HOME": str(folder),
            "PATH": os.pathsep.join([os.path.join(sys.prefix, "bin"), os.environ["PATH"]]),  # no shim that takes a second
            "REPRUN_HOME": str(self.home),
            "GIT_CONFIG_GLOBAL": str(folder / "gitconfig"),
            "GIT_CONFIG_NOSYSTEM": "1",
        }
        if cell.package:
            self.env["PYTHONPATH"] = cell.package
        (self.repo / "outputs").mkdir(parents=True)
        self._fill()
        self.counter.touch()
        if not cell.runs_on:
            Path(f"{self.counter}.go").touch()

    def _fill(self) -> None:
        for number in range(FILES):
            (self.repo / f"file{number}").write_text(str(number))
        (self.repo / "outputs" / "keep").write_text("")
        (self.repo / "reprun.toml").write_text(self.cell.settings + "\n")
        (self.repo / "train.py").write_text("print('older')\n")
        for words in (("init", "-q"), ("add", "--all"), ("commit", "-qm", "first"), ("stash", "list")):
            self.git(*words)
        (self.repo / "train.py").write_text(TRAIN)  # the tree is as it always is: edited, with new files
        (self.repo / "new file").write_text("new\n")
        self.git("add", "new file")
        for name in HOOKS if "[hooks]" in self.cell.settings else ():
            self.hook(name)

    def git(self, *words: str, check: bool = True) -> str:
        """git, as the user runs it."""
        done = subprocess.run(["git", *words], cwd=self.repo, env=self.env, capture_output=True, check=False)
        if check and done.returncode:
            raise AssertionError((words, done.stderr.decode("utf-8", "replace")))
        return done.stdout.decode("utf-8", "replace")

    def reprun(self, *words: str) -> Answer:
        """The installed command."""
        return run_reprun(*words, cwd=self.repo, env=self.env)

    def hook(self, name: str, status: int = 0) -> None:
        """A hook that says that it was run."""
        path = self.repo / ".git" / "hooks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\necho $REPRUN_HOOK >> '{self.counter}'\nexit {status}\n")
        path.chmod(0o755)

    def hooked(self, name: str) -> int:
        """How often a hook was run."""
        return self.counter.read_text().splitlines().count(name)

    def count(self) -> int:
        """How often the job was executed."""
        return self.counter.read_text().count("started\n")

    def user_s(self) -> tuple[object, ...]:
        """What belongs to the user; with a branch that reprun moves, the branch and the index but for their content."""
        own = self.repo / ".git"
        # Not .git: a git that outlives its killed launch may still be at work there.
        paths = fingerprint(*sorted(path for path in self.repo.iterdir() if path.name != ".git"))
        names = ["HEAD", "config"]
        refs = ["refs/heads", "refs/tags", "refs/stash", "refs/remotes"]
        if "branch" not in self.cell.settings:
            names.append("index")
        else:
            refs.remove("refs/heads")
        return paths, [(own / name).read_bytes() for name in names], self.git("for-each-ref", *refs)

    def index_agrees(self) -> bool:
        """With a branch that reprun moves: branch and index moved together, or neither did."""
        if self.git("log", "-1", "--format=%s") == "first\n":
            return self.git("diff", "--cached", "--name-only") == "new file\n"
        return self.git("diff", "--cached", "--name-only") == ""

    def begun(self) -> dict[str, dict[str, str]]:
        """The runs that anything is known of, with their rows."""
        return {row["run_id"]: row for row in self.reprun("ls", "-n", "100", "--json").data}

    @contextmanager
    def killed_launch(self, watch: Path) -> Iterator[str]:
        """Launches, kills as the cell says, and hands over the line of the tracer; whatever it traces ends with the block."""
        plan = {
            "watch": {"REPO": str(self.repo), "HOME": str(self.home)},
            "record": str(watch / "record"),
            "kill": self.cell.effect,
            "when": self.cell.when,
            "who": self.cell.who,
        }
        (watch / "plan.json").write_text(json.dumps(plan))
        words = [sys.executable, "-Es", tracer.__file__, str(watch / "plan.json")] if not self.cell.moment else []
        follow = ["--follow"] if "[hooks]" in self.cell.settings and not self.cell.runs_on else []  # sees the end itself
        words += [
            REPRUN,
            "launch",
            *follow,
            *["--queue"][: self.cell.queued],
            "--name",
            "cell",
            "--",
            "sh",
            "-c",
            JOB,
            str(self.counter),
        ]
        with open(watch / "stderr", "wb") as errors:
            process = subprocess.Popen(
                words, cwd=self.repo, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors
            )
        try:
            yield self._kill_at_random(process) if self.cell.moment else self._line(process)
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()

    def _line(self, process: subprocess.Popen[bytes]) -> str:
        """What the tracer says, once the launch is over and, unless the job waits for us, has had the time to be killed."""
        assert process.stdout is not None
        said: list[str] = []
        for line in process.stdout:
            if line.startswith((b"killed", b"ended ")):
                said.append(line.decode().strip())
            is_over = any(word.startswith("ended") for word in said)
            if is_over and ("killed" in said or self.cell.runs_on):
                break
        return "; ".join(said)

    def _kill_at_random(self, process: subprocess.Popen[bytes]) -> str:
        time.sleep(self.cell.moment)
        if process.poll() is not None and self.cell.who != "all":
            return f"ended {process.returncode}"
        for one in family_of(process.pid)[: 1 if self.cell.who == "self" else None]:
            _signal(one)
        if self.cell.who == "all":
            end_processes_of(str(self.home))
        return f"killed; ended {process.wait()}"

    def end_processes(self) -> None:
        """Ends all that still runs."""
        subprocess.run(["tmux", "-S", str(self.home / "tmux.sock"), "kill-server"], capture_output=True, check=False)
        end_processes_of(str(self.home))

    def end(self) -> None:
        """Ends all that is left of the cell, and removes it."""
        self.end_processes()
        remove_tree(str(self.home.parent))

    def left_behind(self, finished: dict[str, str]) -> list[str]:
        """What should not be there once all is resumed and collected; `finished` are the runs and their states."""
        allowed = [
            re.escape(f"{place}/{run_id}") for run_id in finished for place in ("refs/reprun/runs", "refs/reprun/manifests")
        ]
        allowed += [re.escape(f"refs/reprun/outcomes/{run_id}") for run_id in finished]
        allowed += [re.escape(f"reprun/journal/{run_id}.jsonl") for run_id in finished]
        allowed += [rf"reprun/hooks/{run_id}/p(re-launch|ost-launch|ost-run)\.(json|log)" for run_id in finished]
        manifests = [self.git("cat-file", "blob", f"refs/reprun/manifests/{run_id}", check=False) for run_id in finished]
        for capture in re.findall(r'^capture = "(\w+)"', "\n".join(manifests), re.MULTILINE):
            allowed += [f"refs/reprun/locks/{capture}", f"reprun/captures/{capture}"]
        own = self.repo / ".git"
        memos = (r"reprun/index\.sqlite(-journal|-wal|-shm)?", r"reprun/(conversions|settings\.json|last\.json|last-index-\w+)")
        pattern = re.compile("|".join([*allowed, *memos]))
        names = [str(path.relative_to(own)) for path in own.rglob("*") if not path.is_dir()]
        found = [name for name in names if name.startswith(("reprun/", "refs/reprun/")) and not pattern.fullmatch(name)]
        found += [name for name in names if name.endswith(".lock")]
        return found + self._left_at_home(finished)

    def _left_at_home(self, finished: dict[str, str]) -> list[str]:
        commits = {self.git("rev-parse", f"refs/reprun/runs/{run_id}", check=False).strip() for run_id in finished}
        known = (
            r"tmux\.sock(\.lock)?",
            r"cache/(interpreters|pycache|data|captures)/.*[^p]",
            r"repos/[^/]+\.git/(HEAD|config|reprun-config|reprun-stats\.json|reprun\.lock|objects/info/alternates|refs)",
            r"repos/[^/]+\.git/worktrees/(%s)/(HEAD|ORIG_HEAD|commondir|gitdir|index|logs/HEAD|reprun-(table|contents)\.json)",
            r"queue/(queue\.db(-wal|-shm)?|worker\.(log|lock|fifo)|[a-z]+\.lock)",
            r"worktrees/[^/]+/(%s)/.*",
            r"runs/(%s)/(claim(\.[0-9]+)?|manifest\.toml|outcome\.json|started\.json|std(out|err)\.log|metrics\.jsonl|tree/.*|output/.*)",
        )
        both = "|".join(sorted({*finished, *commits} - {""})) or "none"
        pattern = re.compile("|".join(part.replace("%s", both) for part in known))
        names = [str(path.relative_to(self.home)) for path in self.home.rglob("*") if path.is_symlink() or not path.is_dir()]
        return [f"home/{name}" for name in names if not pattern.fullmatch(name)]


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
