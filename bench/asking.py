"""`status` of many runs on several hosts, each a real sshd of the tests on a loopback port: what it takes, and what it asks."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.history import run_ids, sealed_for
from bench.place import REPRUN, environment, run, timed
from bench.project import make_project
from bench.report import RATIO, VALUE, Measure

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from ssh_lab import SshHost, SshLab

HOSTS = ("gpu1", "gpu2", "gpu3")
_HOME = Path(".local", "share", "reprun")


def measure(place: str, count: int, rounds: int) -> Iterator[list[Measure]]:
    """The lines. They are compared with one ssh to each host, one after the other, over connections that stand already."""
    if not (shutil.which("ssh") and (shutil.which("sshd") or os.path.exists("/usr/sbin/sshd"))):
        print("no sshd is here: nothing is measured over ssh", file=sys.stderr)
        return
    lab = SshLab()
    try:
        hosts = [lab.host(name) for name in HOSTS]
        print(f"making {count} runs on {len(hosts)} hosts …", file=sys.stderr)
        env = {**environment(os.path.join(place, "home-far")), **hosts[0].environ}
        path = _project(place, hosts, env, count)
        yield from _status(path, hosts, env, count, rounds)
    finally:
        lab.close()


def _status(path: str, hosts: list[SshHost], env: dict[str, str], count: int, rounds: int) -> Iterator[list[Measure]]:
    shown = run([REPRUN, "status"], path, env).decode()
    if shown.count("  running  ") != count:
        raise RuntimeError(f"status does not show {count} running runs")
    before = _sessions(hosts)
    ours, theirs = [], []
    for _ in range(rounds):
        ours.append(timed([REPRUN, "status"], path, env))
    asked = (_sessions(hosts) - before) / rounds / len(hosts)
    for _ in range(rounds):
        begin = time.perf_counter()
        for host in hosts:
            run([*host.command, "-o", "BatchMode=yes", *_shared(), "--", host.name, "ls .local/share/reprun/runs"], path, env)
        theirs.append((time.perf_counter() - begin) * 1000)
    name = f"status of {count} runs on {len(hosts)} hosts"
    yield [
        Measure(f"{name}; ssh HOST ls, one after the other", ours, theirs, RATIO),
        Measure(f"{name}: requests to each host", [asked], how=VALUE, target=1, unit="requests"),
        Measure(f"{name}, with 2 of them gone and seen before", _without(path, hosts, env, rounds), how=VALUE),
    ]


def _without(path: str, hosts: list[SshHost], env: dict[str, str], rounds: int) -> list[float]:
    for host in hosts[1:]:
        host.stop()
        host.kill_connections()
    return [timed([REPRUN, "status"], path, env) for _ in range(rounds)]


def _shared() -> tuple[str, ...]:
    return ("-o", "ControlMaster=auto", "-o", "ControlPath=/tmp/reprun-bench-%C", "-o", "ControlPersist=60")


def _sessions(hosts: list[SshHost]) -> int:
    return sum(len(re.findall("Starting session: ", host.daemon.log.read_text())) for host in hosts)


def _project(place: str, hosts: list[SshHost], env: dict[str, str], count: int) -> str:
    """A repository whose runs all run: one on each host for real, and copies of its records and of its folder there."""
    path = make_project(os.path.join(place, "far"), 20)
    targets = "".join(f'[targets.{host.name}]\nhost = "{host.name}"\n' for host in hosts)
    Path(path, "reprun.toml").write_text(targets, encoding="utf-8")
    ids = list(run_ids(count))
    for at, host in enumerate(hosts):
        run([REPRUN, "launch", "--on", host.name, "--", "sleep", "100000"], path, env)
        _copy(path, host, ids[at :: len(hosts)])
    return path


def _copy(path: str, host: SshHost, ids: list[str]) -> None:
    runs = host.home / _HOME / "runs"
    (old,) = os.listdir(runs)
    journals = Path(path, ".git", "reprun", "journal")
    (journal,) = journals.rglob(f"{old}.jsonl")
    manifest = run(["git", "cat-file", "blob", f"refs/reprun/manifests/{old}"], path)
    lines = []
    for run_id in ids:
        shutil.copytree(runs / old, runs / run_id, symlinks=True)
        text = journal.read_text(encoding="utf-8").replace(old, run_id)
        (journals / f"{run_id}.jsonl").write_text(text, encoding="utf-8")
        data = sealed_for(manifest, old, run_id)
        blob = run(["git", "hash-object", "-w", "--stdin"], path, stdin=data).decode().strip()
        lines.append(f"create refs/reprun/manifests/{run_id} {blob}\n")
    lines.append(f"delete refs/reprun/manifests/{old}\n")
    run(["git", "update-ref", "--stdin"], path, stdin="".join(lines).encode())
