"""Kills of jobs, supervisors, workers and clients at random moments, while a queue is worked off.

`python tests/queue_chaos.py 500 600`: 500 tasks, kills for 600 seconds. Each job first appends a line: none twice, none that
finished without, no task lost, none left queued or running. Exit status 1 when anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "integration", "runner")]

from lab import end_processes_of, until  # noqa: E402
from queue_lab import OVER, QueueLab  # noqa: E402
from supervisor_lab import make_tree  # noqa: E402

from reprun.runner.queue_wake import find_worker  # noqa: E402

_CLIENT = "import json, sys; from reprun.runner.main import handle; handle(json.load(sys.stdin))"
WHO = ("job", "supervisor", "worker", "client")


class Chaos:
    """A queue with three slots in `folder`, and somebody who kills."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.chance = random.Random(seed)
        self.lab = QueueLab(folder / "home", _tree(folder))
        self.lab.do("slots", cpu_slots=3)
        self.runs: list[str] = []
        self.kills = Counter[str]()
        self.mean = 0.1  # seconds that a task takes, if it takes any

    def request(self) -> dict[str, Any]:
        """A task that appends its line and takes a moment; one in ten fails."""
        pause, status = self.chance.choice([0, self.chance.expovariate(1 / self.mean)]), self.chance.choice([0] * 9 + [3])
        return self.lab.request(("sh", "-c", f'echo $REPRUN_RUN_ID >> "$LOG"; sleep {pause:.3f}; exit {status}'), {})

    def enter(self, count: int) -> None:
        """A client enters runs, and may be killed; then it does it again, as `reprun resume` does."""
        import json

        requests = [self.request() for _ in range(count)]
        self.runs += [one["run_id"] for one in requests]
        text = json.dumps({"op": "enqueue", "home": self.lab.home.root, "entries": requests})
        for attempt in range(100):
            client = subprocess.Popen([sys.executable, "-c", _CLIENT], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            if attempt < 2 and self.chance.random() < 0.5:
                assert client.stdin is not None
                client.stdin.write(text)
                client.stdin.close()
                time.sleep(self.chance.random() * 0.3)
                client.kill()
                client.wait()
                self.kills["client"] += 1
                continue
            _, said = client.communicate(text)
            assert client.returncode == 0, said
            return

    def kill(self) -> None:
        """Kills somebody."""
        who = self.chance.choice(WHO[:3])
        worker = find_worker(self.lab.home)
        pids = [worker["process"]["pid"]] if worker else []
        if who == "supervisor":
            pids = children_of(pids[0]) if pids else []
        elif who == "job":
            pids = [pid for hand in (children_of(pids[0]) if pids else []) for pid in children_of(hand)]
        if pids:
            try:
                os.kill(self.chance.choice(pids), signal.SIGKILL)
                self.kills[who] += 1
            except ProcessLookupError:
                pass
        if not find_worker(self.lab.home):
            self.lab.do("resume")

    def play(self, tasks: int, seconds: float) -> list[str]:
        """Enters the tasks and kills for so long, and until all have been entered; what is wrong in the end."""
        begin, share = time.monotonic(), max(1, tasks // 10)
        self.mean = max(0.05, seconds * 3 / tasks)
        while len(self.runs) < tasks or time.monotonic() < begin + seconds:
            if len(self.runs) < tasks and (time.monotonic() - begin) / seconds >= len(self.runs) / tasks:
                self.enter(min(share, tasks - len(self.runs)))
            self.kill()
            time.sleep(self.chance.random() * min(0.4, seconds / tasks))
        self.lab.do("resume")
        until(self._is_over, "all tasks are over", 300)
        return self.wrong()

    def _is_over(self) -> bool:
        if not find_worker(self.lab.home):
            self.lab.do("resume")
        return all(self.lab.state(one) in OVER for one in self.runs)

    def wrong(self) -> list[str]:
        """What must not be."""
        lines, states = Counter(self.lab.lines()), {one: self.lab.state(one) for one in self.runs}
        found = [f"{one} ran {count} times" for one, count in lines.items() if count > 1]
        found += [f"{one} is {state} and never ran" for one, state in states.items() if state == "finished" and not lines[one]]
        found += [f"{one} is {state}" for one, state in states.items() if state not in ("finished", "failed", "lost")]
        until(lambda: not find_worker(self.lab.home), "the worker has ended")
        entries = {one["run_id"]: one["state"] for one in self.lab.do("ls", all=True)["entries"]}
        found += [f"{one} is {state} in the queue" for one, state in entries.items() if state != "done"]
        found += [f"{one} is not in the queue" for one in self.runs[-900:] if one not in entries]
        return found

    def words(self) -> str:
        """What came of it."""
        states = Counter(self.lab.state(one) for one in self.runs)
        return f"{len(self.runs)} tasks: {dict(states)}; killed: {dict(self.kills)}; lines: {len(self.lab.lines())}"


def children_of(pid: int) -> list[int]:
    """The processes that it has started."""
    try:
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _tree(folder: Path) -> dict[str, Any]:
    def git(*words: str, cwd: Path) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=x", "-c", "user.email=x@x", *words], cwd=cwd, check=True, capture_output=True
        )
        return done.stdout.decode().strip()

    repo = folder / "repo"
    repo.mkdir()
    (folder / "home").mkdir(mode=0o700)
    git("init", "-q", cwd=repo)
    (repo / "a.txt").write_text("a\n")
    git("add", "-A", cwd=repo)
    git("commit", "-qm", "a", cwd=repo)
    return make_tree(repo, folder / "home", git)


def main() -> int:
    """Plays, and says what came of it."""
    parser = argparse.ArgumentParser(
        prog="queue_chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tasks", nargs="?", type=int, default=500)
    parser.add_argument("seconds", nargs="?", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    chaos = Chaos(folder, options.seed)
    try:
        wrong = chaos.play(options.tasks, options.seconds)
        print(chaos.words())
        print(*wrong, f"{len(wrong)} wrong", sep="\n")
        if wrong:
            print(f"left for you to look at: {folder}")
        return 1 if wrong else 0
    finally:
        end_processes_of(str(folder))
        if not sys.exc_info()[0] and not chaos.wrong():
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
