"""Kills launches while their environment is made, at random moments: `python tests/env_kills.py 200`.

Either only the launch is killed, and the maker goes on, or all that it has started. Whenever an environment is marked as complete
afterwards it has to be whole. At the end twenty launches begin at once with nothing there: they make one environment.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from conda_channel import ensure_channel
from lab import REPRUN, end_processes_of, until

from reprun.runner.env_record import find_record, is_whole
from reprun.runner.files import remove_tree, try_locked
from reprun.runner.paths import Home

_COMMAND = [REPRUN, "launch", "--follow", "--json", "--", "python", "-c", "import greeter"]


def main() -> int:
    """Plays and prints the figures; exit status 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="env_kills", description=__doc__)
    parser.add_argument("number", nargs="?", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="env-kills-") as folder:
        lab = _Lab(Path(folder))
        try:
            return lab.play(options.number, random.Random(options.seed))
        finally:
            end_processes_of(folder)
            remove_tree(str(lab.home))


class _Lab:
    """A repository with a lock, and a home that belongs to nothing else."""

    def __init__(self, folder: Path) -> None:
        self.repo, self.home, self.ends = folder / "repo", folder / "home", Counter[str]()
        self.env = {**os.environ, "REPRUN_HOME": str(self.home), "HOME": str(folder), "CI": "1"}
        self.repo.mkdir()
        text = f"channels: ['{ensure_channel().url}']\ndependencies: [python, pip, greeter, prefixdemo, dialer]\n"
        (self.repo / "environment.yml").write_text(text)
        words = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        for more in (["init", "-q"], ["add", "."], ["commit", "-qm", "one"]):
            subprocess.run(["git", *words, *more], cwd=self.repo, env=self.env, check=True)
        began = time.monotonic()
        self.digest, self.prefix = self.launch()
        self.forget(everything=True)
        self.launch()  # the lock is known now
        self.usual = time.monotonic() - began

    def play(self, number: int, chance: random.Random) -> int:
        """Kills so often, then twenty at once."""
        for at in range(number):
            self.forget(everything=chance.random() < 0.3)
            self.kill_one(chance)
            if (at + 1) % 20 == 0:
                print(f"{at + 1} of {number}, {self.ends['WRONG']} wrong", file=sys.stderr, flush=True)
        self.forget(everything=True)
        with ThreadPoolExecutor(20) as pool:
            found = set(pool.map(lambda _: self.launch(), range(20)))
        made = sorted(name for name in os.listdir(self.home / "envs") if "." not in name)
        self.ends["twenty at once made one" if len(found) == len(made) == 1 else "WRONG"] += 1
        for what, count in self.ends.most_common():
            print(f"{count:6d}  {what}")
        return bool(self.ends["WRONG"])

    def kill_one(self, chance: random.Random) -> None:
        """One launch is killed; what it leaves is looked at; the next one has to work."""
        process = subprocess.Popen(_COMMAND, cwd=self.repo, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.random() * self.usual)
        process.kill()
        process.wait()
        if chance.random() < 0.7:
            end_processes_of(str(self.home))
            until(self.is_free)
        record = find_record(Home(str(self.home)), self.digest)
        left = "complete" if record else "half made" if os.path.lexists(self.prefix) else "not there"
        if record and not is_whole(self.prefix, record):
            self.ends["WRONG"] += 1
        with suppress(AssertionError):
            self.launch()
            record = find_record(Home(str(self.home)), self.digest)
            if record and is_whole(self.prefix, record):
                self.ends[f"left {left}, and whole after the next launch"] += 1
                return
        self.ends["WRONG"] += 1

    def launch(self) -> tuple[str, str]:
        """A launch that ends well: the digest of its environment, and the prefix."""
        done = subprocess.run(_COMMAND, cwd=self.repo, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stdout, done.stderr, flush=True)
            raise AssertionError("the launch does not end well")
        run = json.loads(done.stdout)["data"]["run_dir"]
        table = tomllib.loads((Path(run) / "manifest.toml").read_text())["environment"]
        return str(table["digest"]), str(table["prefix"])

    def is_free(self) -> bool:
        """Whether nobody makes it."""
        with try_locked(self.prefix + ".lock") as is_mine:
            return is_mine

    def forget(self, everything: bool) -> None:
        """Takes the environment away, and with `everything` the packages, too."""
        until(self.is_free)
        remove_tree(self.prefix)
        if everything:
            remove_tree(str(self.home / "pkgs"))


if __name__ == "__main__":
    raise SystemExit(main())
