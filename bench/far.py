"""Launches on another machine: reprun and a script that does the same by hand, in turns, at two lengths of the line.

The host is an sshd on this machine. A relay makes the line to it long: the way is that to a far host, the work that of this one.

Warm: the connection stands. Cold: it does not, as after a night; both have launched on that host before, so its key is known, and
the host has the runner, the repository and its last commit: what comes to a warm launch is the making of the connection.
"""

from __future__ import annotations

import os
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.launching import FIRST, PROMPT, Side
from bench.place import REPRUN, environment, remove, run, start_server
from bench.project import FILE_KIB, copy_project, make_dirty, make_project
from bench.report import MORE, VALUE, Measure

if TYPE_CHECKING:
    from relay import Relay

FLOOR = os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor_far.sh")
TESTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests")
NAME = "far"
TURNS, OCTETS = "round trips", "kB on the line"
TARGETS = {0: 1.3, 50: 1.0}  # round trip in milliseconds: how much longer than the script a launch may take
TRIPS = 3
COLD = (50, 300)
COLD_TRIPS, COLD_ROUNDS = 1, 5  # how many round trips more than the script a cold launch may take; it is the same each time
_SETTLE = 0.5  # seconds until the masters of connections that were reset are gone, with their sockets


@dataclass
class Far:
    """The host: how ssh is called, and where things are there."""

    ssh: list[str]
    folder: str
    relay: Relay


@dataclass
class FarSide(Side):
    """One of the two, with a home here and one on the host."""

    far: Far | None = None
    there: str = ""
    before: int = 0

    @property
    def octets(self) -> int:
        """How many bytes went over the line, ever."""
        assert self.far is not None
        return sum(self.far.relay.count(side).octets for side in ("client", "server"))

    @property
    def server(self) -> str:
        """The jobs are on the host."""
        return self.there

    def words(self, job: list[str]) -> list[str]:
        """The launch."""
        assert self.far is not None
        self.far.relay.forget_turns()
        self.before = self.octets
        if self.kind == "reprun":
            return [REPRUN, "launch", "--on", NAME, "--", *job]
        return ["bash", FLOOR, self.path, self.home, f"run-{self.runs}", NAME, self.there, *job]

    def environment(self) -> dict[str, str]:
        """reprun shares a connection by itself; the script is told how to."""
        assert self.far is not None
        shared = ["-o", "ControlMaster=auto", "-o", f"ControlPath={self.far.folder}/mux", "-o", "ControlPersist=600"]
        options = ["-a", "-x", "-o", "BatchMode=yes", "-o", "ClearAllForwardings=yes", *shared]
        words = shlex.join([*self.far.ssh, *options])
        return {**environment(self.home), "REPRUN_SSH": shlex.join(self.far.ssh), "SSH_WORDS": words}

    def at_prompt(self, count: bool) -> None:
        """What ssh says when it goes is still on its way."""
        assert self.far is not None
        if count:
            self.samples[TURNS].append(self.far.relay.turns)
            self.samples[OCTETS].append((self.octets - self.before) / 1000)

    def drop_trees(self) -> None:
        """As for a launch here: the trees of the script are not shared."""
        trees = os.path.join(self.there, "worktrees")
        if self.kind == "floor" and os.path.isdir(trees):
            remove(trees)
            run(["git", "worktree", "prune"], os.path.join(self.there, "repo.git"))


def measure(place: str, files: int, rounds: int, kib: int = FILE_KIB) -> Iterator[list[Measure]]:
    """Warm launches over each line, how many round trips one takes, and cold ones."""
    project = make_project(os.path.join(place, f"far-project-{files}"), files, kib)
    with _host(place) as far:
        ours, theirs = sides = [_make_side(place, project, kind, far) for kind in ("reprun", "floor")]
        for trip, target in TARGETS.items():
            far.relay.delay_ms = trip / 2
            _take_turns(sides, rounds, f"{trip} ms")
            name = f"new tree, {files} files, {trip} ms round trip"
            yield [
                Measure(f"{name}, to the {what}", ours.samples[what], theirs.samples[what], target=target)
                for what in (FIRST, PROMPT)
            ]
        # At the longest line, where the order of what is said is clear: at others words cross that do not wait for each other.
        far.relay.delay_ms = COLD[-1] / 2
        _take_turns(sides, min(rounds, COLD_ROUNDS), "warm, for the trips")
        name = f"{TURNS} of such a launch, {files} files, with the two that ssh needs for a session"
        yield [Measure(name, ours.samples[TURNS], theirs.samples[TURNS], how=VALUE, target=TRIPS, unit="trips")]
        for trip in COLD:
            far.relay.delay_ms = trip / 2
            _take_turns(sides, min(rounds, COLD_ROUNDS), f"cold, {trip} ms", is_cold=True)
            yield _cold(sides, f"cold launch, new tree, {files} files, {trip} ms round trip")
    remove(project)


def _cold(sides: list[FarSide], name: str) -> list[Measure]:
    ours, theirs = (side.samples for side in sides)
    return [
        Measure(f"{name}, to the {FIRST}", ours[FIRST], theirs[FIRST]),
        Measure(f"{name}, {OCTETS}", ours[OCTETS], theirs[OCTETS], unit="kB"),
        Measure(f"{name}, {TURNS}", ours[TURNS], theirs[TURNS], how=MORE, target=COLD_TRIPS, unit="trips"),
    ]


def _take_turns(sides: list[FarSide], rounds: int, state: str, *, is_cold: bool = False) -> None:
    for side in sides:
        side.samples = {FIRST: [], PROMPT: [], TURNS: [], OCTETS: []}
    for round_ in range(-2, rounds):  # those before the first are to warm up
        for side in sides if round_ % 2 else sides[::-1]:
            side.drop_trees()
            make_dirty(side.path, f"{state} {round_}")
            if is_cold and side.far is not None:
                side.far.relay.reset()
                time.sleep(_SETTLE)
            side.launch(count=round_ >= 0)


def _make_side(place: str, project: str, kind: str, far: Far) -> FarSide:
    path = copy_project(project, f"{project}-{kind}")
    home = os.path.join(place, f"home-far-{kind}")
    os.makedirs(home, mode=0o700, exist_ok=True)
    there = os.path.join(far.folder, "home", ".local/share/reprun" if kind == "reprun" else "floor")
    side = FarSide(path, home, kind, far=far, there=there)
    start_server(there)
    if kind == "reprun":
        with open(os.path.join(path, "reprun.toml"), "w", encoding="utf-8") as file:
            file.write(f'[targets.{NAME}]\nhost = "{NAME}"\n')
    else:
        run(["git", "init", "--quiet", "--bare", "--template=", os.path.join(there, "repo.git")], place)
    make_dirty(path, "at first")
    side.launch(count=False)
    return side


@contextmanager
def _host(place: str) -> Iterator[Far]:
    """A host of the tests, in the scratch folder, behind a relay."""
    sys.path.append(TESTS)
    from relay import Relay
    from ssh_lab import SshLab

    before, tempfile.tempdir = tempfile.tempdir, place
    try:
        lab = SshLab()
    finally:
        tempfile.tempdir = before
    try:
        host = lab.host("gpu1")
        with Relay(("127.0.0.1", host.port)) as relay:
            lab.add(NAME, host, ("127.0.0.1", relay.port))
            yield Far(host.command, str(host.folder), relay)
    finally:
        lab.close()
